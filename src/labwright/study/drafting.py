"""A study from a few fields: what a prompt or a tool call says, written out as a study.yaml as a person would write it.

So nothing enters the ledger that could not have been a file, and every mistake is named by the same checks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

import yaml
from pydantic import JsonValue

from labwright.contracts.errors import SpecError, UsageError
from labwright.contracts.specs import DataFormat
from labwright.study.spec import STUDY_FILE, StudySource, read_study

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_NAME_LETTERS = 40
_FIELD = re.compile(r"\(([^)]+)\)$")
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
    except UsageError as error:
        path.unlink()
        directory.rmdir()
        field = _FIELD.search(error.where or "")  # a line of a file that is gone says less
        raise SpecError(error.what, where=field.group(1) if field else error.where, cure=error.cure) from error


def data_names(stems: Sequence[str]) -> list[str]:
    """The names that training files get in a study, from their own: `train`, and `train-2` for another of that name."""
    names: list[str] = []
    for stem in map(_slug, stems):
        numbered = (f"{stem}-{number}" for number in count(2))
        names.append(next(name for name in chain((stem,), numbered) if name not in names))
    return names


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
    names = data_names([path.stem for path in draft.data])
    data = [{"name": n, "path": str(p), "format": data_format(p)} for n, p in zip(names, draft.data, strict=True)]
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
