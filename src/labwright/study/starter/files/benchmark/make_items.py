"""Makes benchmark items: two numbers to sort. Replace it with a maker of your own, or with dev.jsonl and test.jsonl.

    python make_items.py --seed N --count N --split dev|test --out FILE

A pair's sum says where it belongs (remainder by ten: 0-5 training, 6-7 dev, 8-9 test), so data/train.jsonl, dev and
test have no pair in common, whatever the seed.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

REMAINDERS = {"dev": (6, 7), "test": (8, 9)}


def items(seed: int, count: int, split: str) -> list[dict[str, str]]:
    """`count` items of a split; no two with the same numbers."""
    rng = random.Random(f"{split}/{seed}")
    found: dict[frozenset[int], dict[str, str]] = {}
    while len(found) < count:
        pair = rng.sample(range(100), 2)
        if sum(pair) % 10 in REMAINDERS[split] and frozenset(pair) not in found:
            found[frozenset(pair)] = {
                "id": f"{split}-{len(found) + 1:04d}",
                "prompt": f"Sort ascending: {pair[0]} {pair[1]} ->",
                "answer": f"{min(pair)} {max(pair)}",
            }
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes items of two numbers to sort.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--split", choices=tuple(REMAINDERS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if not 0 < args.count <= 500:  # a split holds about 990 pairs
        parser.error("--count must lie between 1 and 500")
    lines = [json.dumps(item) + "\n" for item in items(args.seed, args.count, args.split)]
    args.out.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
