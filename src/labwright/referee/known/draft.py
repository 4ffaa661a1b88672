"""A benchmark on its way into a pack: its questions by split, how they are asked and scored, where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labwright.contracts.specs import GenerationSpec, MetricSpec, ScorerSpec
from labwright.referee.measures.calls import ExpectedCall
from labwright.referee.measures.instructions import Instruction
from labwright.referee.measures.keys import Criterion
from labwright.referee.pack import Case


class UnusableRowError(Exception):
    """A row is no question; says why. It is left out and counted."""


@dataclass(frozen=True, slots=True)
class Question:
    """An item without its id. `shown` is what a worked example answers with, where that is not the key itself.

    For code, `answers` holds further reference solutions.
    """

    prompt: str
    answer: str = ""
    choices: tuple[str, ...] = ()
    setup: str = ""
    tests: str = ""
    entry_point: str = ""
    rubric: str = ""
    answers: tuple[str, ...] = ()
    blank: str = ""
    cases: tuple[Case, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    calls: tuple[ExpectedCall, ...] = ()
    baseline: str = ""
    spans: tuple[tuple[str, ...], ...] = ()
    criteria: tuple[Criterion, ...] = ()
    shown: str = ""
    name: str = ""  # the benchmark's own id

    @property
    def has_key(self) -> bool:
        """Whether there is anything to score an output by."""
        own = (self.instructions, self.calls, self.baseline, self.spans, self.criteria)
        return any((self.answer, self.tests, self.cases, self.rubric, *own))

    @property
    def key(self) -> str:
        """Two questions with the same key are one."""
        return " ".join(self.prompt.casefold().split())


@dataclass(frozen=True, slots=True)
class Part:
    """A split as it was read: its questions in order, and what was left out and why."""

    name: str
    questions: tuple[Question, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    digest: str = ""  # of the files, or the Hub's revision


@dataclass(frozen=True, slots=True)
class Draft:
    """What will be written."""

    layout: str
    origin: str
    parts: tuple[Part, ...]
    scorer: ScorerSpec
    generation: GenerationSpec
    metric: MetricSpec = field(default_factory=MetricSpec)
    examples: tuple[Question, ...] | None = None  # worked examples that the benchmark names itself
    evaluated: str | None = None  # the split that is scored elsewhere: ours is the sealed test
    revision: str = ""
    licence: str | None = None
    harness: str = ""  # such as "lm-eval 0.4.13"
    notes: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)  # for the provenance: the task's own settings
    dataset: str = ""  # by its name on the Hub, where it comes from there
