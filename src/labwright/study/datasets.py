"""A study's training sets: registered under their content hash, audited, and followed through the data gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.errors import SpecError
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import DatasetVersion
from labwright.contracts.views import StudyView
from labwright.data.audit import audit
from labwright.data.lineage import declared
from labwright.data.versions import register
from labwright.ledger import Ledger


def register_missing(ledger: Ledger, view: StudyView, home: Path) -> None:
    """Register and audit each training set of study.yaml that the ledger does not have yet.

    Raises:
        DataError: a file is missing, empty, malformed or lacks a column; names file, line and field.
    """
    known = {d.name for d in view.datasets}
    for spec in view.spec.data:
        if spec.name in known:
            continue
        path = Path(view.source) / spec.path
        version = register(path, spec.name, spec.format, home, spec.sources)
        version = _with_its_past(version, [each for each in ledger.datasets() if each.id == version.id])
        ledger.record(view.id, DatasetRegistered(version, tuple(audit(version))))


def _with_its_past(version: DatasetVersion, same: Sequence[DatasetVersion]) -> DatasetVersion:
    """With the steps by which the lab itself made these rows before, so that the gate knows what they were made of.

    `same` are the versions of the same rows, the newest last. Where they came by several ways, the longest way is told;
    what the others were made of, and a person's word, stand beside it: a copy of a file has no less of a past.
    """
    made = [one for one in same if any(step.parents or "source" in step.params for step in one.lineage)]
    if not made:
        return version
    told = max(reversed(made), key=lambda one: len(one.lineage))
    said = {source for one in (*made, version) for source in declared(one)} - {*declared(told)}
    said = {source for source in said if not Path(source.name).is_absolute()}  # a copy's own place is no dataset
    if not said:
        return replace(version, lineage=told.lineage)
    *steps, last = told.lineage
    before = last.params.get("sources")
    sources: list[JsonValue] = [
        *(before if isinstance(before, list) else []),
        *(each.model_dump(mode="json") for each in sorted(said, key=str)),
    ]
    return replace(version, lineage=(*steps, replace(last, params={**last.params, "sources": sources})))


def gated_version(view: StudyView, name: str) -> DatasetVersion:
    """The version of a training set that runs may use: the registered one, or what the gate kept of it.

    Raises:
        SpecError: no training set of this name was registered.
    """
    versions = {d.id: d for d in view.datasets}
    version = next((d for d in view.datasets if d.name == name), None)
    if version is None:
        raise SpecError(f"no training set is named {name!r}", where=view.source, cure=f"use one of {sorted(versions)}")
    kept = {g.report.dataset_id: g.report.kept_dataset_id for g in view.gates if g.report.kept_dataset_id}
    while version.id in kept and kept[version.id] in versions and kept[version.id] != version.id:
        version = versions[str(kept[version.id])]
    return version
