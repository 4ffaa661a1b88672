"""Search strategies: how a space of configurations is walked. They know scores and steps, never items."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

from labwright.contracts.errors import SpecError
from labwright.contracts.researchers import Candidate, Strategy
from labwright.contracts.specs import StudySpec

_RESERVED = ("max_steps", "seed", "format")


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
        return _ranked(scores)[: max(1, math.ceil(len(scores) * self._keep))]


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
    names = [n for n in spec.search.vary if n != "data"]
    datasets = [str(d) for d in spec.search.vary.get("data", (spec.data[0].name,))]
    values = [spec.search.vary[n] for n in names]
    found = [
        Candidate(tuple(zip(names, chosen, strict=True)), dataset)
        for dataset, *chosen in itertools.product(datasets, *values)
    ]
    if len(found) <= spec.search.trials:
        return tuple(found), ""
    rest = random.Random(spec.seed).sample(range(1, len(found)), spec.search.trials - 1)
    chosen = [found[i] for i in (0, *sorted(rest))]
    return tuple(chosen), f"{spec.search.trials} of {len(found)} combinations were drawn with seed {spec.seed}"


def _ranked(scores: Sequence[tuple[str, float]]) -> list[str]:
    return [trial for trial, _ in sorted(scores, key=lambda s: -s[1])]
