"""Transforms give new versions, the same ones for the same arguments, and say what they did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.transforms import dedup, filter_difficulty, mix, subset, upsample
from labwright.data.versions import load, register


def _version(tmp_path: Path, pairs: Sequence[tuple[str, str]], name: str = "sorted") -> DatasetVersion:
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in pairs))
    return register(path, name, "prompt-completion", tmp_path / "home")


def _numbered(count: int) -> list[tuple[str, str]]:
    return [(f"question {n}", f"answer {n}") for n in range(count)]


class LengthScorer:
    """Scores a row by its prompt's last digit, in tenths."""

    def score_rows(self, rows: Sequence[tuple[str, str]]) -> list[float]:
        return [int(prompt[-1]) / 10 for prompt, _ in rows]


def test_difficulty_keeps_what_the_model_neither_always_nor_never_gets_right(tmp_path: Path) -> None:
    kept = filter_difficulty(_version(tmp_path, _numbered(20)), LengthScorer(), 0.2, 0.4)
    assert [row.prompt[-2:].strip() for row in load(kept)] == ["2", "3", "4", "12", "13", "14"]
    assert kept.lineage[-1].params == {"low": 0.2, "high": 0.4, "mean_score": 0.45}
    with pytest.raises(DataError, match="is no range"):
        filter_difficulty(kept, LengthScorer(), 0.6, 0.4)
    with pytest.raises(DataError, match="leaves no rows"):
        filter_difficulty(kept, LengthScorer(), 0.95, 1)


def test_upsampling_repeats_the_rows_that_were_picked(tmp_path: Path) -> None:
    version = _version(tmp_path, _numbered(4))
    more = upsample(version, lambda row: row.prompt.endswith(("1", "2")), 3, label="hard ones")
    assert [row.prompt[-1] for row in load(more)] == list("01112223")
    assert more.lineage[-1].params == {"where": "hard ones", "factor": 3, "picked": 2}
    with pytest.raises(DataError, match="no row is 'absent'"):
        upsample(version, lambda row: False, 2, label="absent")


def test_a_subset_is_the_same_for_the_same_seed_and_grows_by_adding(tmp_path: Path) -> None:
    version = _version(tmp_path, _numbered(50))
    small, large = subset(version, 10, 3), subset(version, 20, 3)
    assert small.id == subset(version, 10, 3).id != subset(version, 10, 4).id
    assert {row.prompt for row in load(small)} < {row.prompt for row in load(large)}
    with pytest.raises(DataError, match="51 of 50 rows"):
        subset(version, 51, 3)


def test_dedup_keeps_the_first_of_each(tmp_path: Path) -> None:
    version = _version(tmp_path, [("a", "1"), ("b", "1"), ("a ", "1"), ("a", "2"), ("b", "1")])
    once = dedup(version)
    assert [(row.prompt, row.completion) for row in load(once)] == [("a", "1"), ("b", "1"), ("a", "2")]
    assert once.lineage[-1].params == {"near": False, "removed": 2}


def test_near_dedup_removes_small_changes_but_not_other_numbers(tmp_path: Path) -> None:
    text = "The old lighthouse keeper climbs {} steps each night to light the lamp, and walks home along the {} at dawn"
    pairs = [
        (text.format(12, "shore"), "ok"),
        (text.format(12, "shore!").upper(), "OK"),
        (text.format(13, "shore"), "ok"),
    ]
    pairs += [(text.format(12, "beach"), "ok"), ("Something else entirely", "ok")]
    kept = dedup(_version(tmp_path, pairs), near=True)
    assert [row.number for row in load(kept)] == [1, 2, 3]
    assert [row.prompt for row in load(kept)] == [pairs[0][0], pairs[2][0], pairs[4][0]]


def test_a_mixture_has_the_wanted_size_and_proportions(tmp_path: Path) -> None:
    first, second = _version(tmp_path, _numbered(30)), _version(tmp_path, [("x", "1"), ("y", "2")], "few")
    mixed = mix([first, second], [2, 1], 20, 5)
    rows = [row.prompt for row in load(mixed)]
    assert (mixed.name, mixed.rows, len({r for r in rows if r.startswith("q")})) == ("sorted+few", 20, 13)
    assert Counter(r for r in rows if r in "xy").most_common()[-1][1] == 3
    assert mixed.id == mix([first, second], [2, 1], 20, 5).id
    assert mixed.lineage[-1].parents == (first.id, second.id)
    for weights, size in (([1], 5), ([0, 0], 5), ([1, -1], 5), ([1, 1], 0)):
        with pytest.raises(DataError):
            mix([first, second], weights, size, 1)
