"""Makes benchmark items: a word to reverse, from the part of all words that belongs to the split.

    python make_items.py --seed N --count N --split dev|test --out FILE

Standard library only. A word and its reversal share one part, by a hash (the same one as in ../make_data.py), so dev,
test and training data have neither a word nor its reversal in common, whatever the seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import string
from pathlib import Path


def part_of(word: str) -> str:
    """Where a word and its reversal belong: `train` (six in ten), `dev` or `test` (two in ten each)."""
    place = hashlib.sha256(min(word, word[::-1]).encode()).digest()[0] % 10
    return "train" if place < 6 else "dev" if place < 8 else "test"


def items(seed: int, count: int, split: str) -> list[dict[str, str]]:
    """`count` items of a split; no word twice, none with its reversal, and no palindromes."""
    rng = random.Random(f"{split}/{seed}")
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        word = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 6)))
        name = min(word, word[::-1])
        if part_of(word) == split and word != word[::-1] and name not in found:
            found[name] = {"id": f"{split}-{len(found) + 1:04d}", "prompt": f"{word} ->", "answer": word[::-1]}
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes letter-reversal items.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--split", choices=("dev", "test"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if not 0 < args.count <= 20_000:
        parser.error("--count must lie between 1 and 20000")
    lines = [json.dumps(item) + "\n" for item in items(args.seed, args.count, args.split)]
    args.out.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
