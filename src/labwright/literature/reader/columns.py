"""Columns that a PDF draws line by line across the page, put one after the other again.

Most files draw a column to its end before the next one begins. Of those that do not, each printed line holds the halves
of two sentences, and a reader that trusts the order of drawing makes one false sentence of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS = 3  # on each side of the gap: the cells of a table seldom have as many
_FEWEST_LINES = 6
_LEAST_SHARE = 0.5  # of the page's lines of words
_NEAR = 3.0  # points: the left ends of a column's lines
_LETTER = 0.4  # of the size of the type: a letter's width, on average, and rather too small
_LEAST_GAP = 6.0  # points; words of one line stand nearer to each other


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line that was drawn at once."""

    text: str
    x: float  # of its left end, in points
    size: float  # of the type, in points
    bold: bool


def in_reading_order(lines: Sequence[Sequence[Run]]) -> list[Sequence[Run]]:
    """A page's lines; where they run across two columns, each half is a line, and the left column comes first."""
    start = _second_column(lines)
    return list(lines) if start is None else list(_apart(lines, start))


def _second_column(lines: Sequence[Sequence[Run]]) -> float | None:
    """Where a second column begins that is drawn together with the first; None where there is none."""
    starts: Counter[int] = Counter()
    of_words = 0
    for line in lines:
        of_words += len(_WORD.findall(_text(line))) >= _FEWEST_WORDS
        start = _after_the_gap(line)
        if start is not None:
            starts[round(start)] += 1
    if not starts:
        return None
    start = starts.most_common(1)[0][0]
    count = sum(times for x, times in starts.items() if abs(x - start) <= _NEAR)
    return start if count >= _FEWEST_LINES and count >= _LEAST_SHARE * of_words else None


def _after_the_gap(line: Sequence[Run]) -> float | None:
    """Where a line goes on after its widest gap; None where it has none with words on both sides."""
    seen = [at for at, run in enumerate(line) if run.text.strip()]
    gaps = [(line[at].x - _end(line[before]), at) for before, at in pairwise(seen)]
    gap, at = max(gaps, default=(0.0, 0))
    if gap < _LEAST_GAP or any(len(_WORD.findall(_text(side))) < _FEWEST_WORDS for side in (line[:at], line[at:])):
        return None
    return line[at].x


def _apart(lines: Sequence[Sequence[Run]], start: float) -> Iterator[Sequence[Run]]:
    """The lines, with what stands between two that reach over both columns sorted into left and right."""
    left: list[Sequence[Run]] = []
    right: list[Sequence[Run]] = []
    for line in lines:
        first = [run for run in line if run.x < start - _NEAR]
        second = [run for run in line if run.x >= start - _NEAR]
        if not _text(second).strip() and any(_end(run) > start + _NEAR for run in first[-1:]):
            yield from (*left, *right)
            left, right = [], []
            yield line
            continue
        left += [first] if _text(first).strip() else []
        right += [second] if _text(second).strip() else []
    yield from (*left, *right)


def _text(runs: Sequence[Run]) -> str:
    return "".join(run.text for run in runs)


def _end(run: Run) -> float:
    """Where it ends, about: only the reader of its font knows."""
    return run.x + len(run.text.strip()) * run.size * _LETTER
