"""Labwright runs the machine-learning post-training research loop: the agent proposes, the referee decides.

Importing this package does nothing and pulls in nothing heavy; the surfaces are in `labwright.cli`, and
`labwright.assemble` builds a lab from a configuration.
"""

__version__ = "0.1.0"
