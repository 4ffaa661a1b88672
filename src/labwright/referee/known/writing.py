"""A pack on disk: benchmark.yaml, dev.jsonl, test.jsonl, shots.jsonl and provenance.json, all or nothing."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from labwright import __version__
from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.specs import BenchmarkSpec
from labwright.referee.known.division import Divided
from labwright.referee.known.draft import Draft, Question
from labwright.referee.known.options import AddOptions
from labwright.referee.pack import SPEC_FILE, Item, item_fields, read_items, read_pack

PROVENANCE = "provenance.json"
_SAFE_ID = re.compile(r"[^A-Za-z0-9._/-]+")


class _Dumper(yaml.SafeDumper):
    """Texts with line breaks in double quotes, where a person sees them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if "\n" in value else None)


_Dumper.add_representer(str, _text)


def write_pack(
    directory: Path, spec: BenchmarkSpec, draft: Draft, divided: Divided, options: AddOptions, notes: Sequence[str]
) -> None:
    """Write it beside its place, read it as the referee will, and move it there.

    Raises:
        UsageError: the place is taken.
        SpecError, DataError: the pack does not hold; never left behind.
        StorageError: it cannot be written.
    """
    if directory.exists() and any(directory.iterdir() if directory.is_dir() else [directory]):
        raise UsageError("something is there already", where=str(directory), cure="give another place: --out DIR")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as folder:
            fresh = Path(folder) / "pack"
            fresh.mkdir()
            _fill(fresh, spec, draft, divided, options, notes)
            read_pack(fresh)
            read_items(fresh / "test.jsonl", spec)
            if directory.is_dir():
                directory.rmdir()
            shutil.move(fresh, directory)
    except OSError as error:
        raise StorageError.of(error, str(directory)) or error from error


def _fill(
    fresh: Path, spec: BenchmarkSpec, draft: Draft, divided: Divided, options: AddOptions, notes: Sequence[str]
) -> None:
    parts = {"dev": divided.dev, "test": divided.test} | ({"shots": divided.shots} if divided.shots else {})
    for name, questions in parts.items():
        lines = [json.dumps(item_fields(item), ensure_ascii=False) for item in _items(name, questions)]
        (fresh / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    said = spec.model_dump(mode="json", exclude_defaults=True)
    head = f"# Frozen from {draft.origin} by `labwright benchmark add`; see {PROVENANCE}.\n"
    text = yaml.dump(said, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    (fresh / SPEC_FILE).write_text(head + text, encoding="utf-8")
    origin = _provenance(draft, divided, options, notes)
    origin["files"] = {path.name: _digest(path) for path in sorted(fresh.iterdir())}
    (fresh / PROVENANCE).write_text(json.dumps(origin, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _items(part: str, questions: Sequence[Question]) -> list[Item]:
    """Each with an id of its own: the benchmark's where it has one that nobody else has."""
    names = [_SAFE_ID.sub("-", question.name) for question in questions]
    items = []
    for number, (question, name) in enumerate(zip(questions, names, strict=True), start=1):
        own = f"{part}-{name}" if name and names.count(name) == 1 else f"{part}-{number:05d}"
        answer = question.shown or question.answer if part == "shots" else question.answer
        items.append(
            Item(
                own,
                question.prompt,
                answer,
                question.choices,
                question.setup,
                question.tests,
                question.entry_point,
                question.rubric,
                question.answers,
                question.blank,
                question.cases,
                question.instructions,
                question.calls,
                question.baseline,
                question.spans,
                question.criteria,
            )
        )
    return items


def _provenance(draft: Draft, divided: Divided, options: AddOptions, notes: Sequence[str]) -> dict[str, object]:
    splits: Mapping[str, object] = {
        part.name: {
            "rows": part.rows, "questions": len(part.questions), "left_out": dict(part.left_out), "content": part.digest
        }
        for part in draft.parts
    }  # fmt: skip
    return {
        "source": draft.origin,
        "layout": draft.layout,
        "revision": draft.revision,
        "licence": draft.licence,
        "harness": draft.harness,
        "labwright": __version__,
        "seed": options.seed,
        "dev_from": divided.dev_from,
        "test_from": divided.test_from,
        "items": {"dev": len(divided.dev), "test": len(divided.test), "shots": len(divided.shots)},
        "splits": splits,
        "notes": list(notes),
        "details": dict(draft.details),
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
