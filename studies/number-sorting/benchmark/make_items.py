"""Makes benchmark items: three numbers to sort, from the part of all triples that belongs to the split.

    python make_items.py --seed N --count N --split dev|test --out FILE

Standard library only. A triple's part follows from a hash of its members (the same one as in ../make_data.py), so dev,
test and training data are disjoint as sets of numbers, whatever the seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterable
from pathlib import Path


def part_of(numbers: Iterable[int]) -> str:
    """Where a set of numbers belongs: `train` (six in ten), `dev` or `test` (two in ten each)."""
    name = " ".join(str(n) for n in sorted(numbers))
    place = hashlib.sha256(name.encode()).digest()[0] % 10
    return "train" if place < 6 else "dev" if place < 8 else "test"


def items(seed: int, count: int, split: str) -> list[dict[str, str]]:
    """`count` items of a split; no two with the same numbers."""
    rng = random.Random(f"{split}/{seed}")
    found: dict[frozenset[int], dict[str, str]] = {}
    while len(found) < count:
        numbers = rng.sample(range(100), 3)
        if part_of(numbers) == split and frozenset(numbers) not in found:
            found[frozenset(numbers)] = {
                "id": f"{split}-{len(found) + 1:04d}",
                "prompt": f"Sort ascending: {' '.join(map(str, numbers))} ->",
                "answer": " ".join(map(str, sorted(numbers))),
            }
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes number-sorting items.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--split", choices=("dev", "test"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if not 0 < args.count <= 20_000:  # a split holds about 32,000 triples; beyond that the search would not end
        parser.error("--count must lie between 1 and 20000")
    lines = [json.dumps(item) + "\n" for item in items(args.seed, args.count, args.split)]
    args.out.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
