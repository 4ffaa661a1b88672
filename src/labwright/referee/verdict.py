"""The rule of promotion: pure functions from per-item scores to a verdict.

Two stages. First the exact McNemar test on all of dev must give p < 0.05 / K against the incumbent, where K comparisons
were planned when the study began. Then models trained again with fresh seeds must show p < 0.05 once more. The first
stage bounds the chance that a whole study promotes something by luck of the items; the second keeps a lucky training
seed from being taken for a better method. benchmarks/promotion.py measures both, through these same functions.

A tie is a tie: what does not pass is not better, however its score looks. Comparisons always read "first minus second"
in the metric's own units; the direction of the metric decides what counts as a gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from labwright.contracts.research import Comparison, Outcome
from labwright.stats import compare_paired, noise_floor

ALPHA = 0.05
NOISY = 0.03  # a spread over training seeds beyond three points asks for more seeds
MOST_SEEDS = 3  # training seeds in all: the search's own and two fresh ones

Scores = Sequence[float]  # one an item, the same items in the same order


@dataclass(frozen=True, slots=True)
class StageOne:
    """What the first comparison shows: `better` may go on to fresh seeds."""

    finding: Literal["better", "tie", "worse"]
    threshold: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The deciding retrain shows the gain again, or does not."""

    passed: bool
    deciding: int  # which of the retrains is the median
    noise_floor: float


@dataclass(frozen=True, slots=True)
class NeedsMoreSeeds:
    """`count` fresh-seed retrains are wanted in all; fewer than that were given."""

    count: int
    noise_floor: float | None  # None while there is no retrain


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule says, and the numbers behind it: the part of a Verdict that is no name or id."""

    outcome: Outcome
    reason: str
    comparison: Comparison
    threshold: float
    retrains: tuple[Comparison, ...] = ()
    noise_floor: float | None = None
    retrains_wanted: int = 0  # in all, those already made included


def stage_one(comparison: Comparison, comparisons_planned: int, *, sign: float = 1.0) -> StageOne:
    """The candidate against the incumbent on all of dev, at 0.05 / K (Bonferroni)."""
    threshold = ALPHA / comparisons_planned
    if passes(comparison, threshold, sign):
        return StageOne("better", threshold)
    # Giving a trial up promotes nothing, so it needs no correction for the number of comparisons.
    return StageOne("worse" if passes(comparison, ALPHA, -sign) else "tie", threshold)


def stage_two(
    score: float, retrained: Sequence[float], comparisons: Sequence[Comparison], *, seeds: int = 1, sign: float = 1.0
) -> Confirmed | NeedsMoreSeeds:
    """Fresh seeds of the candidate against the incumbent, at 0.05.

    Args:
        score: the candidate's mean score, from the search.
        retrained: the mean score of each fresh-seed retrain.
        comparisons: each retrain against the incumbent, in the same order.
        seeds: retrains the study asks for anyway.
        sign: 1 where more is better, -1 where less is.

    Of several retrains the median must pass, of an even number the worse of the middle two. So where the deciding one
    fails already, further seeds could not turn the answer, and none are asked for.
    """
    if len(retrained) < seeds:
        return NeedsMoreSeeds(seeds, noise_floor([score, *retrained]) if retrained else None)
    floor = noise_floor([score, *retrained])
    deciding = median_place(retrained, sign)
    passed = passes(comparisons[deciding], ALPHA, sign)
    if passed and floor > NOISY and len(retrained) + 1 < MOST_SEEDS:
        return NeedsMoreSeeds(MOST_SEEDS - 1, floor)
    return Confirmed(passed, deciding, floor)


def passes(comparison: Comparison, threshold: float, sign: float = 1.0) -> bool:
    """Whether a comparison shows a gain: in the right direction, and too unlikely to be chance."""
    return sign * comparison.difference.estimate > 0 and comparison.p_value < threshold


def median_place(scores: Sequence[float], sign: float = 1.0) -> int:
    """Where the median stands; of an even number it is the worse of the two in the middle."""
    ranked = sorted(range(len(scores)), key=lambda i: sign * scores[i])
    return ranked[(len(ranked) - 1) // 2]


def decide(
    candidate: Scores,
    incumbent: Scores,
    *,
    comparisons_planned: int,
    retrains: Sequence[Scores] = (),
    incumbent_retrains: Sequence[Scores] = (),
    few_shot: Scores | None = None,
    incumbent_name: str = "",
    seeds: int = 1,
    sign: float = 1.0,
) -> Decision:
    """Decide on a candidate from per-item scores on all of dev.

    Args:
        candidate, incumbent: one score an item, the same items in the same order.
        comparisons_planned: K, fixed when the study began.
        retrains: the candidate's configuration trained again with fresh seeds, one sequence of scores a seed.
        incumbent_retrains: the same of the incumbent, where it was trained; an untrained incumbent has none, and is
            compared as it is.
        few_shot: the few-shot base; a candidate that does not beat it has failed, whatever the incumbent is.
        incumbent_name: how the reason calls it, such as "t2.r3"; it knows the few-shot base by its scores.
        seeds: fresh-seed retrains the study asks for anyway (`search.retrain_seeds`).
        sign: 1 where more is better, -1 where less is.
    """
    first = compare_paired(candidate, incumbent)
    one = stage_one(first, comparisons_planned, sign=sign)
    is_few_shot = few_shot is not None and list(few_shot) == list(incumbent)
    name = incumbent_name or ("the few-shot base" if is_few_shot else "the incumbent")
    said = _said(first, one, comparisons_planned, name)
    control = first if few_shot is None or is_few_shot else compare_paired(candidate, few_shot)
    if few_shot is not None and not passes(control, one.threshold, sign):
        beside = "" if is_few_shot else f" ({_numbers(control)})"
        text = f"does not beat the few-shot base{beside}: {said}"
        return Decision(Outcome.DISCARD, text, first, one.threshold)
    if one.finding == "worse":
        return Decision(Outcome.DISCARD, f"worse than {name}: {said}", first, one.threshold)
    if one.finding == "tie":
        return Decision(Outcome.KEEP, f"a tie with {name}, which stays: {said}", first, one.threshold)
    return _again(candidate, incumbent, first, one, said, retrains, incumbent_retrains, seeds, sign)


def _again(
    candidate: Scores,
    incumbent: Scores,
    first: Comparison,
    one: StageOne,
    said: str,
    retrains: Sequence[Scores],
    incumbent_retrains: Sequence[Scores],
    seeds: int,
    sign: float,
) -> Decision:
    """The second stage, and what is said about it."""
    against = _typical(incumbent_retrains, sign) if incumbent_retrains else incumbent
    again = tuple(compare_paired(r, against) for r in retrains)
    two = stage_two(fmean(candidate), [fmean(r) for r in retrains], again, seeds=seeds, sign=sign)
    if isinstance(two, NeedsMoreSeeds):
        why = f"{_retrains(two.count)} must confirm it" if two.noise_floor is None or two.noise_floor <= NOISY else (
            f"training seeds differ by {100 * two.noise_floor:.1f} points (standard deviation), more than "
            f"{100 * NOISY:.0f}, so {_retrains(two.count)} must confirm it"
        )  # fmt: skip
        return Decision(Outcome.KEEP, f"{said}; {why}", first, one.threshold, again, two.noise_floor, two.count)
    deciding = again[two.deciding]
    which = "a retrain with a fresh seed" if len(again) == 1 else f"the median of {_retrains(len(again))}"
    gain = f"{_points(deciding.difference.estimate)}, p = {deciding.p_value:.2g}"
    if two.passed:
        text = f"{said}; {which} confirms it ({gain} < {ALPHA})"
        return Decision(Outcome.PROMOTE, text, first, one.threshold, again, two.noise_floor)
    text = f"{said}; but {which} does not confirm it ({gain}, where p < {ALPHA} and a gain are needed): a lucky seed"
    return Decision(Outcome.KEEP, text, first, one.threshold, again, two.noise_floor)


def _typical(retrains: Sequence[Scores], sign: float) -> Scores:
    """The incumbent's median retrain; of an even number the better of the middle two, so that doubt keeps it."""
    return retrains[median_place([fmean(r) for r in retrains], -sign)]


def _said(comparison: Comparison, one: StageOne, planned: int, incumbent_name: str) -> str:
    beaten = "<" if comparison.p_value < one.threshold else "≥"
    gain, _, rest = _numbers(comparison).partition(" (")
    return f"{gain} against {incumbent_name} ({rest} {beaten} {ALPHA}/{planned}"


def _numbers(comparison: Comparison) -> str:
    d = comparison.difference
    return (
        f"{_points(d.estimate)} (95 % CI {100 * d.low:+.1f} to {100 * d.high:+.1f}), "
        f"p = {comparison.p_value:.2g}"
    )  # fmt: skip


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"


def _retrains(count: int) -> str:
    return "a retrain with a fresh seed" if count == 1 else f"{count} retrains with fresh seeds"
