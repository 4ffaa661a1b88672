"""What the intern is composed of, besides what the harness gives it: each file is one capability with one subject.

Policy, spending and steps come first in the agent's list, so that nothing another capability does passes them by.
"""
