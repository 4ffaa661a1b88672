"""Dataset versions are found by id, name and beginning, whichever study made them or none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labwright.contracts.errors import UsageError
from labwright.contracts.events import DatasetRegistered, GateChecked
from labwright.contracts.research import DatasetVersion, GateReport, Lineage
from labwright.ledger import Ledger

STEP = Lineage(
    "subset", {"size": 3, "weights": [1.0], "by": None}, ("b" * 16,), (0,), "a" * 16, "labwright 0", "o", "d"
)


def _version(digit: str, name: str) -> DatasetVersion:
    return DatasetVersion(digit * 16, name, f"/objects/{digit}.jsonl", "rows", 3, "/src.jsonl", (STEP,))


def test_a_version_without_a_study_comes_back_as_it_was(ledger_url: str) -> None:
    version = _version("a", "easy")
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, DatasetRegistered(version))
    with Ledger.open(ledger_url) as ledger:
        assert ledger.dataset("a" * 16) == ledger.dataset("easy") == ledger.dataset("aaaaaa") == version
        assert ledger.dataset("aaaaa") is ledger.dataset("other") is ledger.dataset("a%") is None
        assert ledger.datasets() == (version,)


def test_the_newest_of_a_name_counts(ledger_url: str) -> None:
    first, second = _version("a", "easy"), _version("b", "easy")
    again = replace(first, lineage=())
    with Ledger.open(ledger_url) as ledger:
        for version in (first, second, again):
            ledger.record(None, DatasetRegistered(version))
        assert ledger.dataset("easy") == again
        assert ledger.datasets() == (again, second)


def test_a_beginning_that_several_ids_have_is_refused(ledger_url: str) -> None:
    first = _version("a", "x")
    with Ledger.open(ledger_url) as ledger:
        for version in (first, replace(first, id="a" * 15 + "b")):
            ledger.record(None, DatasetRegistered(version))
        with pytest.raises(UsageError, match="several") as error:
            ledger.dataset("a" * 8)
        assert error.value.cure == f"write more of it: {'a' * 16}, {'a' * 15}b"
        assert ledger.dataset("a" * 16) == first


def test_the_gate_s_word_on_a_version_is_found(ledger_url: str) -> None:
    report = GateReport("a" * 16, "dev", 3, 1, "block")
    with Ledger.open(ledger_url) as ledger:
        ledger.record(None, GateChecked("bench", report))
        ledger.record(None, GateChecked("bench", replace(report, dataset_id="b" * 16)))
        assert ledger.gates_of("a" * 16) == (report,)
