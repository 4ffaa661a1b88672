"""Search strategies: how a space of configurations is walked. They know scores and steps, never items."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from pydantic import JsonValue

from labwright.contracts.errors import SpecError
from labwright.contracts.researchers import Candidate, Strategy
from labwright.contracts.specs import StudySpec

_RESERVED = ("max_steps", "seed", "format")
_POOL = 1000  # combinations that are looked at where there are too many for all


class GridStrategy:
    """Every combination of `search.vary`, each trained through all rungs."""

    def __init__(self, spec: StudySpec) -> None:
        self._candidates, self.note = _combinations(spec)

    def candidates(self) -> Sequence[Candidate]:
        """The combinations, in the order of study.yaml, the last varied name changing fastest."""
        return self._candidates

    def survivors(self, rung: int, scores: Sequence[tuple[str, float]]) -> Sequence[str]:  # noqa: ARG002
        """All of them, best first: a grid drops nothing."""
        return _ranked(scores)


class HalvingStrategy(GridStrategy):
    """Successive halving (Jamieson and Talwalkar, 2016, arXiv 1502.07943): many a little, few a lot."""

    def __init__(self, spec: StudySpec) -> None:
        super().__init__(spec)
        self._keep = spec.search.keep

    def survivors(self, rung: int, scores: Sequence[tuple[str, float]]) -> Sequence[str]:  # noqa: ARG002
        """The best `keep` of them, at least one; ties go to the earlier trial."""
        return _ranked(scores)[: max(1, math.ceil(round(len(scores) * self._keep, 9)))]  # 100 × 0.07 is 7


def strategy_for(spec: StudySpec) -> Strategy:
    """The strategy that study.yaml names.

    Raises:
        SpecError: `search.vary` varies something that is the harness's own, or has a name without values.
    """
    for name, values in spec.search.vary.items():
        if name in _RESERVED:
            raise SpecError(
                f"{name!r} cannot be varied: the harness sets it",
                where="study.yaml (search.vary)",
                cure="vary rungs through search.rungs; seeds and formats are not a researcher's to choose",
            )
        if not values:
            raise SpecError(
                f"{name!r} has no values", where="study.yaml (search.vary)", cure="give it a list of values"
            )
    return GridStrategy(spec) if spec.search.strategy == "grid" else HalvingStrategy(spec)


def _combinations(spec: StudySpec) -> tuple[tuple[Candidate, ...], str]:
    """The candidates, and a remark where there are more combinations than trials."""
    axes = [("data", tuple(spec.search.vary.get("data", (spec.data[0].name,))))]
    axes += [(name, values) for name, values in spec.search.vary.items() if name != "data"]
    axes = [(name, tuple(v for n, v in enumerate(values) if v not in values[:n])) for name, values in axes]
    sizes = [len(values) for _, values in axes]
    count, trials = math.prod(sizes), spec.search.trials
    places = list(range(count)) if count <= trials else _spread(sizes, trials, spec.seed)
    note = "" if count <= trials else f"{trials} of {count} combinations were drawn evenly with seed {spec.seed}"
    return tuple(_candidate(axes, _digits(place, sizes)) for place in places), note


def _candidate(axes: Sequence[tuple[str, Sequence[JsonValue]]], digits: Sequence[int]) -> Candidate:
    (_, dataset), *params = [(name, values[digit]) for (name, values), digit in zip(axes, digits, strict=True)]
    return Candidate(tuple(params), str(dataset))


def _digits(place: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Which value of each name the combination at this place has; the last name changes fastest."""
    digits = []
    for size in reversed(sizes):
        place, digit = divmod(place, size)
        digits.append(digit)
    return tuple(reversed(digits))


def _spread(sizes: Sequence[int], trials: int, seed: int) -> list[int]:
    """Places of combinations in which every value occurs about equally often; the first one is always among them."""
    dice = random.Random(seed)
    count = math.prod(sizes)
    pool = [0, *dice.sample(range(1, count), min(count - 1, max(_POOL, trials)))]
    used = [[0] * size for size in sizes]
    chosen: list[int] = []
    for _ in range(trials):
        place = min(pool, key=lambda p: sum(u[d] for u, d in zip(used, _digits(p, sizes), strict=True)))
        pool.remove(place)
        chosen.append(place)
        for uses, digit in zip(used, _digits(place, sizes), strict=True):
            uses[digit] += 1
    return sorted(chosen)


def _ranked(scores: Sequence[tuple[str, float]]) -> list[str]:
    return [trial for trial, _ in sorted(scores, key=lambda s: math.inf if math.isnan(s[1]) else -s[1])]
