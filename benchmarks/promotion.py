"""How often the promotion rule is fooled, and how often it finds a true gain, in simulated studies.

    python benchmarks/promotion.py [--studies 500] [--seed 17]

A study is 12 trials on one benchmark. An item's difficulty is drawn in logits (standard deviation 2) around an
untrained base that gets half of them right; a model gets an item right with the logistic probability of its ability,
and a training seed moves that ability, so that the expected score moves by 0, 2 or 3 points (standard deviation). The
rule is the referee's own: `stage_one` and `stage_two` of labwright.referee.verdict, on exact McNemar p-values. Beside
it, on the same studies, stand the first stage alone and "the best of 12 scored higher than the baseline".

Prints Markdown. Exit code 1 where the rule breaks its promise: false promotions in at most 5 % of studies in which no
trial differs from the incumbent, and a true gain of 15 points found in at least 80 %.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labwright.contracts.research import Comparison, Interval
from labwright.referee.verdict import NeedsMoreSeeds, stage_one, stage_two
from labwright.stats import mcnemar_exact

TRIALS = 12
ITEM_SPREAD = 2.0  # logits
SEED_SPREADS = (0.0, 0.02, 0.03)
MOST_FALSE, LEAST_POWER = 0.05, 0.80

Answers = NDArray[np.bool_]
_ABILITIES = np.linspace(-12.0, 12.0, 1201)
_DIFFICULTIES = np.sort(np.random.default_rng(0).normal(0, ITEM_SPREAD, 20_001))
_EXPECTED = np.array([(1 / (1 + np.exp(_DIFFICULTIES - a))).mean() for a in _ABILITIES])


@dataclass
class Lab:
    """One benchmark's items, and models that answer them."""

    dice: np.random.Generator
    items: int
    seed_spread: float
    difficulties: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.difficulties = self.dice.normal(0, ITEM_SPREAD, self.items)

    def base(self) -> Answers:
        """The untrained base: expected score 50 %, no training seed."""
        return self._answers(0.5)

    def train(self, gain: float) -> Answers:
        """A trained model: its expected score is the base's plus `gain`, moved by a fresh training seed."""
        return self._answers(0.5 + gain + self.dice.normal(0, self.seed_spread))

    def _answers(self, expected: float) -> Answers:
        ability = float(np.interp(min(max(expected, 0.01), 0.99), _EXPECTED, _ABILITIES))
        chances = 1 / (1 + np.exp(self.difficulties - ability))
        return np.asarray(self.dice.random(self.items) < chances)


@dataclass
class Tally:
    """In how many studies each rule promoted: the wrong trial where all are null, the right one where one is better."""

    naive: int = 0
    stage_one: int = 0
    two_stage: int = 0
    retrains: int = 0
    studies: int = 0

    def row(self) -> list[str]:
        return [f"{100 * count / self.studies:.1f} %" for count in (self.naive, self.stage_one, self.two_stage)]


def compare(first: Answers, second: Answers) -> Comparison:
    """The referee's comparison without its interval, which no decision depends on."""
    wins, losses = int((first & ~second).sum()), int((second & ~first).sum())
    gain = (wins - losses) / len(first)
    return Comparison(len(first), wins, losses, Interval(gain, np.nan, np.nan), mcnemar_exact(wins, losses))


def promotes(
    lab: Lab, gain: float, candidate: Answers, incumbent: Answers, retrain_incumbent: Answers
) -> tuple[bool, bool, int]:
    """Whether the first stage, and whether both stages promote a candidate; and how many retrains it took."""
    if stage_one(compare(candidate, incumbent), TRIALS).finding != "better":
        return False, False, 0
    retrains: list[Answers] = []
    while True:
        again = [compare(r, retrain_incumbent) for r in retrains]
        found = stage_two(float(candidate.mean()), [float(r.mean()) for r in retrains], again)
        if not isinstance(found, NeedsMoreSeeds):
            return True, found.passed, len(retrains)
        retrains += [lab.train(gain) for _ in range(found.count - len(retrains))]


def simulate(
    studies: int, seed: int, *, items: int = 300, spread: float = 0.0, gain: float = 0.0, trained: bool = False
) -> Tally:
    """Many studies in which the first trial truly gains `gain` and the other eleven nothing."""
    tally = Tally(studies=studies)
    dice = np.random.default_rng([seed, items, round(1000 * spread), round(1000 * gain), int(trained)])
    for _ in range(studies):
        lab = Lab(dice, items, spread)
        incumbent, again = (lab.train(0.0), lab.train(0.0)) if trained else (lab.base(),) * 2
        gains = [gain] + [0.0] * (TRIALS - 1)
        models = [lab.train(g) for g in gains]
        results = [promotes(lab, g, m, incumbent, again) for g, m in zip(gains, models, strict=True)]
        counted = results[:1] if gain else results
        best = int(np.argmax([m.mean() for m in models]))
        tally.naive += bool(models[best].mean() > incumbent.mean() and (not gain or best == 0))
        tally.stage_one += any(one for one, _, _ in counted)
        tally.two_stage += any(two for _, two, _ in counted)
        tally.retrains += sum(n for _, _, n in results)
    return tally


def table(heads: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def promises(studies: int, seed: int, *, trained: bool) -> bool:
    """Print false promotions and power by the spread over training seeds; whether both promises hold."""
    kept = True
    false_rows, power_rows = [], []
    for spread in SEED_SPREADS:
        null = simulate(studies, seed, spread=spread, trained=trained)
        real = simulate(studies, seed, spread=spread, gain=0.15, trained=trained)
        kept &= null.two_stage <= MOST_FALSE * studies and real.two_stage >= LEAST_POWER * studies
        label = f"{100 * spread:.0f} points"
        false_rows.append([label, *null.row(), f"{null.retrains / studies:.2f}"])
        power_rows.append([label, *real.row(), f"{real.retrains / studies:.2f}"])
    heads = [
        "spread over seeds",
        "best of 12 beats the baseline",
        f"McNemar, p < 0.05/{TRIALS}",
        "two stages",
        "retrains a study",
    ]
    print("Studies with a false promotion, where no trial differs from the incumbent:\n")
    table(heads, false_rows)
    print("Studies that find the one trial with a true gain of 15 points:\n")
    table(heads, power_rows)
    return kept


def power_table(studies: int, seed: int, spread: float) -> None:
    """Print how often the two stages find a true gain, by its size and by the number of items."""
    sizes = (100, 200, 400)
    power: Callable[[float, int], str] = lambda gain, items: simulate(  # noqa: E731
        studies, seed, items=items, spread=spread, gain=gain
    ).row()[2]
    rows = [[f"{100 * gain:.0f} points", *(power(gain, items) for items in sizes)] for gain in (0.05, 0.10, 0.15, 0.20)]
    table(["true gain", *(f"{n} items" for n in sizes)], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=17)
    given = parser.parse_args()
    began = time.perf_counter()
    print(f"{given.studies} simulated studies a cell, {TRIALS} trials, K = {TRIALS}, 300 items, base 50 %.\n")
    print("## The incumbent is the untrained base\n")
    kept = promises(given.studies, given.seed, trained=False)
    print("## The incumbent was trained, and is retrained too\n")
    trained_kept = promises(given.studies, given.seed, trained=True)
    for spread in (0.0, 0.03):
        print(f"## Power of the two stages, spread over seeds {100 * spread:.0f} points, untrained base\n")
        power_table(given.studies, given.seed, spread)
    print(f"Took {time.perf_counter() - began:.0f} s.")
    print(f"Promises with an untrained incumbent: {'kept' if kept else 'BROKEN'}; ", end="")
    print(f"the same with a trained one: {'kept' if trained_kept else 'not kept (no promise is made there)'}.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
