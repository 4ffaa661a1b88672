"""Test items from a pack's maker script, run without network and without sight of anything but its own directory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from labwright.compute.fences import fence
from labwright.compute.sandbox import Mounts, Sandbox
from labwright.contracts.errors import DataError, LabwrightError, SpecError
from labwright.contracts.specs import BenchmarkSpec, Split
from labwright.referee.pack import Item, read_items

MAKER_TIMEOUT_S = 300.0
MAKER_TASKS = 256  # processes and threads
MAKER_MEMORY_BYTES = 4 << 30


def make_items(
    script: Path, seed: int, count: int, split: Split, sandbox: Sandbox, spec: BenchmarkSpec
) -> tuple[Item, ...]:
    """Items from a maker script, run without network and without sight of anything but its own directory.

    Raises SpecError where the script fails or takes too long; DataError where what it wrote is malformed or short.
    """
    with tempfile.TemporaryDirectory(prefix="labwright-maker-") as folder:
        out = Path(folder) / f"{split}.jsonl"
        argv = [sys.executable, str(script.resolve()), "--seed", str(seed), "--count", str(count)]
        argv += ["--split", split, "--out", str(out)]
        mounts = Mounts(read_only=(script.resolve().parent,), writable=(Path(folder),))
        line = sandbox.command(argv, mounts=mounts, cwd=Path(folder), gpus=False)
        try:
            with fence(line, tasks=MAKER_TASKS, memory_bytes=MAKER_MEMORY_BYTES, mode=sandbox.cgroups) as fenced:
                ended = subprocess.run(
                    fenced.argv,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=MAKER_TIMEOUT_S,
                    cwd=folder,
                    env={"PATH": "/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
                    check=False,
                )
        except subprocess.TimeoutExpired:
            raise SpecError(f"took over {MAKER_TIMEOUT_S:.0f} s to make {count} items", where=str(script)) from None
        if ended.returncode != 0 or not out.is_file() or out.is_symlink():
            said = " | ".join(ended.stderr.strip().splitlines()[-3:]) or "(nothing)"
            raise SpecError(f"ended with exit code {ended.returncode} and said: {said}", where=str(script))
        items = _made_items(out, script, spec)
    if len(items) != count:
        raise DataError(f"made {len(items)} items instead of {count}", where=str(script))
    return items


def _made_items(out: Path, script: Path, spec: BenchmarkSpec) -> tuple[Item, ...]:
    """What a maker wrote; complaints name the script, for its output is gone by then, and never an item's text."""
    try:
        return read_items(out, spec)
    except LabwrightError as error:
        line = (error.where or "").rpartition("/")[2]
        raise DataError("made an item that is malformed", where=f"{script} → {line}", cure=error.cure) from None
