"""Whether a program printed what it should: line by line and word by word, numbers as numbers."""

from __future__ import annotations

import math


def same(printed: str, expected: str, tolerance: float) -> bool:
    """Whether both hold the same words on the same lines.

    Blanks at the ends of lines and empty lines at the end do not count. Whole numbers have to be equal; where one
    of two numbers has a point or an exponent, they may differ by the tolerance, relative to the larger beyond 1.
    """
    said, right = _lines(printed), _lines(expected)
    return len(said) == len(right) and all(
        len(ours) == len(theirs) and all(map(lambda a, b: _same_word(a, b, tolerance), ours, theirs))
        for ours, theirs in zip(said, right, strict=True)
    )


def _lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.rstrip().split("\n")]


def _same_word(said: str, right: str, tolerance: float) -> bool:
    if said == right:
        return True
    if (said.lstrip("+-").isdigit() and right.lstrip("+-").isdigit()) or not said.isascii() or not right.isascii():
        return False
    try:
        ours, theirs = float(said), float(right)
    except ValueError:
        return False
    return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)
