"""Buckets too crowded to compare whole: what was left out is counted, and other bands make up for it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from labwright.data.duplicates import Likeness
from labwright.data.duplicates.likeness import sketch
from labwright.data.duplicates.pairing import Grouping
from labwright.data.duplicates.spill import Spill

_VOCABULARY = [f"word{number}" for number in range(500)]
_LOOSE = Likeness(bands=128)  # one value a band: whoever shares anything meets


def _grouping(texts: list[str], folder: Path, most: int) -> Grouping:
    with Spill(folder, _LOOSE.banding[0]) as spill:
        spill.add(sketch(texts, _LOOSE))
        grouping = Grouping(spill.read(), _LOOSE.threshold, most)
    grouping.run()
    return grouping


def test_a_crowd_beyond_its_comparisons_is_counted(tmp_path: Path) -> None:
    rng = random.Random(1)
    template = " ".join(rng.choices(_VOCABULARY, k=30))
    texts = [f"{template} {' '.join(rng.choices(_VOCABULARY, k=30))}" for _ in range(90)]
    assert _grouping(texts, tmp_path, 100).not_compared > 0
    (tmp_path / "whole").mkdir()
    whole = _grouping(texts, tmp_path / "whole", 1_000_000)
    assert whole.not_compared == 0
    assert np.array_equal(whole.roots(np.arange(90)), np.arange(90))


def test_two_that_met_in_a_crowd_are_still_compared_where_they_meet_alone(tmp_path: Path) -> None:
    rng = random.Random(2)
    template = " ".join(rng.choices(_VOCABULARY, k=12))
    texts = [f"{template} {' '.join(rng.choices(_VOCABULARY, k=40))}" for _ in range(90)]
    texts.append(f"{texts[7]} end")
    assert int(_grouping(texts, tmp_path, 100).roots(np.array([90]))[0]) == 7
