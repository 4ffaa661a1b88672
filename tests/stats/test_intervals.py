"""Intervals, checked against statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from labwright.stats import bootstrap_mean, mean_interval, wilson


@pytest.mark.parametrize(("successes", "items"), [(0, 1), (0, 200), (1, 3), (37, 100), (199, 200), (200, 200)])
def test_wilson_agrees_with_statsmodels(successes: int, items: int) -> None:
    found = wilson(successes, items)
    low, high = proportion_confint(successes, items, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert found.estimate == successes / items


def test_wilson_refuses_an_empty_benchmark_and_impossible_counts() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        wilson(0, 0)
    with pytest.raises(ValueError):
        wilson(3, 2)


def test_bootstrap_agrees_with_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(3).beta(2, 5, 250)
    found = bootstrap_mean(values.tolist())
    theirs = scipy_stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(4))
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.003)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.003)


def test_bootstrap_of_ones_and_zeros_lies_near_wilson() -> None:
    found, exact = bootstrap_mean([1.0] * 120 + [0.0] * 180), wilson(120, 300)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_bootstrap_is_the_same_for_the_same_seed_and_differs_for_another() -> None:
    values = [0.1, 0.5, 0.9, 0.3, 0.7]
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values, seed=1, resamples=50) != bootstrap_mean(values, seed=2, resamples=50)


def test_bootstrap_of_many_distinct_values_is_drawn_in_pieces() -> None:
    values = np.random.default_rng(5).normal(0.5, 0.1, 3000)
    found = bootstrap_mean(values.tolist(), resamples=2000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 3000**0.5, rel=0.1)


def test_equal_values_leave_no_doubt() -> None:
    found = bootstrap_mean([0.25] * 10)
    assert (found.low, found.estimate, found.high) == (0.25, 0.25, 0.25)


def test_a_score_of_ones_and_zeros_gets_wilson_and_any_other_the_bootstrap() -> None:
    assert mean_interval([1.0, 0.0, 1.0]) == wilson(2, 3)
    assert mean_interval([0.5, 0.0, 1.0]) == bootstrap_mean([0.5, 0.0, 1.0])
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])
