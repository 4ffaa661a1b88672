"""From an output to a score: 1 for right, 0 for wrong. Any text may come in; none may crash a scorer."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol

from labwright.contracts.research import ItemResult
from labwright.contracts.specs import ScorerSpec
from labwright.referee.pack import Item

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?(?:[eE][-+]?\d+)?\s*%?|[-+−]?\.\d+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_LONGEST_OUTPUT = 20_000


class Scorer(Protocol):
    """Scores one output against one item's answer."""

    def score(self, item: Item, output: str) -> ItemResult:
        """The prediction found in the output, and whether it is right."""


class TextScorer:
    """Equal after the normalisations that the benchmark names (`exact`, `normalised`)."""

    def __init__(self, spec: ScorerSpec) -> None:
        steps = spec.normalise
        if spec.kind == "normalised" and not steps:
            steps = ("strip", "lower", "punctuation", "articles", "whitespace")
        self._steps = [_NORMALISERS[name] for name in steps]

    def score(self, item: Item, output: str) -> ItemResult:
        prediction = self._normalised(output)
        return _result(item, output, prediction, prediction == self._normalised(item.answer))

    def _normalised(self, text: str) -> str:
        for step in self._steps:
            text = step(text)
        return text


class RegexScorer:
    """The last match's first group (or the whole match), compared like text."""

    def __init__(self, spec: ScorerSpec) -> None:
        self._pattern = re.compile(spec.pattern or "", re.MULTILINE)
        self._compare = TextScorer(spec.model_copy(update={"normalise": spec.normalise or ("strip",)}))

    def score(self, item: Item, output: str) -> ItemResult:
        matches = list(self._pattern.finditer(output[:_LONGEST_OUTPUT]))
        if not matches:
            return _result(item, output, "", False)
        found = matches[-1].group(1) if self._pattern.groups else matches[-1].group(0)
        inner = self._compare.score(item, found or "")
        return _result(item, output, inner.prediction, bool(inner.score))


class NumericScorer:
    """The last number in the output against the answer's, within a tolerance."""

    def __init__(self, spec: ScorerSpec) -> None:
        self._tolerance = spec.tolerance

    def score(self, item: Item, output: str) -> ItemResult:
        said, right = last_number(output), last_number(item.answer)
        close = said is not None and right is not None and abs(said - right) <= self._tolerance
        return _result(item, output, "" if said is None else f"{said:.12g}", close)


class ChoiceScorer:
    """The choice with the highest log-likelihood. Its outputs are made by `choose`, not generated."""

    def score(self, item: Item, output: str) -> ItemResult:
        return _result(item, output, output, output == correct_choice(item))


def scorer_for(spec: ScorerSpec) -> Scorer:
    """The scorer that a benchmark names."""
    makers: dict[str, Callable[[], Scorer]] = {
        "exact": lambda: TextScorer(spec),
        "normalised": lambda: TextScorer(spec),
        "numeric": lambda: NumericScorer(spec),
        "regex": lambda: RegexScorer(spec),
        "choice": ChoiceScorer,
    }
    return makers[spec.kind]()


def choose(choices: Sequence[str], log_likelihoods: Sequence[float], *, by_length: bool) -> str:
    """The choice with the highest log-likelihood, a character where the benchmark says so; ties go to the first."""
    scaled = [ll / max(len(c), 1) if by_length else ll for c, ll in zip(choices, log_likelihoods, strict=True)]
    return choices[scaled.index(max(scaled))]


def correct_choice(item: Item) -> str:
    """The right choice's text; the answer may be the text, its letter, or its index from 0."""
    answer = item.answer.strip()
    if item.answer in item.choices:
        return item.answer
    if len(answer) == 1 and answer.upper() in string.ascii_uppercase:
        place = string.ascii_uppercase.index(answer.upper())
    elif answer.isdigit():
        place = int(answer)
    else:
        return item.answer
    return item.choices[place] if place < len(item.choices) else item.answer


def last_number(text: str) -> float | None:
    """The last number in a text: thousands separators, signs, fractions and percents are read."""
    matches = _NUMBER.findall(text[-_LONGEST_OUTPUT:])
    if not matches:
        return None
    word = matches[-1].replace(",", "").replace("−", "-").strip()
    percent = word.endswith("%")
    word = word.rstrip("% ")
    try:
        if "/" in word:
            top, bottom = word.split("/")
            value = float(Fraction(top.strip()) / Fraction(bottom.strip()))
        else:
            value = float(word)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return value / 100 if percent else value


def _result(item: Item, output: str, prediction: str, right: bool) -> ItemResult:
    return ItemResult(item.id, output[:_LONGEST_OUTPUT], prediction[:_LONGEST_OUTPUT], 1.0 if right else 0.0)


_NORMALISERS: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "lower": str.casefold,
    "punctuation": lambda text: text.translate(str.maketrans("", "", string.punctuation)),
    "articles": lambda text: _ARTICLES.sub(" ", text),
    "whitespace": lambda text: " ".join(text.split()),
}
