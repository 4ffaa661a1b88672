"""Writes data/train.jsonl (right answers) and data/noisy.jsonl (the same prompts, part of the answers wrong).

    python studies/number-sorting/make_data.py

Standard library only, and the same files every time. A set of three numbers belongs to training, dev or test by a
hash of its members, so no order of them can stand on two sides; benchmark/make_items.py keeps to the same division.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from pathlib import Path

ROWS = 800
WRONG_SHARE = 0.3
REPEATED = 80
SEED = 20261
DATA = Path(__file__).resolve().parent / "data"

Row = dict[str, str]


def part_of(numbers: Iterable[int]) -> str:
    """Where a set of numbers belongs: `train` (six in ten), `dev` or `test` (two in ten each)."""
    name = " ".join(str(n) for n in sorted(numbers))
    place = hashlib.sha256(name.encode()).digest()[0] % 10
    return "train" if place < 6 else "dev" if place < 8 else "test"


def triples(rng: random.Random, count: int) -> list[tuple[int, ...]]:
    """Triples of the training part, in any order; no two with the same members."""
    found: dict[frozenset[int], tuple[int, ...]] = {}
    while len(found) < count:
        numbers = tuple(rng.sample(range(100), 3))
        if part_of(numbers) == "train":
            found.setdefault(frozenset(numbers), numbers)
    return list(found.values())


def row(numbers: Iterable[int], answer: Iterable[int]) -> Row:
    """A plain prompt, without a chat template, and the answer after one space."""
    return {
        "prompt": f"Sort ascending: {' '.join(map(str, numbers))} ->",
        "completion": f" {' '.join(map(str, answer))}",
    }


def wrong(numbers: tuple[int, ...], rng: random.Random) -> list[int]:
    """The numbers in an order that is not ascending."""
    right = sorted(numbers)
    answer = list(right)
    while answer == right:
        rng.shuffle(answer)
    return answer


def clean_and_noisy() -> tuple[list[Row], list[Row]]:
    """Both training sets."""
    rng = random.Random(SEED)
    drawn = triples(rng, ROWS)
    clean = [row(numbers, sorted(numbers)) for numbers in drawn]
    spoilt = set(rng.sample(range(ROWS), round(ROWS * WRONG_SHARE)))
    noisy = [row(n, wrong(n, rng) if place in spoilt else sorted(n)) for place, n in enumerate(drawn)]
    noisy += [dict(noisy[place]) for place in rng.sample(range(ROWS), REPEATED)]
    rng.shuffle(noisy)
    return clean, noisy


def write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    print(f"wrote {path} ({len(rows)} rows)")


def main() -> None:
    clean, noisy = clean_and_noisy()
    write(DATA / "train.jsonl", clean)
    write(DATA / "noisy.jsonl", noisy)


if __name__ == "__main__":
    main()
