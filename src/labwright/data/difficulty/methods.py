"""Three ways to say how hard a row is for a model, and when an output counts as right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from labwright.contracts.errors import DataError
from labwright.contracts.generation import Decoding
from labwright.data.folding import normalise

MethodKind = Literal["pass-rate", "loss", "margin"]

_NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?|[-−]?\.\d+")
_LETTER = re.compile(r"^\W*([A-Z])\b(?!')|\banswer\b\W*(?:is\b\W*)?([A-Z])\b|\\boxed\{\W*([A-Z])\W*\}")
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Method:
    """How rows are scored.

    pass-rate: the share of `decoding`'s k samples that are right; higher is easier.
    loss: nats a byte of the answer, given the question, so that tokenizers can be compared; lower is easier.
    margin: the log-likelihood of the right answer less that of the best wrong one, each a byte, or the whole of it
    where both are letters of options; higher is easier, below 0 the model prefers the wrong one.
    """

    kind: MethodKind
    samples: int = 8
    decoding: Decoding = field(default_factory=lambda: Decoding(max_new_tokens=256, temperature=0.8))

    def __post_init__(self) -> None:
        if self.kind == "pass-rate" and self.samples < 1:
            raise DataError(f"{self.samples} samples give no pass rate", cure="take at least 1")
        if self.kind == "pass-rate" and self.samples > 1 and self.decoding.temperature == 0:
            raise DataError(
                f"{self.samples} samples at temperature 0 are one sample {self.samples} times",
                cure="set a temperature such as 0.8, or take 1 sample",
            )

    @property
    def higher_is_easier(self) -> bool:
        return self.kind != "loss"

    def key(self, check: AnswerCheck) -> str:
        """Everything that a score depends on beside model and row."""
        if self.kind != "pass-rate":
            return self.kind
        how = self.decoding
        asked = [how.max_new_tokens, how.temperature, list(how.stop), how.seed, how.chat]
        return json.dumps([self.kind, self.samples, check.name, *asked])


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """Says whether an output is right: 1, 0, or part of it. `name` changes whenever its answers would."""

    name: str
    score: Callable[[str, str], float]  # of an output and the reference


def agrees(output: str, reference: str) -> float:
    """1 where the output ends in the reference's number, names its letter, or is its text but for case and signs.

    Of an output in several lines, the first or the last may be the answer.
    """
    wanted = reference.strip()
    number = _value(wanted)
    if number is not None:
        found = [value for text in _NUMBER.findall(output) if (value := _value(text)) is not None]
        return float(bool(found) and abs(found[-1] - number) <= _TOLERANCE * max(1.0, abs(number)))
    if len(wanted) == 1 and wanted.isupper():
        letters = [next(filter(None, groups)) for groups in _LETTER.findall(output)]
        return float(bool(letters) and letters[-1] == wanted)
    folded = normalise(wanted)
    lines = [line for line in output.strip().splitlines() if line.strip()] or [""]
    return float(folded in {normalise(text) for text in (output, lines[0], lines[-1])})


ANSWERS = AnswerCheck("answers-1", agrees)


def _value(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    return float(text.replace(",", "").replace("−", "-"))
