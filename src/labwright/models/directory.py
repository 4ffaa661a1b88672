"""Model directories: what one must hold to be used, and the hash that names it.

Only the standard library is needed: a safetensors file begins with a JSON header, so corrupt files are found, and
parameters counted, without loading anything. Pickles are refused because loading one runs the code in it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from labwright.contracts.errors import ModelError

WEIGHTS = "*.safetensors"
CONFIG_FILES = ("config.json", "generation_config.json", "model.safetensors.index.json")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_A_TOKENIZER = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
_NOTE = "labwright.json"  # beside the model: the hashes of files whose size and time have not changed since
_LONGEST_HEADER = 100_000_000  # bytes; the safetensors format's own limit

OnProgress = Callable[[str, float], None]


def identify(directory: Path, progress: OnProgress) -> tuple[str, int]:
    """Check a model directory, and return its SHA-256 over config, tokenizer and weights, and its parameters.

    Hashing a large model takes a while, so the result is noted beside the model and holds as long as every file keeps
    its size and modification time.

    Raises:
        ModelError: the directory cannot be used as a base model.
    """
    check(directory)
    files = _files(directory)
    stamps = {f.name: [f.stat().st_size, f.stat().st_mtime_ns] for f in files}
    noted = _read_note(directory / _NOTE)
    if noted.get("files") == stamps and isinstance(noted.get("model_id"), str):
        return noted["model_id"], int(noted["parameters"])
    model_id = _digest(files, progress)
    parameters = sum(_parameters(f) for f in files if f.match(WEIGHTS))
    _write_note(directory / _NOTE, {"model_id": model_id, "parameters": parameters, "files": stamps})
    return model_id, parameters


def content_id(directory: Path) -> str:
    """The SHA-256 that `identify` gives a directory, computed anew and noted nowhere."""
    return _digest(_files(directory), lambda _what, _fraction: None)


def check(directory: Path) -> None:
    """Raise ModelError where the directory is no model that may be loaded."""
    where = str(directory)
    if not (directory / "config.json").is_file():
        if (directory / "adapter_config.json").is_file():
            cure = "merge the adapter into its base (peft's merge_and_unload) and save that"
            raise ModelError("this is an adapter, not a complete model", where=where, cure=cure)
        cure = "give a directory as transformers' save_pretrained writes it"
        raise ModelError("there is no config.json", where=where, cure=cure)
    pickles = sorted(p.name for p in directory.iterdir() if p.suffix in PICKLES)
    if pickles:
        raise ModelError(
            f"{', '.join(pickles)}: pickled files are refused, because loading one runs the code in it",
            where=where,
            cure="save the weights with save_pretrained, which writes safetensors, and remove the pickled files",
        )
    for name in ("config.json", "tokenizer_config.json"):
        if "auto_map" in _json(directory / name):
            raise ModelError(
                "the model brings Python code of its own (auto_map), and Labwright never runs that",
                where=str(directory / name),
                cure="use a model whose architecture transformers knows",
            )
    if "model_type" not in _json(directory / "config.json"):
        cure = "give a directory as transformers' save_pretrained writes it"
        raise ModelError("no model_type is named", where=str(directory / "config.json"), cure=cure)
    if not any((directory / name).is_file() for name in _A_TOKENIZER):
        cure = "save the tokenizer beside the model: tokenizer.save_pretrained(DIRECTORY)"
        raise ModelError("there is no tokenizer (tokenizer.json)", where=where, cure=cure)
    _check_weights(directory)


def _check_weights(directory: Path) -> None:
    weights = sorted(directory.glob(WEIGHTS))
    if not weights:
        cure = "save the model with save_pretrained, which writes safetensors"
        raise ModelError("there are no weights (*.safetensors)", where=str(directory), cure=cure)
    index = _json(directory / "model.safetensors.index.json")
    missing = set(index.get("weight_map", {}).values()) - {w.name for w in weights}
    if missing:
        cure = "copy or download the model again"
        raise ModelError(f"{', '.join(sorted(missing))} is missing", where=str(directory), cure=cure)
    for path in weights:
        _parameters(path)


def _parameters(path: Path) -> int:
    """How many numbers a safetensors file holds, from its header. Raises ModelError where the file is corrupt."""
    cure = "copy or download the file again"
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST_HEADER):
            raise ModelError("this is no complete safetensors file", where=str(path), cure=cure)
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            tensors = [value for name, value in header.items() if name != "__metadata__"]
            end = max((t["data_offsets"][1] for t in tensors), default=0)
            count = int(sum(math.prod(t["shape"]) for t in tensors))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelError("its header is corrupt", where=str(path), cure=cure) from error
    if end != size - 8 - length:
        text = f"it is cut off: {size - 8 - length} bytes of tensors instead of {end}"
        raise ModelError(text, where=str(path), cure=cure)
    return count


def _files(directory: Path) -> list[Path]:
    """The files that make the model what it is, by name."""
    named = [directory / n for n in (*CONFIG_FILES, *TOKENIZER_FILES) if (directory / n).is_file()]
    return sorted([*named, *directory.glob(WEIGHTS)])


def _digest(files: list[Path], progress: OnProgress) -> str:
    total = sum(f.stat().st_size for f in files) or 1
    done = 0
    digest = hashlib.sha256()
    for path in files:
        progress("hashing the base model", done / total)
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {own}\n".encode())
        done += path.stat().st_size
    progress("hashing the base model", 1.0)
    return digest.hexdigest()


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"this is no JSON: {error}", where=str(path), cure="copy or download it again") from error
    return content if isinstance(content, dict) else {}


def _read_note(path: Path) -> dict[str, Any]:
    """What was noted, or nothing where the note is missing or damaged: then everything is hashed anew."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(path: Path, note: dict[str, Any]) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    whole = {**_read_note(path), **note}  # a study's best/ says in the same file what it is
    with suppress(OSError):  # a read-only model directory is fine: it is hashed again next time
        fresh.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
