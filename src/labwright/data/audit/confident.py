"""Labels that disagree with what a model of the other rows says: confident learning.

After Northcutt, Jiang and Chuang, 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels" (arXiv
1911.00068). Probabilities are out of sample, by cross-validation. A row labelled i is a suspect of class j where the
probability of j reaches the mean probability that rows labelled j have of j, and j is the most probable such class;
the counts of these pairs, scaled to the classes' sizes, say how many rows of each class to name.

The model is small on purpose (numpy and scipy only): complement naive Bayes over hashed words and word pairs with
tf-idf weights (Rennie et al., 2003, "Tackling the Poor Assumptions of Naive Bayes Text Classifiers"); its scores are
made probabilities by a temperature that is fitted to the held-out rows.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
FEATURES = 1 << 17
FEWEST_ROWS = 100
FEWEST_OF_A_CLASS = FOLDS
SKILL_NEEDED = 0.5  # of the errors that always naming the largest class makes, the share the model must avoid
_WORD = re.compile(r"\w+|[^\w\s]")
_WORDS = 300
_MOST_WEIGHTS = 1 << 24  # 128 MB an array; a hundred classes have all features
_MOST_SCORES = 1 << 25  # rows times classes, 256 MB an array
_FITTED = 1 << 22  # scores that the temperature is fitted to
_FEWEST_FEATURES = 1 << 12
_SMOOTHING = 0.1

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label looks wrong; `confidence` is the probability of the suggested class."""

    index: int
    given: str
    suggested: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Suspects, the surest first; where the model cannot judge, `why_not` says so."""

    suspects: tuple[Suspect, ...] = ()
    accuracy: float = 0.0  # agreement of the held-out predictions with the labels
    why_not: str = ""


def judge_labels(texts: Sequence[str], labels: Sequence[str], *, seed: int = 0) -> Verdicts:
    """Suspects among labels. Classes of fewer than five rows are not judged and do not judge."""
    names, codes, counts = np.unique(
        np.array(labels, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    kept = np.flatnonzero(counts[codes] >= FEWEST_OF_A_CLASS)
    names = names[counts >= FEWEST_OF_A_CLASS]
    if len(names) < 2 or len(kept) < FEWEST_ROWS:
        return Verdicts(why_not="there are too few rows or classes")
    if len(names) > len(kept) / 20:
        return Verdicts(why_not=f"{len(names)} classes are too many for {len(kept)} rows")
    if len(names) * len(kept) > _MOST_SCORES:
        return Verdicts(why_not=f"{len(names):,} classes of {len(kept):,} rows are more than the model is made for")
    given = np.searchsorted(names, np.array(labels, dtype=object).astype(str)[kept]).astype(np.int64)
    scores = _held_out(_features([texts[int(i)] for i in kept], len(names)), given, len(names), seed)
    probabilities = _calibrated(scores, given)
    accuracy = float((probabilities.argmax(axis=1) == given).mean())
    largest = float(np.bincount(given).max() / len(given))
    if accuracy - largest < SKILL_NEEDED * (1 - largest):
        return Verdicts(
            accuracy=accuracy, why_not=f"words tell too little (a model agrees with {accuracy:.0%} of them)"
        )
    return Verdicts(_suspects(probabilities, given, kept, names), accuracy)


def _suspects(probabilities: Floats, given: Integers, kept: Integers, names: NDArray[np.str_]) -> tuple[Suspect, ...]:
    """Of each class i, as many rows as the confident joint estimates to belong to class j: those where p(j) - p(i) is
    largest (the paper's pruning by noise rate), and only where j is more probable at all."""
    expected = _confident_joint(probabilities, given)
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    found: dict[int, tuple[float, int]] = {}
    for i in range(len(names)):
        members = np.flatnonzero(given == i)
        for j in np.flatnonzero(expected[i] >= 1).tolist():
            if i == j:
                continue
            margins = probabilities[members, j] - own[members]
            for place in np.argsort(-margins, kind="stable")[: int(expected[i, j])]:
                row, margin = int(members[place]), float(margins[place])
                if margin > 0 and margin > found.get(row, (0.0, 0))[0]:
                    found[row] = (margin, j)
    surest = sorted(found.items(), key=lambda pair: (-pair[1][0], pair[0]))
    return tuple(
        Suspect(int(kept[row]), str(names[given[row]]), str(names[j]), float(probabilities[row, j]))
        for row, (_, j) in surest
    )


def _confident_joint(probabilities: Floats, given: Integers) -> Floats:
    """How many rows labelled i are of class j, scaled to the rows that there are of i."""
    classes = probabilities.shape[1]
    thresholds = np.array([probabilities[given == j, j].mean() for j in range(classes)])
    eligible = np.where(probabilities >= thresholds, probabilities, -1.0)
    sure = eligible.max(axis=1) > 0
    cells = given[sure] * classes + eligible[sure].argmax(axis=1)
    joint = np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(np.float64)
    joint += np.eye(classes) * (joint.sum(axis=1) == 0)[:, None]  # a class of which nothing is sure keeps its labels
    scaled: Floats = np.rint(joint / joint.sum(axis=1, keepdims=True) * np.bincount(given, minlength=classes)[:, None])
    return scaled


@dataclass(frozen=True, slots=True)
class _Counts:
    """Hashed features of all texts, one after the other: text `i` has those from `starts[i]` to `starts[i + 1]`."""

    columns: Integers
    values: Floats
    rows: Integers
    size: int
    width: int  # columns that some text has
    space: int  # columns that there could be


def _features(texts: Sequence[str], classes: int) -> _Counts:
    """Words and word pairs, hashed, with tf-idf weights, each text of length 1.

    With many classes into fewer columns, as a model has a weight for each class and column.
    """
    space = FEATURES
    while space * classes > _MOST_WEIGHTS and space > _FEWEST_FEATURES:
        space //= 2
    columns: list[int] = []
    lengths: list[int] = []
    for text in texts:
        words = [word.encode() for word in _WORD.findall(text.lower())[:_WORDS]]
        found = {zlib.crc32(word) for word in words}
        found.update(zlib.crc32(second, zlib.crc32(first) ^ 1) for first, second in pairwise(words))
        columns += found
        lengths.append(len(found))
    hashed = np.array(columns, dtype=np.int64) % space
    rows = np.repeat(np.arange(len(texts)), lengths)
    frequency = np.bincount(hashed, minlength=space)
    values = np.log((1 + len(texts)) / (1 + frequency[hashed])) + 1
    seen = np.flatnonzero(frequency)
    norms = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
    return _Counts(
        np.searchsorted(seen, hashed), values / np.maximum(norms[rows], 1e-12), rows, len(texts), len(seen), space
    )


def _held_out(counts: _Counts, given: Integers, classes: int, seed: int) -> Floats:
    """Each row's scores by a model of the other folds."""
    folds = np.random.default_rng(seed).permutation(counts.size) % FOLDS
    scores = np.zeros((counts.size, classes))
    shape, size = (classes, counts.width), classes * counts.width
    cells = given[counts.rows] * counts.width + counts.columns
    total = np.bincount(cells, counts.values, minlength=size).reshape(shape)
    for fold in range(FOLDS):
        held = folds[counts.rows] == fold
        own = np.bincount(cells[held], counts.values[held], minlength=size).reshape(shape)
        weights = _weights((total - own).astype(np.float64), counts.space - counts.width)
        rows, columns, values = counts.rows[held], counts.columns[held], counts.values[held]
        for j in range(classes):
            scores[:, j] += np.bincount(rows, weights[j, columns] * values, minlength=counts.size)
    return scores


def _weights(totals: Floats, unseen: int) -> Floats:
    """Complement naive Bayes: how much less a feature is at home in the other classes.

    `unseen` columns have no word of any text; they count in the smoothing only.
    """
    mine = np.maximum(totals, 0.0)
    others = mine.sum(axis=0) - mine
    for part in (mine, others):
        part += _SMOOTHING
        part /= part.sum(axis=1, keepdims=True) + _SMOOTHING * unseen
        np.log(part, out=part)
    mine -= others
    return mine


def _calibrated(scores: Floats, given: Integers) -> Floats:
    """Probabilities at the temperature that makes the labels most likely; a grid is as good as a solver here."""
    some = slice(None, None, 1 + scores.size // _FITTED)
    rows = np.arange(len(given[some]))

    def log_probabilities(temperature: float, scores: Floats) -> Floats:
        scaled = scores / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        result: Floats = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return result

    grid = np.geomspace(0.02, 50, 25)
    best = min(
        grid, key=lambda temperature: -float(log_probabilities(temperature, scores[some])[rows, given[some]].mean())
    )
    return np.exp(log_probabilities(float(best), scores))
