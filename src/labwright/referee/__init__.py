"""The referee: it holds the sealed items, scores models and gives verdicts, in a process of its own.

The engine talks to it through `client`; only `process` and what it builds on may open the vault.
"""

import importlib.util
from pathlib import Path

WORKER_SCRIPT = Path(__file__).with_name("worker.py")
"""The generation worker: a standalone script that the referee starts in a sandbox."""

VLLM_WORKER_SCRIPT = Path(__file__).with_name("worker_vllm.py")
"""The same with vLLM, which has to be installed and needs a GPU."""


def usual_worker(*, gpus: bool) -> Path:
    """The generation worker that suits this machine."""
    return VLLM_WORKER_SCRIPT if gpus and importlib.util.find_spec("vllm") is not None else WORKER_SCRIPT
