"""Deduplication keeps the first of each, and says of every row that went which row stands for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.transforms.rows_of import column, pairs, version_of

from labwright.contracts.errors import DataError
from labwright.data.origins import read_dropped
from labwright.data.transforms import dedup

TEXT = "The old lighthouse keeper climbs {} steps each night to light the lamp, and walks home along the {} at dawn"


def test_dedup_keeps_the_first_of_each_whatever_spaces_stand_around(tmp_path: Path) -> None:
    once = dedup(pairs(tmp_path, [("a", "1"), ("b", "1"), ("a ", "1"), ("a", "2"), ("b", "1")]))
    assert column(once, "prompt") == ["a", "b", "a"]
    assert once.lineage[-1].params == {"near": False, "removed": 2}
    gone = list(read_dropped(tmp_path / "home", once.lineage[-1].dropped))
    assert [(row.row, row.instead, row.reason) for row in gone] == [
        (3, 1, "the same as an earlier row"),
        (5, 2, "the same as an earlier row"),
    ]


def test_rows_that_differ_in_their_ids_only_are_the_same_example(tmp_path: Path) -> None:
    rows = [{"id": n, "question": f"What is {n % 2} plus one?", "answer": str(n % 2 + 1)} for n in range(6)]
    assert column(dedup(version_of(tmp_path, rows)), "id") == [0, 1]


def test_dedup_by_columns_looks_at_these_alone(tmp_path: Path) -> None:
    rows = [{"doc": n // 2, "text": f"sentence number {n}"} for n in range(6)]
    version = version_of(tmp_path, rows)
    once = dedup(version, by=["doc"])
    assert column(once, "text") == ["sentence number 0", "sentence number 2", "sentence number 4"]
    assert once.lineage[-1].params == {"near": False, "removed": 3, "by": ["doc"]}
    with pytest.raises(DataError, match="no column 'docs'") as error:
        dedup(version, by=["docs"])
    assert error.value.cure == "choose from: doc, text"


def test_near_dedup_removes_small_changes_but_not_other_numbers(tmp_path: Path) -> None:
    version = pairs(
        tmp_path,
        [
            (TEXT.format(12, "shore"), "ok"),
            (TEXT.format(12, "shore!").upper(), "OK"),
            (TEXT.format(13, "shore"), "ok"),
            (TEXT.format(12, "beach"), "ok"),
            ("Something else entirely", "ok"),
            (TEXT.format(12, "shore"), "ok"),
        ],
    )
    kept = dedup(version, near=True)
    assert column(kept, "prompt") == [TEXT.format(12, "shore"), TEXT.format(13, "shore"), "Something else entirely"]
    params = kept.lineage[-1].params
    assert (params["removed"], params["removed_near"], params["threshold"]) == (3, 2, 0.8)
    gone = list(read_dropped(tmp_path / "home", kept.lineage[-1].dropped))
    assert [(row.row, row.instead, "nearly" in row.reason) for row in gone] == [
        (2, 1, True),
        (4, 1, True),
        (6, 1, False),
    ]


def test_rows_without_any_text_are_the_same_only_if_everything_is(tmp_path: Path) -> None:
    version = version_of(tmp_path, [{"x": 1, "y": 2}, {"x": 1, "y": 3}, {"y": 2, "x": 1}])
    assert column(dedup(version), "y") == [2, 3]
