"""A study's training sets know what they were made of, by whatever way their rows came to the lab before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.toys.toy_study import toy_lab, write_study

from labwright.assemble import Lab
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import DatasetVersion
from labwright.contracts.specs import SourceSpec
from labwright.data.ancestry import shared
from labwright.data.lineage import declared, lineage
from labwright.data.sources import open_source
from labwright.data.transforms import Rules, keep_rows
from labwright.data.versions import register, register_table
from labwright.study.datasets import register_missing
from labwright.study.spec import read_study

NUMBERS = (SourceSpec(name="hub:org/numbers", splits=("test",)),)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with (opened := toy_lab(tmp_path / "home")).ledger:
        yield opened


def registered(lab: Lab, folder: Path, *before: DatasetVersion) -> DatasetVersion:
    """The training set `clean` as a study has it, where the lab came by these versions before."""
    for version in before:
        lab.ledger.record(None, DatasetRegistered(version))
    study_id = lab.create_study(read_study(folder))
    register_missing(lab.ledger, lab.ledger.study_view(study_id), lab.home)
    return next(version for version in lab.ledger.study_view(study_id).datasets if version.name == "clean")


def from_the_hub(lab: Lab, folder: Path) -> DatasetVersion:
    table = replace(open_source(str(folder / "clean.jsonl")), origin="hub:org/numbers@main", split="test")
    return register_table(table, "from-the-hub", lab.home)


def test_a_copy_that_was_opened_as_a_file_hides_no_past(tmp_path: Path, lab: Lab) -> None:
    folder = write_study(tmp_path / "study", tmp_path)
    copy = register_table(open_source(str(folder / "clean.jsonl")), "a-copy", lab.home)
    version = registered(lab, folder, from_the_hub(lab, folder), copy)
    assert shared(declared(version), NUMBERS) == ("org/numbers (test)",)
    assert lineage(version).id == version.id


def test_a_transform_that_changed_nothing_is_told_with_the_file_that_it_began_with(tmp_path: Path, lab: Lab) -> None:
    folder = write_study(tmp_path / "study", tmp_path)
    begun = register(folder / "clean.jsonl", "clean", "prompt-completion", lab.home)
    kept = keep_rows(begun, Rules(where="length(prompt) > 0"))
    assert kept.id == begun.id
    version = registered(lab, folder, begun, kept)
    assert [step.transform for step in version.lineage] == ["register", "filter"]
    assert [node.step.transform for node in lineage(version).walk()] == ["filter", "register"]


def test_a_persons_word_counts_beside_what_the_lab_recorded(tmp_path: Path, lab: Lab) -> None:
    folder = write_study(tmp_path / "study", tmp_path)
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("name: clean", "name: clean\n  sources: ['hub:a/person']", 1))
    version = registered(lab, folder, from_the_hub(lab, folder))
    assert {source.name for source in declared(version)} == {"hub:org/numbers@main", "hub:a/person"}
