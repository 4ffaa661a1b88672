"""From issues to a number that a person can read, and to a verdict with its reason.

The score starts at 100. Each kind of issue costs up to its `most` points: all of them where its share reaches `ruin`,
and less in proportion to the square root of the share, because the first per cent of bad rows teaches most of the harm
that ten per cent do. Information costs nothing. What is unfit scores below 40, whatever the sum. The numbers are
judgements; they are here in one table to be argued with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from labwright.contracts.data import Fitness, Issue, IssueClass, Purpose

FIT_SCORE = 80
WORTH_FIXING = 10.0  # points that one kind of issue costs
UNFIT_SCORE = 40
MOST_LOST = 0.5  # a set of which more than half would have to go is not worth mending


@dataclass(frozen=True, slots=True)
class Cost:
    """Up to how many points, and the share of rows at which all of them are gone."""

    most: float
    ruin: float


COSTS: Mapping[IssueClass, Cost] = {
    IssueClass.SCHEMA_DRIFT: Cost(15, 0.3),
    IssueClass.MIXED_TYPES: Cost(15, 0.2),
    IssueClass.MISSING: Cost(25, 0.3),
    IssueClass.EMPTY: Cost(30, 0.3),
    IssueClass.EXACT_DUPLICATE: Cost(20, 0.5),
    IssueClass.NEAR_DUPLICATE: Cost(12, 0.5),
    IssueClass.CONFLICTING_LABELS: Cost(30, 0.3),
    IssueClass.LABEL_ERROR: Cost(30, 0.3),
    IssueClass.CLASS_IMBALANCE: Cost(10, 1.0),
    IssueClass.LENGTH_OUTLIER: Cost(5, 0.1),
    IssueClass.TRUNCATED: Cost(20, 0.5),
    IssueClass.ENCODING_DAMAGE: Cost(20, 0.2),
    IssueClass.MARKUP: Cost(10, 0.5),
    IssueClass.BOILERPLATE: Cost(15, 0.3),
    IssueClass.LANGUAGE_MIX: Cost(10, 0.5),
    IssueClass.PII: Cost(20, 0.1),
    IssueClass.SECRET: Cost(25, 0.01),
    IssueClass.TOXIC: Cost(15, 0.1),
    IssueClass.REFUSAL: Cost(15, 0.2),
    IssueClass.CHAT_FORMAT: Cost(30, 0.3),
    IssueClass.SPLIT_LEAKAGE: Cost(25, 0.1),
    IssueClass.CONTAMINATION: Cost(40, 0.02),
    IssueClass.LICENCE: Cost(10, 1.0),
    IssueClass.PROVENANCE: Cost(5, 1.0),
}
RUINOUS: Mapping[IssueClass, tuple[float, str]] = {
    IssueClass.EMPTY: (0.5, "most rows are empty"),
    IssueClass.MISSING: (0.5, "most rows lack what is to be learnt"),
    IssueClass.CONFLICTING_LABELS: (0.5, "most rows contradict one another"),
    IssueClass.LABEL_ERROR: (0.4, "too many labels look wrong to learn from"),
    IssueClass.ENCODING_DAMAGE: (0.5, "most texts are damaged"),
    IssueClass.CHAT_FORMAT: (0.7, "most conversations are malformed"),
    IssueClass.CONTAMINATION: (0.5, "most rows hold items of the benchmark"),
}
"""Kinds that, as errors and at this share, no fix saves."""
REMOVED = frozenset(
    {
        IssueClass.MISSING,
        IssueClass.EMPTY,
        IssueClass.EXACT_DUPLICATE,
        IssueClass.NEAR_DUPLICATE,
        IssueClass.CONFLICTING_LABELS,
        IssueClass.LABEL_ERROR,
        IssueClass.TOXIC,
        IssueClass.REFUSAL,
        IssueClass.CHAT_FORMAT,
        IssueClass.SPLIT_LEAKAGE,
        IssueClass.CONTAMINATION,
    }
)
"""Kinds whose rows are best left out; rows of the others can be mended and stay."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score from 0 to 100, what it lost to which kind of issue, and the verdict."""

    score: int
    parts: Mapping[str, float]
    fitness: Fitness
    why: str


def judge(issues: Sequence[Issue], purpose: Purpose | None, rows: int, lost: float) -> Judgement:
    """Score and verdict; `lost` is the share of rows that are best left out."""
    parts: dict[str, float] = {}
    for issue in issues:
        points = round(_points(issue), 1)
        if points:
            parts[issue.kind.value] = max(points, parts.get(issue.kind.value, 0.0))
    parts = dict(sorted(parts.items(), key=lambda part: -part[1]))
    score = max(0, round(100 - sum(parts.values())))
    ruin = _ruin(issues, score, rows, lost)
    if ruin:
        return Judgement(min(score, UNFIT_SCORE - 1), parts, "unfit", f"too low quality to train on: {ruin}")
    return _mendable(issues, purpose, score, parts, rows, lost)


def _mendable(
    issues: Sequence[Issue], purpose: Purpose | None, score: int, parts: Mapping[str, float], rows: int, lost: float
) -> Judgement:
    goal = f" for {purpose}" if purpose else ""
    bad = list(dict.fromkeys(issue.kind.value for issue in issues if issue.severity == "error"))
    if not bad and score >= FIT_SCORE and max(parts.values(), default=0.0) <= WORTH_FIXING:
        small = f" ({', '.join(parts)} cost {100 - score} points)" if parts else ""
        return Judgement(score, parts, "fit", f"good enough to train on{goal} as it is{small}")
    named = list(dict.fromkeys([*bad, *list(parts)[:3]]))
    left = (
        f"; about {round(rows * (1 - lost)):,} of {rows:,} rows are left without those that cannot be mended"
        if lost
        else ""
    )
    return Judgement(score, parts, "fit after these fixes", f"mend {', '.join(named)} first{left}")


def _ruin(issues: Sequence[Issue], score: int, rows: int, lost: float) -> str:
    for issue in issues:
        share, reason = RUINOUS.get(issue.kind, (2.0, ""))
        if issue.severity == "error" and issue.share >= share:
            return f"{reason} ({issue.share:.0%} of {issue.looked_at:,})"
    if any(issue.severity == "error" for issue in issues) and lost > MOST_LOST:
        return f"about {lost:.0%} of the {rows:,} rows would have to go"
    if score < UNFIT_SCORE:
        return f"its score is {score} of 100"
    return ""


def _points(issue: Issue) -> float:
    if issue.severity == "info":
        return 0.0
    cost = COSTS[issue.kind]
    return cost.most * sqrt(min(1.0, issue.share / cost.ruin)) if issue.share else 0.0
