"""Subsets, repeats and mixtures: the same for the same seed, and with their weights in the lineage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.data.transforms.rows_of import column, pairs, version_of

from labwright.contracts.errors import DataError
from labwright.contracts.research import DatasetVersion
from labwright.data.transforms import mix, subset, upsample


def _numbered(tmp_path: Path, count: int, name: str = "data") -> DatasetVersion:
    return pairs(tmp_path, [(f"{name} {n}", f"answer {n}") for n in range(count)], name)


def _labelled(tmp_path: Path) -> DatasetVersion:
    rows = [{"text": f"text {n}", "label": "rare" if n % 10 == 0 else "usual"} for n in range(100)]
    return version_of(tmp_path, rows)


def test_a_subset_is_the_same_for_the_same_seed_and_grows_by_adding(tmp_path: Path) -> None:
    version = _numbered(tmp_path, 50)
    small, large = subset(version, 10, 3), subset(version, 20, 3)
    assert small.id == subset(version, 10, 3).id != subset(version, 10, 4).id
    assert set(column(small, "prompt")) < set(column(large, "prompt"))
    assert column(large, "prompt") == [p for p in column(version, "prompt") if p in set(column(large, "prompt"))]
    assert small.lineage[-1].params == {"size": 10, "seed": 3, "not_drawn": 40}
    for size in (0, 51):
        with pytest.raises(DataError, match=f"{size} of 50 rows"):
            subset(version, size, 3)


def test_a_stratified_subset_has_the_proportions_of_the_whole(tmp_path: Path) -> None:
    drawn = subset(_labelled(tmp_path), 20, 1, by="label")
    assert Counter(column(drawn, "label")) == {"usual": 18, "rare": 2}


def test_upsampling_repeats_the_rows_that_meet_a_condition(tmp_path: Path) -> None:
    more = upsample(_numbered(tmp_path, 4), where="prompt IN ('data 1', 'data 2')", factor=3)
    assert [str(prompt)[-1] for prompt in column(more, "prompt")] == list("01112223")
    assert more.lineage[-1].params == {
        "where": "prompt IN ('data 1', 'data 2')",
        "factor": 3,
        "picked": 2,
        "rows_before": 4,
        "rows_after": 8,
    }


def test_upsampling_by_weights_says_how_many_rows_each_weight_was_of(tmp_path: Path) -> None:
    version = _labelled(tmp_path)
    more = upsample(version, by="label", weights={"rare": 4, "usual": 0.5}, seed=5)
    counted = Counter(column(more, "label"))
    assert counted["rare"] == 40
    assert 30 <= counted["usual"] <= 60
    params = more.lineage[-1].params
    assert params["weights"] == {"rare": 4, "usual": 0.5}
    assert params["rows"] == {"rare": 10, "usual": 90}
    assert params["not_drawn"] == 90 - counted["usual"]
    assert more.id == upsample(version, by="label", weights={"rare": 4, "usual": 0.5}, seed=5).id


def test_upsampling_refuses_what_is_not_clear(tmp_path: Path) -> None:
    version = _labelled(tmp_path)
    with pytest.raises(DataError, match="no row meets"):
        upsample(version, where="label = 'absent'", factor=2)
    with pytest.raises(DataError, match="no row has label = 'absent'"):
        upsample(version, by="label", weights={"absent": 2})
    with pytest.raises(DataError, match="a factor of -1"):
        upsample(version, by="label", weights={"rare": -1})
    with pytest.raises(DataError, match="not clear"):
        upsample(version, by="label")
    with pytest.raises(DataError, match="not clear"):
        upsample(version, where="true", factor=2, by="label", weights={"rare": 1})


def test_a_mixture_has_the_wanted_size_and_proportions(tmp_path: Path) -> None:
    first, second = _numbered(tmp_path, 30, "many"), _numbered(tmp_path, 2, "few")
    mixed = mix([first, second], [2, 1], 20, 5)
    prompts = [str(prompt) for prompt in column(mixed, "prompt")]
    assert (mixed.name, mixed.rows, len({p for p in prompts if p.startswith("many")})) == ("many+few", 20, 13)
    assert sorted(Counter(p for p in prompts if p.startswith("few")).values()) == [3, 4]
    assert mixed.id == mix([first, second], [2, 1], 20, 5).id
    assert mixed.lineage[-1].parents == (first.id, second.id)
    assert mixed.lineage[-1].params["rows"] == [13, 7]
    assert mixed.lineage[-1].params["passes"] == [0.4333, 3.5]
    for weights, size in (([1], 5), ([0, 0], 5), ([1, -1], 5), ([1, 1], 0), ([1, float("nan")], 5)):
        with pytest.raises(DataError):
            mix([first, second], weights, size, 1)


def test_versions_of_different_columns_are_not_mixed(tmp_path: Path) -> None:
    first = version_of(tmp_path, [{"a": 1, "b": "x"}], "first")
    second = version_of(tmp_path, [{"a": 1, "c": "x"}], "second")
    with pytest.raises(DataError, match="different columns: b, c"):
        mix([first, second], [1, 1], 2, 0)
    with pytest.raises(DataError, match="different formats"):
        mix([first, _numbered(tmp_path, 2)], [1, 1], 2, 0)
