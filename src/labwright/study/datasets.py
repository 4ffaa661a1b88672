"""A study's training sets: registered under their content hash, audited, and followed through the data gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from labwright.contracts.errors import SpecError
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import DatasetVersion
from labwright.contracts.views import StudyView
from labwright.data.audit import audit
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
        version = _with_its_past(version, ledger.dataset(version.id))
        ledger.record(view.id, DatasetRegistered(version, tuple(audit(version))))


def _with_its_past(version: DatasetVersion, known: DatasetVersion | None) -> DatasetVersion:
    """With the steps by which the lab itself made these rows before, so that the gate knows what they were made of."""
    if known is None or known.id != version.id:
        return version
    before = tuple(step for step in known.lineage if step not in version.lineage)
    if not any(step.parents or "source" in step.params for step in before):
        return version
    kept = [*before]
    if "sources" in version.lineage[-1].params:  # a person's word counts beside what was recorded
        last = kept[-1]
        kept[-1] = replace(last, params={**last.params, "sources": version.lineage[-1].params["sources"]})
    return replace(version, lineage=tuple(kept))


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
