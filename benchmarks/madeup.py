"""Rows in a made-up language, with near-duplicates, copies and benchmark items planted in them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from labwright.data.overlap import BenchItem
from labwright.data.rows import Row

ITEMS = 2000
VOCABULARY = 60_000
_STARTS, _ENDS = "b c d f g k l m n p r s t v z st tr pl", "a e i o u en al or"


@dataclass(frozen=True, slots=True)
class Planted:
    """What is in the rows: pairs (variant, original) and the items in rows."""

    pairs: list[tuple[int, int, float]]  # with their similarity
    holding: list[tuple[int, str]]
    bytes: int


class Writer:
    """Writes rows in a made-up language."""

    def __init__(self, seed: int) -> None:
        self._numbers = np.random.default_rng(seed)
        self.chance = random.Random(seed)
        syllables = [start + end for start in _STARTS.split() for end in _ENDS.split()]
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            made["".join(self.chance.choices(syllables, k=self.chance.randint(1, 4)))] = None
        self.words = list(made)
        weights = 1.0 / (np.arange(VOCABULARY) + 2.7) ** 1.05
        self._cumulated = np.cumsum(weights / weights.sum())

    def text(self, length: int) -> list[str]:
        return [self.words[n] for n in np.searchsorted(self._cumulated, self._numbers.random(length)).tolist()]

    def varied(self, words: Sequence[str]) -> list[str]:
        """With up to an eighth of the words exchanged."""
        changed = list(words)
        for place in self.chance.sample(range(len(words)), self.chance.randint(1, len(words) // 8)):
            changed[place] = self.chance.choice(self.words)
        return changed

    def items(self) -> list[BenchItem]:
        """Problems of about forty words, three numbers and an answer."""
        made = []
        for number in range(ITEMS):
            words = self.text(self.chance.randint(30, 50))
            for place in self.chance.sample(range(len(words)), 3):
                words[place] = str(self.chance.randint(2, 999))
            made.append(BenchItem(f"i{number}", " ".join(words), str(self.chance.randint(1000, 99999))))
        return made

    def holding(self, item: BenchItem, how: int) -> tuple[list[str], str]:
        """A prompt and a completion that hold an item: as it is, respelt, within other text, with words exchanged."""
        words = item.input.split()
        if how == 1:
            words = [word.upper() + "," for word in words]
        elif how == 2:
            words = [*self.text(40), *words, *self.text(30)]
        elif how == 3:
            for place in self.chance.sample([n for n, word in enumerate(words) if word.isalpha()], 3):
                words[place] = self.chance.choice(self.words)
        return words, f"So the answer is {item.answer}."


def write_rows(file: Path, rows: int) -> tuple[Planted, list[BenchItem]]:
    """A line for each row: prompt, tab, completion."""
    writer = Writer(11)
    items = writer.items()
    recent: list[tuple[int, list[str]]] = []
    pairs, holding, size = [], [], 0
    with file.open("w", encoding="ascii") as out:
        for number in range(rows):
            completion = None
            if number % 1000 == 500:
                item = writer.chance.choice(items)
                words, completion = writer.holding(item, (number // 1000) % 4)
                holding.append((number, item.id))
            elif recent and number % 50 == 7:
                original, words = writer.chance.choice(recent)
                pairs.append((number, original, 1.0))
            elif recent and number % 10 == 3:
                original, words = writer.chance.choice(recent)
                base, words = words, writer.varied(words)
                pairs.append((number, original, _similarity(base, words)))
            else:
                words = writer.text(150)
                recent.append((number, words))
                if len(recent) > 1000:
                    del recent[:200]
            if completion is None:
                line = f"{' '.join(words[:60])}\t{' '.join(words[60:])}\n"
            else:
                line = f"{' '.join(words)}\t{completion}\n"
            size += out.write(line)
    return Planted(pairs, holding, size), items


def _similarity(first: Sequence[str], second: Sequence[str]) -> float:
    one, other = set(pairwise(first)), set(pairwise(second))
    return len(one & other) / len(one | other)


def lines_of(file: Path, rows: int) -> Iterator[str]:
    with file.open(encoding="ascii") as lines:
        yield from islice(lines, rows)


def rows_of(file: Path, rows: int) -> Iterator[Row]:
    for number, line in enumerate(lines_of(file, rows)):
        prompt, _, completion = line.rstrip("\n").partition("\t")
        yield Row(number, {}, prompt, completion)
