"""The environment that a run gets: an allow-list, never the caller's own with a few names removed.

Tokens hide under names that nobody thought of, so only names known to be harmless and useful pass.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TEMPORARY_HOME = "/tmp"  # in the sandbox a tmpfs of the run's own

_ALLOWED = frozenset(
    {
        "PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "LD_LIBRARY_PATH",
        "PYTHONHASHSEED",
        "OMP_NUM_THREADS",
        "OMP_PROC_BIND",
        "OMP_PLACES",
        "OMP_WAIT_POLICY",
        "KMP_AFFINITY",
        "KMP_BLOCKTIME",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "CUDA_HOME",
        "CUBLAS_WORKSPACE_CONFIG",
        "NVIDIA_VISIBLE_DEVICES",
        "NVIDIA_DRIVER_CAPABILITIES",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "PYTORCH_CUDA_ALLOC_CONF",
    }
)
_ALLOWED_PREFIXES = ("LC_",)

_ALWAYS = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "TRACKIO_DISABLED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
}


def scrubbed(source: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """What a run may see of the environment `source`, with `extra` granted on top of it.

    No token, proxy or session variable passes; hubs and trackers are switched off, because a run has no network.
    `HOME` and `HF_HOME` point under /tmp; `extra` wins over everything, since a person granted it.
    """
    kept = {name: value for name, value in source.items() if name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)}
    kept.setdefault("PATH", DEFAULT_PATH)
    kept.setdefault("LANG", "C.UTF-8")
    return {**kept, **_ALWAYS, **home_in(TEMPORARY_HOME), **extra}


def home_in(directory: str) -> dict[str, str]:
    """The variables that make `directory` the home of a run, where libraries keep their caches."""
    return {"HOME": directory, "TMPDIR": "/tmp", "HF_HOME": f"{directory}/huggingface"}
