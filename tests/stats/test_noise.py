"""The noise floor of training seeds."""

from __future__ import annotations

import numpy as np
import pytest

from labwright.stats import noise_floor


def test_the_noise_floor_is_the_sample_standard_deviation_over_seeds() -> None:
    scores = [0.61, 0.68, 0.655]
    assert noise_floor(scores) == pytest.approx(np.std(scores, ddof=1))


def test_one_seed_says_nothing_about_noise() -> None:
    assert noise_floor([0.7]) == 0.0
    assert noise_floor([]) == 0.0
