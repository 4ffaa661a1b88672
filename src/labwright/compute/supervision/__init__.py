"""The supervisor of one run: a small detached program that outlives whoever started it.

The folder stands apart because it runs on its own: it imports the standard library and itself, nothing else of
Labwright, so that it starts in some 30 ms, stays small, and a defect elsewhere cannot take a running training down.
`process.py` starts it with this folder as the top-level package `supervision`, hence the relative imports.
"""
