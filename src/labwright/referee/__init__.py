"""The referee: it holds the sealed items, scores models and gives verdicts, in a process of its own.

The engine talks to it through `client`; only `process` and what it builds on may open the vault.
"""

from pathlib import Path

WORKER_SCRIPT = Path(__file__).with_name("worker.py")
"""The generation worker: a standalone script that the referee starts in a sandbox."""
