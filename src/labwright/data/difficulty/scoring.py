"""Scores every row of a version by a model: in batches, each kept as soon as it is there."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from labwright.contracts.errors import ModelError
from labwright.contracts.generation import Generator, LikelihoodRequest
from labwright.contracts.research import DatasetVersion
from labwright.data.difficulty.cache import ScoreCache
from labwright.data.difficulty.methods import ANSWERS, AnswerCheck, Method
from labwright.data.examples import Reader
from labwright.data.layouts import Example, Kind, Turn
from labwright.data.objects import Lines
from labwright.data.versions import lines_of

Progress = Callable[[int, int], None]
"""Hears how many rows are done, of how many."""

_OFFERED = re.compile(r"^([A-Z])\. ", re.MULTILINE)
_TOO_LONG = "longer than was allowed"


@dataclass(frozen=True, slots=True)
class Scores:
    """A score a row, NaN where there is none; `why` says the reason, by the row's 0-based number."""

    values: NDArray[np.float64]
    why: dict[int, str]
    known: int  # rows whose score was kept from before, or stands twice in the version
    asked: int  # rows that the model was asked about


@dataclass(frozen=True, slots=True)
class _Case:
    """What a model is asked about a row."""

    prompt: str
    answer: str
    wrong: tuple[str, ...] = ()
    letters: bool = False

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(json.dumps([self.prompt, self.answer, self.wrong], ensure_ascii=False).encode()).digest()


def score(
    version: DatasetVersion,
    generator: Generator,
    model_id: str,
    method: Method,
    cache: ScoreCache,
    *,
    check: AnswerCheck = ANSWERS,
    batch_rows: int = 64,
    most_characters: int | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score all rows. `model_id` must name the weights: scores are kept under it.

    Rows of more than `most_characters` are not scored, so that one long row does not end a night's work.

    Raises:
        DataError: the version's rows are gone.
        StorageError: the scores cannot be kept.
        LabwrightError: whatever the generator raises; what was scored until then is kept.
    """
    run = _Run(generator, model_id, method, cache, check)
    with lines_of(version) as lines:
        cases = _cases(lines, method, most_characters, run.why)
        run.values = np.full(len(lines), np.nan)
        done = 0
        while batch := list(islice(cases, batch_rows)):
            run.take(batch)
            done = batch[-1][0] + 1
            if progress is not None:
                progress(done, len(lines))
        if progress is not None and done < len(lines):
            progress(len(lines), len(lines))
    return Scores(run.values, run.why, run.known, run.asked)


@dataclass(slots=True)
class _Run:
    generator: Generator
    model_id: str
    method: Method
    cache: ScoreCache
    check: AnswerCheck
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    why: dict[int, str] = field(default_factory=dict)
    known: int = 0
    asked: int = 0
    has_scored: bool = False
    refused: dict[bytes, ModelError] = field(default_factory=dict)  # by the row's hash: the model's word on it

    def take(self, batch: Sequence[tuple[int, _Case]]) -> None:
        """Score a batch. Raises ModelError where the model refuses all of it and has taken no row before."""
        key = self.method.key(self.check)
        hashes = {number: case.hash for number, case in batch}
        scores = self.cache.get(self.model_id, key, list(dict.fromkeys(hashes.values())))
        fresh = {hashes[number]: case for number, case in batch if hashes[number] not in scores}
        if fresh:
            found = dict(zip(fresh, self._each(list(fresh.values())), strict=True))
            if not (self.has_scored or scores) and fresh.keys() <= self.refused.keys():
                raise self.refused[next(iter(fresh))]
            finite = {one: value for one, value in found.items() if math.isfinite(value)}
            self.cache.put(self.model_id, key, finite)
            scores |= finite
        self.asked += len(fresh)
        self.known += len(batch) - len(fresh)
        for number, one in hashes.items():
            if one in scores:
                self.values[number] = scores[one]
                self.has_scored = True
            else:
                refusal = self.refused.get(one)
                self.why[number] = "the model gave no finite score" if refusal is None else refusal.what

    def _each(self, cases: Sequence[_Case]) -> list[float]:
        """Scores, NaN for a row that the model cannot take, such as one that is longer than its context.

        One such row spoils the whole batch, so halves are asked for until it stands alone.
        """
        try:
            return self._ask(cases)
        except ModelError as error:
            if len(cases) == 1:
                self.refused[cases[0].hash] = error
                return [math.nan]
            middle = len(cases) // 2
            return [*self._each(cases[:middle]), *self._each(cases[middle:])]

    def _ask(self, cases: Sequence[_Case]) -> list[float]:
        match self.method.kind:
            case "pass-rate":
                return self._pass_rates(cases)
            case "loss":
                requests = [LikelihoodRequest(case.prompt, case.answer) for case in cases]
                sums = self.generator.log_likelihoods(requests)
                return [-total / _bytes(case.answer) for total, case in zip(sums, cases, strict=True)]
            case "margin":
                return self._margins(cases)

    def _pass_rates(self, cases: Sequence[_Case]) -> list[float]:
        """Each pass over the prompts has a seed of its own, so that k samples are k samples for every generator."""
        right = np.zeros(len(cases))
        for sample in range(self.method.samples):
            decoding = replace(self.method.decoding, seed=self.method.decoding.seed + sample)
            outputs = self.generator.generate([case.prompt for case in cases], decoding)
            right += [self.check.score(output, case.answer) for output, case in zip(outputs, cases, strict=True)]
        return [float(rate) for rate in right / self.method.samples]

    def _margins(self, cases: Sequence[_Case]) -> list[float]:
        requests = [LikelihoodRequest(case.prompt, answer) for case in cases for answer in (case.answer, *case.wrong)]
        sums = iter(self.generator.log_likelihoods(requests))
        margins: list[float] = []
        for case in cases:
            each = [next(sums) / (1 if case.letters else _bytes(answer)) for answer in (case.answer, *case.wrong)]
            margins.append(each[0] - max(each[1:]))
        return margins


def _bytes(text: str) -> int:
    return max(1, len(text.encode()))


def _cases(
    lines: Lines, method: Method, most_characters: int | None, why: dict[int, str]
) -> Iterator[tuple[int, _Case]]:
    reader = Reader.of(lines)
    for number, row in enumerate(lines.rows()):
        if reader.layout is not None and reader.layout.kind is Kind.TEXT:
            found: _Case | str = _text_case(
                "\n".join(str(row.get(name) or "") for name in reader.layout.inputs), method
            )
        else:
            example = reader.example(row)
            found = "it has no question and answer" if example is None else _case(example, method)
        if isinstance(found, _Case) and most_characters is not None:
            longest = max(len(answer) for answer in (found.answer, *found.wrong))
            found = found if len(found.prompt) + longest <= most_characters else _TOO_LONG
        if isinstance(found, str):
            why[number] = found
        else:
            yield number, found


def _text_case(text: str, method: Method) -> _Case | str:
    if method.kind != "loss":
        return f"a text has no answer for a {method.kind}"
    return _Case("", text) if text.strip() else "it is empty"


def _case(example: Example, method: Method) -> _Case | str:
    """What to ask, or why nothing can be asked."""
    prompt, answer = _said(example.prompt), _said(example.answer)
    if not answer.strip():
        return example.missing or "it has no answer"
    if method.kind == "pass-rate":
        return _Case(prompt, example.reference or answer)
    if method.kind == "loss":
        return _Case(prompt, answer)
    offered = tuple(dict.fromkeys(_OFFERED.findall(prompt)))
    if answer in offered and len(offered) > 1:
        return _Case(prompt, answer, tuple(letter for letter in offered if letter != answer), letters=True)
    wrong = _said(example.rejected)
    if not wrong.strip():
        return "it has no wrong answer to compare with"
    return _Case(prompt, answer, (wrong,))


def _said(turns: Sequence[Turn]) -> str:
    return "\n".join(turn.content for turn in turns)
