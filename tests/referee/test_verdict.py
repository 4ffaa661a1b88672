"""The promotion rule, decided from per-item scores."""

from __future__ import annotations

import pytest

from labwright.contracts.research import Outcome
from labwright.referee.verdict import (
    Confirmed,
    Decision,
    NeedsMoreSeeds,
    decide,
    median_place,
    stage_one,
    stage_two,
)
from labwright.stats import compare_paired

ITEMS = 300


def scores(right: int, items: int = ITEMS) -> list[float]:
    """A model that gets the first `right` items right."""
    return [1.0] * right + [0.0] * (items - right)


def decided(
    candidate: int, *retrains: int, incumbent: int = 60, few_shot: int | None = None, **rest: object
) -> Decision:
    return decide(
        scores(candidate),
        scores(incumbent),
        comparisons_planned=6,
        few_shot=scores(incumbent if few_shot is None else few_shot),
        retrains=[scores(r) for r in retrains],
        **rest,  # type: ignore[arg-type]
    )


def test_a_clear_gain_asks_for_a_fresh_seed_before_it_is_promoted() -> None:
    found = decided(183)
    assert (found.outcome, found.retrains_wanted) == (Outcome.KEEP, 1)
    assert found.reason == (
        "+41.0 points against the few-shot base (95 % CI +35.7 to +46.7), p = 1.9e-37 < 0.05/6; "
        "a retrain with a fresh seed must confirm it"
    )
    assert found.threshold == pytest.approx(0.05 / 6)
    assert found.noise_floor is None


def test_a_gain_that_a_fresh_seed_shows_again_is_promoted() -> None:
    found = decided(183, 180)
    assert (found.outcome, found.retrains_wanted) == (Outcome.PROMOTE, 0)
    assert "a retrain with a fresh seed confirms it (+40.0 points, p = 1.5e-36 < 0.05)" in found.reason
    assert found.noise_floor == pytest.approx(0.0070710678)
    assert [c.difference.estimate for c in found.retrains] == [pytest.approx(0.4)]


def test_a_gain_that_a_fresh_seed_does_not_show_again_is_a_lucky_seed() -> None:
    found = decided(90, 62)
    assert (found.outcome, found.retrains_wanted) == (Outcome.KEEP, 0)
    assert "does not confirm it (+0.7 points" in found.reason
    assert "a lucky seed" in found.reason


def test_noisy_seeds_ask_for_one_more_and_the_worse_of_two_decides() -> None:
    asked = decided(120, 90)
    assert (asked.outcome, asked.retrains_wanted) == (Outcome.KEEP, 2)
    assert "training seeds differ by 7.1 points (standard deviation), more than 3, so 2 retrains" in asked.reason
    assert decided(120, 90, 110).outcome is Outcome.PROMOTE
    assert "the median of 2 retrains with fresh seeds confirms it (+10.0 points" in decided(120, 90, 110).reason
    assert decided(120, 90, 61).outcome is Outcome.KEEP


def test_a_study_may_ask_for_more_retrains_from_the_start() -> None:
    assert decided(120, seeds=3).retrains_wanted == 3
    assert decided(120, 118, seeds=3).retrains_wanted == 3
    assert decided(120, 61, 90, 118, seeds=3).outcome is Outcome.PROMOTE  # the median, 90, passes


def test_a_model_that_does_not_beat_the_few_shot_base_has_failed() -> None:
    found = decided(63)
    assert (found.outcome, found.retrains_wanted) == (Outcome.DISCARD, 0)
    assert found.reason.startswith("does not beat the few-shot base: +1.0 points against the few-shot base")
    assert "p = 0.25 ≥ 0.05/6" in found.reason


def test_beating_a_weak_incumbent_does_not_help_a_model_below_the_few_shot_base() -> None:
    found = decided(150, incumbent=60, few_shot=160)
    assert found.outcome is Outcome.DISCARD
    assert found.reason.startswith("does not beat the few-shot base (-3.3 points")
    assert "+30.0 points against the incumbent" in found.reason


def test_a_tie_is_a_tie_and_the_incumbent_stays() -> None:
    for candidate in (120, 121, 119):
        found = decided(candidate, incumbent=120, few_shot=10, incumbent_name="t2.r3")
        assert (found.outcome, found.retrains_wanted) == (Outcome.KEEP, 0)
        assert found.reason.startswith("a tie with t2.r3, which stays")


def test_a_model_that_is_worse_than_the_incumbent_is_discarded() -> None:
    found = decided(100, incumbent=120, few_shot=10, incumbent_name="t2.r3")
    assert found.outcome is Outcome.DISCARD
    assert found.reason.startswith("worse than t2.r3: -6.7 points")


def test_more_planned_comparisons_make_the_first_stage_harder() -> None:
    seven_to_nothing = compare_paired(scores(67), scores(60))  # p = 0.0156
    assert stage_one(seven_to_nothing, 1).finding == "better"
    assert stage_one(seven_to_nothing, 3).finding == "better"
    assert stage_one(seven_to_nothing, 4).finding == "tie"


def test_a_trained_incumbent_is_represented_by_its_own_retrains() -> None:
    lucky: dict[str, int] = {"incumbent": 100, "few_shot": 10}
    weaker = decided(140, 138, incumbent_retrains=[scores(90)], **lucky)
    assert weaker.retrains[0].difference.estimate == pytest.approx(48 / ITEMS)
    two = decided(140, 138, incumbent_retrains=[scores(90), scores(96)], **lucky)
    assert two.retrains[0].difference.estimate == pytest.approx(42 / ITEMS), "doubt speaks for the incumbent"


def test_where_less_is_better_a_fall_is_the_gain() -> None:
    found = decided(60, 63, incumbent=183, sign=-1.0)
    assert found.outcome is Outcome.PROMOTE
    assert found.reason.startswith("-41.0 points against the few-shot base")
    assert decided(183, incumbent=60, sign=-1.0).outcome is Outcome.DISCARD
    assert decided(60, 90, 70, incumbent=183, sign=-1.0).retrains[0].difference.estimate == pytest.approx(-0.31)


def test_scores_between_nothing_and_all_are_judged_by_the_same_rule() -> None:
    weak, strong = [0.3 + 0.001 * (i % 7) for i in range(60)], [0.5 + 0.002 * (i % 5) for i in range(60)]
    found = decide(strong, weak, comparisons_planned=6, retrains=[strong], few_shot=weak)
    assert found.outcome is Outcome.PROMOTE


def test_the_second_stage_says_which_retrain_decided() -> None:
    retrains = [scores(120), scores(100), scores(110)]
    again = [compare_paired(r, scores(60)) for r in retrains]
    found = stage_two(0.4, [0.4, 0.333, 0.367], again, seeds=3)
    assert isinstance(found, Confirmed)
    assert (found.passed, found.deciding) == (True, 2)
    assert stage_two(0.4, [], [], seeds=1) == NeedsMoreSeeds(1, None)


def test_the_median_of_an_even_number_is_the_worse_one() -> None:
    assert median_place([0.5, 0.4, 0.6, 0.7]) == 0
    assert median_place([0.5, 0.4, 0.6, 0.7], sign=-1.0) == 2
