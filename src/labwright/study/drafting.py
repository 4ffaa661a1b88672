"""A study from a few fields: what a prompt or a tool call says, written out as a study.yaml as a person would write it.

So nothing enters the ledger that could not have been a file, and every mistake is named by the same checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import yaml
from pydantic import JsonValue

from labwright.contracts.errors import UsageError
from labwright.contracts.specs import DataFormat
from labwright.study.spec import STUDY_FILE, StudySource, read_study

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_NAME_LETTERS = 40
_FIRST_LINE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a study. Paths are absolute; `search` holds study.yaml's fields of that name."""

    goal: str
    base_model: str
    benchmark: Path
    data: Sequence[Path]
    wall_clock: str
    runs: int = 24
    usd: float = 0.0
    recipe: str = "sft"
    params: Mapping[str, JsonValue] = field(default_factory=dict)
    search: Mapping[str, JsonValue] = field(default_factory=dict)


def write_draft(draft: Draft, studies: Path, name: str = "") -> StudySource:
    """Write study.yaml into a new directory under `studies`, and read it back, which checks it.

    Raises:
        SpecError: something in it cannot work; nothing is left behind.
        UsageError: the directory cannot be made.
    """
    slug = _slug(name or draft.goal)
    directory = _new_directory(studies, slug)
    path = directory / STUDY_FILE
    path.write_text(_text(draft), encoding="utf-8")
    try:
        return read_study(directory)
    except UsageError:
        path.unlink()
        directory.rmdir()
        raise


def data_format(path: Path) -> DataFormat:
    """The format of a training file, told from the fields of its first row; what cannot be told is reported later."""
    try:
        with path.open("rb") as file:
            row = json.loads(file.readline(_FIRST_LINE_BYTES))
    except (OSError, ValueError):
        return "prompt-completion"
    fields = set(row) if isinstance(row, dict) else set()
    if "messages" in fields:
        return "messages"
    return "text" if "text" in fields and "prompt" not in fields else "prompt-completion"


def _text(draft: Draft) -> str:
    data: list[dict[str, str]] = []
    for path in draft.data:
        stem = _slug(path.stem)
        taken = {d["name"] for d in data}
        name = next(n for n in (stem, *(f"{stem}-{i}" for i in count(2))) if n not in taken)
        data.append({"name": name, "path": str(path), "format": data_format(path)})
    document = {
        "goal": draft.goal,
        "base_model": draft.base_model,
        "benchmark": str(draft.benchmark),
        "data": data,
        "recipe": {"name": draft.recipe, "params": dict(draft.params)},
        **({"search": dict(draft.search)} if draft.search else {}),
        "budget": {"wall_clock": draft.wall_clock, "runs": draft.runs, "usd": draft.usd},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _new_directory(studies: Path, slug: str) -> Path:
    """A directory that nobody has: what a person wrote is never overwritten."""
    for number in count(1):
        directory = studies / (slug if number == 1 else f"{slug}-{number}")
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"the study's directory cannot be made: {error.strerror}", where=str(directory)) from error
        return directory
    raise AssertionError("numbers do not end")


def _slug(text: str) -> str:
    whole = _NOT_IN_A_NAME.sub("-", text.lower()).strip("-")
    return whole[:_NAME_LETTERS].rstrip("-") or "study"
