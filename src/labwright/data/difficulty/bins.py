"""Which scores are easy, medium and hard, and which rows stand at the frontier of what a model can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from labwright.contracts.errors import DataError
from labwright.data.difficulty.methods import Method
from labwright.data.transforms.drawing import keys

if TYPE_CHECKING:
    from labwright.data.objects import Numbers

Bin = Literal["easy", "medium", "hard", "frontier", "mixed"]
BINS: tuple[Bin, ...] = ("easy", "medium", "hard", "frontier", "mixed")

_EVEN = (100 / 3, 200 / 3)
_FRONTIER_OF_LOSS = (60, 90)  # hard, but without the noise at the end (compare Marion et al., 2023, arXiv 2309.04564)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where the bins end, in units of the score. `frontier` has both its ends in it.

    Of a pass rate p: easy is p >= 3/4, hard is p < 1/4, frontier is 0 < p <= 1/2: right sometimes, and at most every
    second time. Of a loss or a margin, easy, medium and hard are thirds of the rows; the frontier of a loss is the
    harder half without the hardest tenth, that of a margin the third of the rows nearest to 0.
    """

    easy: float
    hard: float
    frontier: tuple[float, float]

    @classmethod
    def usual(cls, method: Method, scores: NDArray[np.float64]) -> Cuts:
        """Those above, for these scores (NaN: none)."""
        if method.kind == "pass-rate":
            return cls(0.75, 0.25, (0.5 / method.samples, 0.5))
        known = scores[~np.isnan(scores)]
        low, high = (float(value) for value in np.percentile(known, _EVEN))
        if method.kind == "loss":
            first, last = (float(value) for value in np.percentile(known, _FRONTIER_OF_LOSS))
            return cls(low, high, (first, last))
        near = float(np.percentile(np.abs(known), _EVEN[0]))
        return cls(high, low, (-near, near))

    @property
    def params(self) -> dict[str, JsonValue]:
        """As the lineage tells them."""
        return {"easy": self.easy, "hard": self.hard, "frontier": list(self.frontier)}


def check_cuts(cuts: Cuts, method: Method) -> None:
    """Raises DataError where the cuts are in no order that the method's scores can have."""
    ordered = cuts.hard <= cuts.easy if method.higher_is_easier else cuts.easy <= cuts.hard
    if not ordered or cuts.frontier[0] > cuts.frontier[1]:
        more = "higher" if method.higher_is_easier else "lower"
        raise DataError(
            f"easy at {cuts.easy:g}, hard at {cuts.hard:g}, frontier {list(cuts.frontier)} are in no order",
            cure=f"of a {method.kind}, {more} scores are easier",
        )


def binned(scores: NDArray[np.float64], cuts: Cuts, method: Method, seed: int) -> Mapping[Bin, Numbers]:
    """The rows of each bin, in their order. `mixed` has as many easy, medium and hard rows as the fewest of them."""
    known = ~np.isnan(scores)
    if method.higher_is_easier:
        easy, hard = known & (scores >= cuts.easy), known & (scores < cuts.hard)
    else:
        easy, hard = known & (scores <= cuts.easy), known & (scores > cuts.hard)
    hard &= ~easy
    medium = known & ~easy & ~hard
    frontier = known & (scores >= cuts.frontier[0]) & (scores <= cuts.frontier[1])
    rows = {
        "easy": np.flatnonzero(easy),
        "medium": np.flatnonzero(medium),
        "hard": np.flatnonzero(hard),
    }
    fewest = min((len(own) for own in rows.values() if len(own)), default=0)
    chance = keys(len(scores), seed)
    drawn = [own[np.argsort(chance[own], kind="stable")[:fewest]] for own in rows.values()]
    return {
        "easy": rows["easy"],
        "medium": rows["medium"],
        "hard": rows["hard"],
        "frontier": np.flatnonzero(frontier),
        "mixed": np.sort(np.concatenate(drawn)),
    }
