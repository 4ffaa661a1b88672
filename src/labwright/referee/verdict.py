"""The rule of promotion: pure functions from per-item scores to a verdict.

Two stages, after the design's own simulation (benchmarks/promotion.py): the exact McNemar test on all of dev with
p < 0.05 / K against the incumbent, where K comparisons were planned at the start; then p < 0.05 once more between
retrains with fresh seeds. The first stage keeps the chance of a false promotion over a whole study, the second keeps a
lucky training seed from being taken for a better method. A tie is a tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from labwright.contracts.research import Comparison, Outcome
from labwright.stats import compare_paired, noise_floor

ALPHA = 0.05
NOISY = 0.03  # a spread over seeds beyond three points asks for more seeds
MOST_RETRAINS = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule says, and the numbers behind it."""

    outcome: Outcome
    reason: str
    comparison: Comparison
    threshold: float
    retrains: tuple[Comparison, ...] = ()
    noise_floor: float | None = None
    retrains_wanted: int = 0


def passes(comparison: Comparison, threshold: float, sign: float = 1.0) -> bool:
    """Whether a comparison shows a gain: in the right direction, and too unlikely to be chance."""
    return sign * comparison.difference.estimate > 0 and comparison.p_value < threshold


def decide(
    candidate: Sequence[float],
    incumbent: Sequence[float],
    *,
    comparisons_planned: int,
    retrains: Sequence[Sequence[float]] = (),
    incumbent_retrains: Sequence[Sequence[float]] = (),
    few_shot: Sequence[float] | None = None,
    sign: float = 1.0,
) -> Decision:
    """Decide on a candidate from per-item scores on all of dev.

    Args:
        candidate, incumbent: one score an item, the same items in the same order.
        comparisons_planned: K, fixed when the study began.
        retrains: the candidate's configuration trained again with fresh seeds, one sequence of scores a seed.
        incumbent_retrains: the same of the incumbent, where it was trained; an untrained incumbent has none.
        few_shot: the few-shot base, to say whether the candidate beats at least that.
        sign: 1 where more is better, -1 where less is.
    """
    threshold = ALPHA / comparisons_planned
    first = compare_paired(candidate, incumbent)
    said = _said(first, threshold, comparisons_planned)
    if not passes(first, threshold, sign):
        return Decision(Outcome.DISCARD, _why_not(first, said, candidate, few_shot, sign), first, threshold)
    floor = noise_floor([fmean(candidate), *(fmean(r) for r in retrains)]) if retrains else None
    wanted = 1 if floor is None or floor <= NOISY else MOST_RETRAINS
    if len(retrains) < wanted:
        why = "a retrain with a fresh seed has to confirm it" if floor is None else (
            f"seeds differ by {100 * floor:.1f} points, so {wanted} retrains have to confirm it")  # fmt: skip
        return Decision(Outcome.KEEP, f"{said}; {why}", first, threshold, (), floor, retrains_wanted=wanted)
    return _confirm(first, threshold, said, retrains, incumbent_retrains or [incumbent], floor or 0.0, sign)


def _confirm(
    first: Comparison,
    threshold: float,
    said: str,
    retrains: Sequence[Sequence[float]],
    incumbents: Sequence[Sequence[float]],
    floor: float,
    sign: float,
) -> Decision:
    """The second stage: the median retrain against the median retrain of the incumbent."""
    again = tuple(compare_paired(r, _median(incumbents, sign)) for r in retrains)
    middle = compare_paired(_median(retrains, sign), _median(incumbents, sign))
    gain = f"{100 * middle.difference.estimate:+.1f} points, p = {middle.p_value:.2g}"
    if passes(middle, ALPHA, sign):
        return Decision(
            Outcome.PROMOTE, f"{said}; a retrain with a fresh seed confirms it: {gain}", first, threshold, again, floor
        )
    return Decision(
        Outcome.KEEP,
        f"{said}; but a retrain with a fresh seed does not confirm it: {gain}",
        first,
        threshold,
        again,
        floor,
    )


def _median(scores: Sequence[Sequence[float]], sign: float) -> Sequence[float]:
    """The middle one by mean score; of an even number the worse of the two in the middle."""
    ranked = sorted(scores, key=lambda s: sign * fmean(s))
    return ranked[(len(ranked) - 1) // 2]


def _said(comparison: Comparison, threshold: float, planned: int) -> str:
    d = comparison.difference
    return (
        f"{100 * d.estimate:+.1f} points over the incumbent (95 % CI {100 * d.low:+.1f} to {100 * d.high:+.1f}), "
        f"p = {comparison.p_value:.2g} against {ALPHA}/{planned} = {threshold:.2g}"
    )


def _why_not(
    comparison: Comparison, said: str, candidate: Sequence[float], few_shot: Sequence[float] | None, sign: float
) -> str:
    if few_shot is not None and sign * (fmean(candidate) - fmean(few_shot)) <= 0:
        return f"does not beat the few-shot base: {said}"
    if comparison.difference.estimate == 0:
        return f"a tie: {said}"
    return f"no significant gain: {said}"
