"""Splits share no row, no copy and no group, and keep proportions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.transforms.rows_of import column, pairs, rows_in, version_of

from labwright.contracts.errors import DataError
from labwright.data.transforms import Plan, split

STORY = "Once upon a time in the year {} a miller had three sons, and to each of them he left {} in his last will"


def test_parts_have_the_wanted_sizes_and_share_no_row(tmp_path: Path) -> None:
    version = pairs(tmp_path, [(f"question {n}", f"answer {n}") for n in range(100)])
    made = split(version, Plan({"train": 0.8, "dev": 0.1, "test": 0.1}, seed=3))
    assert {part: one.rows for part, one in made.items()} == {"train": 80, "dev": 10, "test": 10}
    together = [prompt for one in made.values() for prompt in column(one, "prompt")]
    assert sorted(map(str, together)) == sorted(map(str, column(version, "prompt")))
    assert made["dev"].name == "data-dev"
    assert made["dev"].id == split(version, Plan({"train": 0.8, "dev": 0.1, "test": 0.1}, seed=3))["dev"].id


def test_copies_and_near_copies_stay_together(tmp_path: Path) -> None:
    texts = [(STORY.format(n // 4, ("a mill", "a mill!", "A MILL", "a mill")[n % 4]), "so") for n in range(80)]
    made = split(pairs(tmp_path, texts), Plan({"train": 0.5, "test": 0.5}, seed=1))
    years = {part: {str(p).lower().split()[7] for p in column(one, "prompt")} for part, one in made.items()}
    assert not years["train"] & years["test"]
    assert {one.rows for one in made.values()} == {40}
    straddling = split(pairs(tmp_path, texts), Plan({"train": 0.5, "test": 0.5}, seed=1, duplicates="none"))
    years = {part: {str(p).lower().split()[7] for p in column(one, "prompt")} for part, one in straddling.items()}
    assert years["train"] & years["test"]


def test_a_group_is_never_in_two_parts_even_through_copies(tmp_path: Path) -> None:
    rows = [{"text": f"sentence {n}", "doc": n // 5} for n in range(60)]
    rows += [{"text": "sentence 0", "doc": 11}]  # a copy links documents 0 and 11
    made = split(version_of(tmp_path, rows), Plan({"train": 0.7, "test": 0.3}, seed=2, group="doc"))
    docs = {part: set(column(one, "doc")) for part, one in made.items()}
    assert not docs["train"] & docs["test"]
    assert any({0, 11} <= one for one in docs.values())
    assert sum(one.rows for one in made.values()) == 61


def test_a_stratified_split_has_every_value_in_proportion(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": "rare" if n % 10 == 0 else "usual"} for n in range(200)]
    made = split(version_of(tmp_path, rows), Plan({"train": 0.8, "test": 0.2}, stratify="label"))
    assert Counter(column(made["test"], "label")) == {"usual": 36, "rare": 4}
    assert made["train"].lineage[-1].params["values"] == {"rare": 16, "usual": 144}


def test_numbers_of_rows_may_leave_rows_over(tmp_path: Path) -> None:
    version = pairs(tmp_path, [(f"question {n}", f"answer {n}") for n in range(50)])
    made = split(version, Plan({"train": 20, "test": 5}))
    assert {part: one.rows for part, one in made.items()} == {"train": 20, "test": 5}
    assert made["test"].lineage[-1].params["not_taken"] == 45


def test_parts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    version = pairs(tmp_path, [(f"question {n}", "x") for n in range(10)])
    for parts in (
        {},
        {"a": 0.5, "b": 0.4},
        {"a": 9, "b": 2},
        {"a": -1.0, "b": 2.0},
        {"a/b": 1.0},
        {"a": 0.99, "b": 0.01},
    ):
        with pytest.raises(DataError):
            split(version, Plan(parts))
    same = pairs(tmp_path, [("same", "x")] * 10)
    with pytest.raises(DataError, match="would have no rows"):
        split(same, Plan({"a": 0.5, "b": 0.5}))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    groups=st.lists(st.integers(0, 8), min_size=20, max_size=60),
    seed=st.integers(0, 5),
    share=st.sampled_from([0.5, 0.7, 0.9]),
)
def test_whatever_the_groups_no_row_is_lost_or_taken_twice(
    tmp_path: Path, groups: list[int], seed: int, share: float
) -> None:
    rows = [{"text": f"row {n}", "group": group} for n, group in enumerate(groups)]
    plan = Plan({"train": share, "test": 1 - share}, seed=seed, group="group", duplicates="exact")
    try:
        made = split(version_of(tmp_path, rows), plan)
    except DataError:
        assert len(set(groups)) < 4
        return
    found = sorted((str(row["text"]), row["group"]) for one in made.values() for row in rows_in(one))
    assert found == sorted((str(row["text"]), row["group"]) for row in rows)
    assert not set(column(made["train"], "group")) & set(column(made["test"], "group"))
