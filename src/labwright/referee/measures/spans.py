"""The measure of DROP: an answer is a number, a date or a list of spans, and lists are paired span by span.

Each span is a bag of words; the bags of output and answer are paired one to one so that the sum of their F1 is highest,
a pair whose numbers differ counts nothing, and a span without a partner counts as 0.

DROP: Dua et al., 2019, arXiv 1903.00161.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_APART = re.compile(r"[ -]")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MOST = 100  # spans of one output: more are no answer, and pairing them takes time


def alignment_f1(said: Sequence[str], right: Sequence[str]) -> float:
    """The F1 of two lists of spans, rounded to two decimals as the benchmark does."""
    bags = [frozenset(normalised(span).split()) for span in said[:_MOST]]
    keys = [frozenset(normalised(span).split()) for span in right]
    table = np.zeros((len(keys), len(bags)))
    for row, key in enumerate(keys):
        for column, bag in enumerate(bags):
            table[row, column] = _f1(bag, key)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return round(float(table[rows, columns].sum()) / max(len(keys), len(bags), 1), 2)


def exact_match(said: Sequence[str], right: Sequence[str]) -> bool:
    """Whether the spans are the same, in any order."""
    first, second = ([normalised(span) for span in spans] for spans in (said[:_MOST], right))
    return set(first) == set(second) and len(first) == len(second)


def normalised(span: str) -> str:
    """Without case, articles and punctuation; words are parted at hyphens too, and numbers are written alike."""
    words = (_ARTICLES.sub(" ", _as_number(_bare(word.lower()))) for word in _APART.split(span))
    return " ".join(" ".join(words).split())


def _bare(word: str) -> str:
    return word if _is_number(word) else word.translate(_PUNCTUATION)


def _as_number(word: str) -> str:
    return str(float(word)) if _is_number(word) else word


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _f1(said: frozenset[str], right: frozenset[str]) -> float:
    numbers = {word for word in right if _is_number(word)}
    if numbers and not numbers & said:
        return 0.0
    shared = len(said & right)
    precision = shared / len(said) if said else 1.0
    recall = shared / len(right) if right else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
