"""What else a candidate's directory holds: named, so that a person knows of it, and never handed to the worker.

Code, pickles, another tokenizer or chat template would have mattered had anyone read them. Everything here is written
by an untrusted run: names are escaped, files are opened as regular files only, and the walk has an end.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

from labwright.contracts.errors import BoundaryError
from labwright.contracts.research import Incident
from labwright.referee.tensors import read_regular, shown

_CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".sh", ".ipynb")
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")
_OTHER_WEIGHTS = (".safetensors", ".gguf", ".h5", ".msgpack", ".onnx")
_THEIR_OWN = "it differs from the base's, which is the one that counts"
_SETTINGS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
_BOOKKEEPING = ("transformers_version", "_from_model_config")
_LONGEST_TEXT_BYTES = 64 << 20
_MOST_FILES = 10_000
_DEEPEST = 6
_MOST_NAMED = 20


def foreign_files(candidate: Path, base: Path, taken: Collection[str], where: str) -> tuple[Incident, ...]:
    """An incident for each file beside those `taken` that could have spoken, run or decided. `where` is the run."""
    found = []
    for path in _contents(candidate):
        name = str(path.relative_to(candidate))
        what = _meaning(path, name, base) if name not in taken else ""
        if what:
            found.append(f"{candidate.name}/{shown(name)} was ignored: {what}")
    found.sort()
    if len(found) > _MOST_NAMED:
        found[_MOST_NAMED:] = [f"{len(found) - _MOST_NAMED} more files in {candidate.name}/ were ignored"]
    return tuple(Incident(where, "foreign-files", detail) for detail in found)


def pickles(candidate: Path) -> str:
    """A half sentence for where weights are missing: the pickle that the run left instead, if it did."""
    names = sorted(path.name for path in _contents(candidate) if path.suffix.lower() in _PICKLES)
    return f"; {shown(names[0])} is a pickle, which is never opened" if names else ""


def _contents(directory: Path) -> Iterator[Path]:
    """All but its folders, to a depth and a number that no honest model reaches. Links are not followed."""
    waiting, left = [(directory, 0)], _MOST_FILES
    while waiting:
        folder, depth = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in islice(entries, left):
                left -= 1
                if not entry.is_dir(follow_symlinks=False):
                    yield Path(entry.path)
                elif depth < _DEEPEST:
                    waiting.append((Path(entry.path), depth + 1))


def _meaning(path: Path, name: str, base: Path) -> str:
    mode, suffix = path.lstat().st_mode, path.suffix.lower()
    if stat.S_ISLNK(mode):
        return "a link"
    if not stat.S_ISREG(mode):
        return "a device, a pipe or a socket"
    if suffix in _CODE:
        return "code, which is never run"
    if suffix in _PICKLES and path.name != "training_args.bin":  # the trainer's own note, never a model
        return "a pickle, which is never opened"
    if suffix in _OTHER_WEIGHTS and path.name == name:  # further down they are a trainer's checkpoints
        return "weights beside those that are taken"
    if suffix == ".jinja":
        return _THEIR_OWN if (_bytes(path) or b"").decode(errors="replace").strip() != _template(base) else ""
    return _meaning_of_json(path, name, base) if suffix == ".json" and path.name == name else ""


def _meaning_of_json(path: Path, name: str, base: Path) -> str:
    content = _object(_bytes(path))
    if content is None:
        return "no plain JSON object; the base's is the one that counts" if name in _SETTINGS else ""
    if content.get("auto_map"):
        return "it names code to run, and the base's config is the one that counts"
    if name == "tokenizer.json" and _vocabulary(content) != _vocabulary(_of_base(base, name)):
        return "another tokenizer than the base's, which is the one that counts"
    if name == "tokenizer_config.json" and _stripped(content.get("chat_template")) not in (None, _template(base)):
        return "another chat template than the base's, which is the one that counts"
    if name == "generation_config.json" and _decoding(content) != _decoding(_of_base(base, name)):
        return _THEIR_OWN
    if name.endswith(".index.json") and not _stays_inside(content):
        return "it names files outside its directory; the shards that are there are what counts"
    return ""


def _template(base: Path) -> object:
    """The base's chat template, in either of the places where one may stand. None where it has none."""
    own = base / "chat_template.jinja"
    return (
        own.read_text().strip()
        if own.is_file()
        else _stripped(_of_base(base, "tokenizer_config.json").get("chat_template"))
    )


def _stripped(template: object) -> object:
    return template.strip() if isinstance(template, str) else template


def _vocabulary(content: dict[str, object]) -> tuple[object, ...]:
    """What a tokenizer.json makes of text, without what training sets (padding) or a library's version writes anew."""
    model, added = content.get("model"), content.get("added_tokens")
    if not isinstance(model, dict):
        return (model,)
    merges = model.get("merges")
    if isinstance(merges, list):  # "a b" in older files, ["a", "b"] in newer ones
        merges = [" ".join(map(str, pair)) if isinstance(pair, list) else pair for pair in merges]
    tokens = added if isinstance(added, list) else []
    names = [(token.get("id"), token.get("content")) for token in tokens if isinstance(token, dict)]
    return (model.get("type"), model.get("vocab"), merges, names)


def _decoding(content: dict[str, object]) -> dict[str, object]:
    """A generation_config.json without the special tokens, which trainers set, and without bookkeeping."""
    return {k: v for k, v in content.items() if k not in _BOOKKEEPING and not k.endswith("_token_id")}


def _stays_inside(index: dict[str, object]) -> bool:
    shards = index.get("weight_map")
    names = shards.values() if isinstance(shards, dict) else ()
    return all(isinstance(name, str) and Path(name).name == name for name in names)


def _of_base(base: Path, name: str) -> dict[str, object]:
    """A JSON file of the base's, which is trusted and may lie behind the links of a cache."""
    path = base / name
    return (_object(path.read_bytes()) or {}) if path.is_file() else {}


def _object(content: bytes | None) -> dict[str, object] | None:
    try:
        table = json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    return table if isinstance(table, dict) else None


def _bytes(path: Path) -> bytes | None:
    try:
        return read_regular(path, most_bytes=_LONGEST_TEXT_BYTES)
    except BoundaryError:
        return None
