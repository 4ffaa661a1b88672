"""Paired comparisons, checked against statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar

from labwright.stats import compare_paired, mcnemar_exact, sign_flip


@pytest.mark.parametrize(("wins", "losses"), [(1, 0), (5, 5), (12, 3), (3, 12), (84, 39), (250, 1)])
def test_mcnemar_agrees_with_statsmodels(wins: int, losses: int) -> None:
    assert mcnemar_exact(wins, losses) == pytest.approx(mcnemar([[7, wins], [losses, 9]], exact=True).pvalue)


def test_without_a_discordant_item_nothing_is_shown() -> None:
    found = compare_paired([1, 0, 1], [1, 0, 1])
    assert (found.wins, found.losses, found.p_value) == (0, 0, 1.0)
    assert (found.difference.low, found.difference.estimate, found.difference.high) == (0, 0, 0)


def test_wins_losses_and_difference_are_counted_from_the_first_model() -> None:
    found = compare_paired([1, 1, 1, 0, 0], [0, 0, 1, 1, 0])
    assert (found.items, found.wins, found.losses) == (5, 2, 1)
    assert found.difference.estimate == pytest.approx(0.2)


def test_the_paired_interval_agrees_with_scipys_bootstrap() -> None:
    dice = np.random.default_rng(8)
    first, second = (dice.random(300) < 0.6).astype(float), (dice.random(300) < 0.45).astype(float)
    found = compare_paired(first.tolist(), second.tolist())
    theirs = scipy_stats.bootstrap((first - second,), np.mean, method="percentile", rng=dice).confidence_interval
    assert (found.difference.low, found.difference.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_scores_that_are_not_ones_and_zeros_get_a_sign_flip_test() -> None:
    dice = np.random.default_rng(9)
    first, second = dice.random(40), dice.random(40) - 0.15
    found = compare_paired(first.tolist(), second.tolist())
    theirs = scipy_stats.permutation_test(
        (first, second), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        n_resamples=50_000, vectorized=True, rng=dice,
    )  # fmt: skip
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.01)


def test_a_sign_flip_test_of_unit_differences_is_mcnemar() -> None:
    assert sign_flip([1.0] * 14 + [-1.0] * 5) == pytest.approx(mcnemar_exact(14, 5), abs=0.005)
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([0.5] * 200) == pytest.approx(1 / 100_001)


def test_models_that_answered_other_items_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="the same items"):
        compare_paired([1, 0], [1])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_turning_a_comparison_round_turns_only_its_sign(answers: list[tuple[bool, bool]]) -> None:
    first, second = [float(a) for a, _ in answers], [float(b) for _, b in answers]
    one, other = compare_paired(first, second), compare_paired(second, first)
    assert (one.wins, one.losses, one.p_value) == (other.losses, other.wins, other.p_value)
    assert one.difference.estimate == pytest.approx(-other.difference.estimate)
    assert one.difference.low <= one.difference.estimate + 1e-12
    assert one.difference.estimate <= one.difference.high + 1e-12
