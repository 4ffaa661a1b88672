"""What a bundle holds, as far as it can be read: its files against their hashes, and its history as a study.

Nothing here compares a number; see verification.py. A file that cannot be read is a finding, and not the end.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from labwright.contracts.errors import UsageError
from labwright.contracts.events import Recorded
from labwright.contracts.research import Evaluation, ItemResult
from labwright.contracts.sessions import SessionEvent
from labwright.contracts.specs import BenchmarkSpec, Split
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.referee import scoring
from labwright.referee.pack import Item
from labwright.study import bundle as bundles

UNREADABLE = (OSError, ValueError, KeyError, TypeError)
"""What reading a file that was tampered with may raise."""

_ITEM: TypeAdapter[Item] = TypeAdapter(Item)


@dataclass(frozen=True, slots=True)
class Finding:
    """One number, or one file, that was checked."""

    what: str
    outcome: Literal["agrees", "differs", "not checked"]
    detail: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bundle holds, as far as it can be read."""

    folder: Path
    history: tuple[Recorded, ...]
    view: StudyView
    spec: BenchmarkSpec | None
    items: Mapping[Split, Mapping[str, Item]]
    results: Mapping[str, tuple[ItemResult, ...]]  # by evaluation id


def read_index(folder: Path) -> tuple[str, Mapping[str, str]]:
    """The study's id, and the hash of each file, as they were written down."""
    where = str(folder / bundles.INDEX)
    try:
        index = json.loads((folder / bundles.INDEX).read_text())
        version, study_id, said = index["format"], str(index["study"]), dict(index["files"])
    except UNREADABLE as error:
        raise UsageError(
            f"the bundle's index cannot be read: {error}", where=where, cure="copy or export the bundle again"
        ) from error
    if version != bundles.FORMAT:
        what = f"the bundle has format {version}, and this Labwright reads format {bundles.FORMAT}"
        raise UsageError(what, where=where, cure="verify it with the version of Labwright that wrote it")
    return study_id, said


def check_files(folder: Path, said: Mapping[str, str]) -> Iterator[Finding]:
    """Each file against the hash that was written down for it."""
    present = set(bundles.files_of(folder))
    wrong = sorted(n for n in said if n not in present or bundles.digest(folder / n) != said[n])
    added = sorted(present - set(said))
    for name in wrong:
        yield Finding(
            name, "differs", "gone from the bundle" if name not in present else "its content is not what was hashed"
        )
    for name in added:
        yield Finding(name, "differs", "not among the files that were exported")
    if not wrong and not added:
        yield Finding("files", "agrees", f"{len(said)} files have the hashes that were written down")


def read_contents(folder: Path, study_id: str) -> tuple[Contents, list[Finding]]:
    """What the bundle holds, and a finding for each file that cannot be read.

    Raises LabwrightError where the history does not hold together.
    """
    history = tuple(bundles.read_events(folder))
    view = _replayed(history, study_id)
    unreadable: list[Finding] = []
    spec, items = _spec(folder, unreadable), _items(folder, unreadable)
    results = {e.id: _results(folder, e, unreadable) for e in view.evaluations}
    return Contents(folder, history, view, spec, items, results), unreadable


def _replayed(history: Sequence[Recorded], study_id: str) -> StudyView:
    """The study as its own events tell it."""
    with tempfile.TemporaryDirectory() as scratch, Ledger.open(f"sqlite:///{scratch}/lab.db") as ledger:
        judge = [(r.at, r.event) for r in history if isinstance(r.event, SessionEvent)]
        ledger.record_many(study_id, [(r.at, r.event) for r in history if not isinstance(r.event, SessionEvent)])
        ledger.record_many(None, judge)  # what its judge took
        return ledger.study_view(study_id)


def _spec(folder: Path, unreadable: list[Finding]) -> BenchmarkSpec | None:
    path = folder / "benchmark" / "spec.json"
    try:
        return BenchmarkSpec.model_validate_json(path.read_text()) if path.is_file() else None
    except UNREADABLE as error:
        unreadable.append(Finding("benchmark/spec.json", "differs", f"cannot be read: {first_line(error)}"))
        return None


def _items(folder: Path, unreadable: list[Finding]) -> dict[Split, dict[str, Item]]:
    """The items that the bundle holds, by split and id."""
    found: dict[Split, dict[str, Item]] = {}
    splits: tuple[Split, ...] = ("dev", "test")
    for split in splits:
        path = folder / "benchmark" / f"{split}.jsonl"
        if path.is_file():
            try:
                items = [_ITEM.validate_json(line) for line in _lines(path)]
            except UNREADABLE as error:
                unreadable.append(Finding(f"benchmark/{split}.jsonl", "differs", first_line(error)))
                continue
            found[split] = {i.id: i for i in items}
    return found


def _results(folder: Path, evaluation: Evaluation, unreadable: list[Finding]) -> tuple[ItemResult, ...]:
    name = f"results/{Path(evaluation.id).name}.jsonl"
    if not (folder / name).is_file():
        return ()
    try:
        return tuple(scoring.read_outputs(folder / name))
    except UNREADABLE as error:
        unreadable.append(Finding(name, "differs", f"cannot be read: {first_line(error)}"))
        return ()


def first_line(error: Exception) -> str:
    """What an error says, in a line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().split("\n") if line]
