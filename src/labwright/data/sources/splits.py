"""Which split a file belongs to, by its name or its folder's, as the `datasets` library has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

_Member = TypeVar("_Member")

_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_ORDER = tuple(_WORDS)
_SHARD = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}")
_BETWEEN = re.compile(r"[-_. 0-9]+")


def by_split(members: Sequence[tuple[str, _Member]]) -> dict[str, list[_Member]]:
    """Members by the split that their path within the source tells, train first; where none tells, it is `train`."""
    found: dict[str, list[_Member]] = {}
    for name, member in members:
        found.setdefault(split_of(name) or "train", []).append(member)
    return {name: found[name] for name in sorted(found, key=_rank)}


def split_of(name: str) -> str | None:
    """`data/train-00000-of-00002.parquet`, `test.jsonl`, `my_valid_1.csv`, `dev/x.jsonl`; None where it tells none."""
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    if not parts:
        return None
    shard = _SHARD.match(parts[-1])
    stem = shard["split"] if shard is not None else parts[-1].split(".")[0]
    told = _word(stem)
    if told is None and shard is not None and stem != "data" and len(parts) > 1 and parts[-2] == "data":
        return stem  # a split with a name of its own
    return told or next((word for part in reversed(parts[:-1]) if (word := _word(part))), None)


def _word(text: str) -> str | None:
    pieces = _BETWEEN.split(text.lower())
    return next((split for split, words in _WORDS.items() if any(word in pieces for word in words)), None)


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name), "") if name in _ORDER else (len(_ORDER), name)
