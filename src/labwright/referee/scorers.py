"""From an output to a score: 1 for right, 0 for wrong. Any text may come in; none may crash a scorer.

Where an item accepts several answers, the one that fits best counts.
Programs are scored in code/, outputs judged in judging.py, criteria.py and pairwise.py: they need `Means`.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Protocol

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import UsageError
from labwright.contracts.generation import OutputJudge
from labwright.contracts.research import ItemResult
from labwright.contracts.specs import BenchmarkSpec, ScorerSpec
from labwright.referee.code import CodeScorer
from labwright.referee.judging import criteria, pairwise
from labwright.referee.judging.criteria import CriteriaScorer
from labwright.referee.judging.judge import RubricScorer
from labwright.referee.judging.pairwise import PairwiseScorer
from labwright.referee.measures.calls import calls_in, why_not
from labwright.referee.measures.instructions import follows
from labwright.referee.measures.spans import alignment_f1, exact_match
from labwright.referee.pack import Item, choice_index
from labwright.stats import pass_at_k

_NUMBER = re.compile(
    r"(?:(?<![\w.])[-+−])?"  # a sign, but not the dash of "10-12"
    r"(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)"  # 1,234.5  12  .5
    r"(?:[eE][-+]?\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?\s*%?"  # an exponent, a denominator, a percent sign
)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_LONGEST_OUTPUT = 20_000


class Scorer(Protocol):
    """Scores one output against one item's answer."""

    def score(self, item: Item, output: str) -> ItemResult:
        """The prediction found in the output, and whether it is right."""


@dataclass(frozen=True, slots=True)
class Means:
    """What some scorers need beside the spec: where programs run, and who judges."""

    sandbox: Sandbox | None = None
    unconfined: bool = False  # a person has switched the sandbox off
    judge: OutputJudge | None = None


class TextScorer:
    """Equal after the normalisations that the benchmark names (`exact`, `normalised`)."""

    def __init__(self, spec: ScorerSpec) -> None:
        steps = spec.normalise
        if spec.kind == "normalised" and not steps:
            steps = ("strip", "lower", "punctuation", "articles", "whitespace")
        self._ignore = [re.compile(pattern) for pattern in spec.ignore]
        self._steps = [_NORMALISERS[name] for name in steps]

    def score(self, item: Item, output: str) -> ItemResult:
        prediction = self.normalised(output[:_LONGEST_OUTPUT])
        return _result(item, output, prediction, any(prediction == self.normalised(each) for each in item.accepted))

    def normalised(self, text: str) -> str:
        """The text without what is ignored, after all steps."""
        for pattern in self._ignore:
            text = pattern.sub("", text)
        for step in self._steps:
            text = step(text)
        return text


class WordsScorer:
    """The F1 of the output's words against the answer's, articles and punctuation aside; the best of several answers.

    The measure of SQuAD: Rajpurkar et al., 2016, arXiv 1606.05250.
    """

    def __init__(self, spec: ScorerSpec) -> None:
        self._compare = TextScorer(spec.model_copy(update={"kind": "normalised"}))

    def score(self, item: Item, output: str) -> ItemResult:
        prediction = self._compare.normalised(output[:_LONGEST_OUTPUT])
        said = Counter(prediction.split())
        score = max(_f1(said, Counter(self._compare.normalised(each).split())) for each in item.accepted)
        return replace(_result(item, output, prediction, False), score=score)


def _f1(said: Counter[str], right: Counter[str]) -> float:
    if not said or not right:
        return float(said == right)
    shared = (said & right).total()
    return 2 * shared / (said.total() + right.total())


class SpansScorer:
    """The best F1 of the output's spans against those of an accepted answer, paired one to one; see spans.py."""

    def __init__(self, spec: ScorerSpec) -> None:
        self._separator, self._whole = spec.separator, spec.whole

    def score(self, item: Item, output: str) -> ItemResult:
        output = output[:_LONGEST_OUTPUT]
        parts = [output] if self._separator is None else output.split(self._separator)
        said = [part.strip() for part in parts if part.strip()] or [""]
        answers = [each for each in item.spans or [(answer,) for answer in item.accepted] if each[0].strip()]
        score = max((self._of(said, answer) for answer in answers), default=0.0)
        return replace(_result(item, output, json.dumps(said, ensure_ascii=False), False), score=score)

    def _of(self, said: Sequence[str], answer: Sequence[str]) -> float:
        return float(exact_match(said, answer)) if self._whole else alignment_f1(said, answer)


class InstructionsScorer:
    """Whether an output follows all of an item's instructions; `prediction` says of each, strictly and loosely."""

    def __init__(self, spec: ScorerSpec) -> None:
        self._loose = spec.loose

    def score(self, item: Item, output: str) -> ItemResult:
        output = output[:_LONGEST_OUTPUT]
        found = [
            {"id": each.id, "strict": follows(each, output), "loose": follows(each, output, loose=True)}
            for each in item.instructions
        ]
        right = all(each["loose" if self._loose else "strict"] for each in found)
        return _result(item, output, json.dumps(found), right)


class CallsScorer:
    """Whether an output makes the calls that an item expects; they are read, and never made."""

    def score(self, item: Item, output: str) -> ItemResult:
        said = calls_in(output)
        fault = why_not(said, item.calls)
        told = json.dumps([{"name": call.name, "arguments": call.arguments} for call in said], ensure_ascii=False)
        return _result(item, output, f"{told} ({fault})" if fault else told, not fault)


class IncludesScorer:
    """The answer stands in the output, or at its start or end, after the normalisations that the benchmark names."""

    def __init__(self, spec: ScorerSpec) -> None:
        self._place = spec.place
        self._compare = TextScorer(spec)

    def score(self, item: Item, output: str) -> ItemResult:
        prediction = self._compare.normalised(output[:_LONGEST_OUTPUT])
        answers = [self._compare.normalised(each) for each in item.accepted]
        return _result(item, output, prediction, any(self._holds(prediction, answer) for answer in answers if answer))

    def _holds(self, prediction: str, answer: str) -> bool:
        if self._place == "anywhere":
            return answer in prediction
        return prediction.startswith(answer) if self._place == "start" else prediction.endswith(answer)


class RegexScorer:
    """The last (or first) match's first group that holds something (or the whole match), compared like text."""

    def __init__(self, spec: ScorerSpec) -> None:
        self._pattern = re.compile(spec.pattern or "", re.MULTILINE)
        self._place = 0 if spec.select == "first" else -1
        self._compare = TextScorer(spec.model_copy(update={"normalise": spec.normalise or ("strip",)}))

    def score(self, item: Item, output: str) -> ItemResult:
        matches = list(self._pattern.finditer(output[:_LONGEST_OUTPUT]))
        if not matches:
            return _result(item, output, "", False)
        match = matches[self._place]
        found = next((group for group in match.groups() if group), "") if self._pattern.groups else match.group(0)
        inner = self._compare.score(item, found)
        return _result(item, output, inner.prediction, bool(inner.score))


class NumericScorer:
    """The last number in the output against the answer's, within a tolerance.

    Where only one of the two is a percentage, "50 %" meets both "50" and "0.5": questions differ in what they ask for.
    """

    def __init__(self, spec: ScorerSpec) -> None:
        self._tolerance = spec.tolerance

    def score(self, item: Item, output: str) -> ItemResult:
        output = output[:_LONGEST_OUTPUT]
        said = _last_number(output)
        if said is None:
            return _result(item, output, "", False)
        answers = [_last_number(each) for each in item.accepted]
        right = any(self._is_close(said, answer) for answer in answers if answer is not None)
        return _result(item, output, f"{said[0]:.12g}", right)

    def _is_close(self, said: tuple[float, bool], right: tuple[float, bool]) -> bool:
        close = abs(said[0] - right[0]) <= self._tolerance
        if said[1] == right[1]:
            return close
        return close or abs(said[0] * (100 if said[1] else 1) - right[0] * (100 if right[1] else 1)) <= self._tolerance


class ChoiceScorer:
    """The choice with the highest log-likelihood. Its outputs are made by `choose`, not generated."""

    def score(self, item: Item, output: str) -> ItemResult:
        return _result(item, output, output, output in correct_choices(item))


class SampledScorer:
    """The mean over an item's outputs (avg@k), which come as one JSON list; or what they say of pass@k."""

    def __init__(self, one: Scorer, pass_at: int | None = None) -> None:
        self._one, self._pass_at = one, pass_at

    def score(self, item: Item, output: str) -> ItemResult:
        results = [self._one.score(item, each) for each in samples_of(output)]
        said = json.dumps([r.output for r in results], ensure_ascii=False)
        predictions = json.dumps([r.prediction for r in results], ensure_ascii=False)
        scores = tuple(r.score for r in results)
        return ItemResult(item.id, said, predictions, self._of(scores), scores)

    def _of(self, scores: Sequence[float]) -> float:
        if self._pass_at is not None:
            return pass_at_k(len(scores), scores.count(1.0), self._pass_at) if len(scores) >= self._pass_at else 0.0
        return fmean(scores) if scores else 0.0


def samples_of(output: str) -> list[str]:
    """The outputs that one item's k samples were kept as; none where it is no list of texts."""
    try:
        found = json.loads(output)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else []


def benchmark_scorer(spec: BenchmarkSpec, means: Means | None = None) -> Scorer:
    """The scorer of a benchmark's items: of one output, or of k. Raises as `scorer_for`."""
    one = scorer_for(spec.scorer, means)
    return one if spec.generation.samples == 1 else SampledScorer(one, spec.generation.pass_at)


def scorer_for(spec: ScorerSpec, means: Means | None = None) -> Scorer:
    """The scorer that a benchmark names.

    Raises:
        UsageError: it needs a judge, and none is set.
        BoundaryError: it runs programs, and they cannot be confined.
    """
    means = means or Means()
    if spec.kind == "code":
        return CodeScorer(spec, means.sandbox or Sandbox(), unconfined=means.unconfined)
    if spec.is_judged:
        if means.judge is None:
            raise UsageError(
                "this benchmark is scored by a judge, and no judge model is set",
                where="LABWRIGHT_JUDGE_MODEL",
                cure="set it to a model, such as anthropic:NAME or local:NAME",
            )
        return _judging(spec, means.judge)
    makers: dict[str, Callable[[], Scorer]] = {
        "exact": lambda: TextScorer(spec),
        "normalised": lambda: TextScorer(spec),
        "f1": lambda: WordsScorer(spec),
        "numeric": lambda: NumericScorer(spec),
        "regex": lambda: RegexScorer(spec),
        "includes": lambda: IncludesScorer(spec),
        "choice": ChoiceScorer,
        "spans": lambda: SpansScorer(spec),
        "instructions": lambda: InstructionsScorer(spec),
        "calls": CallsScorer,
    }
    return makers[spec.kind]()


def _judging(spec: ScorerSpec, judge: OutputJudge) -> Scorer:
    if spec.kind == "criteria":
        return CriteriaScorer(judge)
    return RubricScorer(spec, judge) if spec.kind == "rubric" else PairwiseScorer(spec, judge)


def score_by_verdicts(spec: BenchmarkSpec, item: Item, prediction: str) -> float:
    """The score by the judge's verdicts that are kept beside it; not a number where they cannot be read."""
    again: Callable[[str], float] = pairwise.score_again
    if spec.scorer.kind == "criteria":
        again = partial(criteria.score_again, item)
    if spec.generation.samples == 1:
        return again(prediction)
    return fmean([again(each) for each in samples_of(prediction)] or [0.0])


def choose(choices: Sequence[str], log_likelihoods: Sequence[float], *, by_length: bool) -> str:
    """The choice with the highest log-likelihood, a character where the benchmark says so; ties go to the first."""
    scaled = [ll / max(len(c), 1) if by_length else ll for c, ll in zip(choices, log_likelihoods, strict=True)]
    return choices[scaled.index(max(scaled))]


def correct_choices(item: Item) -> tuple[str, ...]:
    """The right choices' texts, mostly one; an answer may be the text, its letter, or its index from 0."""
    places = [(each, choice_index(each, item.choices)) for each in item.accepted]
    return tuple(each if place is None else item.choices[place] for each, place in places)


def last_number(text: str) -> float | None:
    """The last number in a text: thousands separators, signs, fractions, exponents and percents are read."""
    found = _last_number(text)
    return None if found is None else found[0]


def _last_number(text: str) -> tuple[float, bool] | None:
    """The number, and whether it was written as a percentage."""
    word = None
    for match in _NUMBER.finditer(text):
        word = match.group()
    if word is None:
        return None
    word = word.replace(",", "").replace("−", "-").strip()
    top, _, bottom = word.rstrip("% ").partition("/")
    try:
        value = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    percent = word.endswith("%")
    return value / 100 if percent else value, percent


def _result(item: Item, output: str, prediction: str, right: bool) -> ItemResult:
    return ItemResult(item.id, output[:_LONGEST_OUTPUT], prediction[:_LONGEST_OUTPUT], 1.0 if right else 0.0)


_NORMALISERS: dict[str, Callable[[str], str]] = {
    "strip": str.strip,
    "lower": str.casefold,
    "punctuation": lambda text: text.translate(str.maketrans("", "", string.punctuation)),
    "edges": lambda text: text.strip(string.whitespace + string.punctuation),
    "articles": lambda text: _ARTICLES.sub(" ", text),
    "whitespace": lambda text: " ".join(text.split()),
}
