"""Writes data/plain.jsonl, data/upsampled.jsonl (six-letter words twice) and base-model/, a tiny untrained Llama.

    python studies/letter-reversal/make_data.py

The same files every time. A word and its reversal belong to training, dev or test by a hash; benchmark/make_items.py
keeps to the same division.
"""

from __future__ import annotations

import hashlib
import json
import random
import string
from pathlib import Path

from labwright.models.tiny import make_tiny_model

ROWS = 8000
SEED = 40411
STUDY = Path(__file__).resolve().parent
ALPHABET = string.ascii_lowercase + " ->\n"

Row = dict[str, str]


def part_of(word: str) -> str:
    """Where a word and its reversal belong: `train` (six in ten), `dev` or `test` (two in ten each)."""
    place = hashlib.sha256(min(word, word[::-1]).encode()).digest()[0] % 10
    return "train" if place < 6 else "dev" if place < 8 else "test"


def words(rng: random.Random, count: int) -> list[str]:
    """Words of the training part: none twice, none with its reversal, and no palindromes."""
    found: dict[str, str] = {}
    while len(found) < count:
        word = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 6)))
        if part_of(word) == "train" and word != word[::-1]:
            found.setdefault(min(word, word[::-1]), word)
    return list(found.values())


def plain_and_upsampled() -> tuple[list[Row], list[Row]]:
    """Both training sets: words of four to six letters alike, and with the longest ones twice."""
    rng = random.Random(SEED)
    plain = [{"prompt": f"{word} ->", "completion": f" {word[::-1]}"} for word in words(rng, ROWS)]
    upsampled = plain + [dict(row) for row in plain if len(row["completion"]) == len(" abcdef")]
    rng.shuffle(upsampled)
    return plain, upsampled


def write(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    print(f"wrote {path} ({len(rows)} rows)")


def main() -> None:
    plain, upsampled = plain_and_upsampled()
    write(STUDY / "data" / "plain.jsonl", plain)
    write(STUDY / "data" / "upsampled.jsonl", upsampled)
    base = STUDY / "base-model"
    if (base / "config.json").exists():
        print(f"{base} is there already")
        return
    make_tiny_model(base, alphabet=ALPHABET, width=64, layers=2, seed=0)
    print(f"wrote {base}")


if __name__ == "__main__":
    main()
