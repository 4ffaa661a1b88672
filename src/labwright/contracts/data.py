"""The nouns of data beside dataset versions: where a row stands, what an audit found, what a column holds.

`contracts/research.py` has `DatasetVersion`, `Lineage` and the study's own brief `Finding`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from pydantic import JsonValue

Severity = Literal["info", "warning", "error"]
Purpose = Literal["sft", "dpo", "grpo", "classify"]
"""What a training set is for: it decides which findings matter."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a row stands: its file as a person knows it, and its 1-based row there (for JSONL and text, its line)."""

    file: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}:{self.row}"


# What a column holds


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column's statistics. What does not apply to its type is None or empty."""

    name: str
    type: str  # as a person reads it: string, int64, list<struct<role: string, content: string>>
    rows: int  # that were looked at
    nulls: int
    empty: int = 0  # strings of nothing but spaces, lists without members
    distinct: int | None = None
    distinct_is_exact: bool = True
    low: JsonValue = None  # of numbers, dates; of strings and lists the shortest length
    high: JsonValue = None
    mean: float | None = None  # of numbers; of strings and lists their lengths
    quantiles: tuple[float, ...] = ()  # 5, 25, 50, 75, 95 %
    frequent: tuple[tuple[str, int], ...] = ()  # the most frequent values with their counts
    histogram: tuple[tuple[float, int], ...] = ()  # left edge and count


@dataclass(frozen=True, slots=True)
class SplitSize:
    """A split and how large it is. None: nobody said."""

    name: str
    rows: int | None
    bytes: int | None = None
    files: int = 1


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at a dataset showed. `sampled` is the number of rows it rests on, or None where all were read."""

    name: str
    origin: str
    revision: str
    licence: str | None
    splits: tuple[SplitSize, ...]
    split: str  # the one that is described
    schema: tuple[tuple[str, str], ...]  # column and type
    columns: tuple[ColumnProfile, ...]
    samples: tuple[Mapping[str, JsonValue], ...]
    sampled: int | None = None
    remarks: tuple[str, ...] = ()


# What an audit found


class IssueClass(StrEnum):
    """Everything an audit looks for."""

    SCHEMA_DRIFT = "schema-drift"
    MIXED_TYPES = "mixed-types"
    MISSING = "missing"
    EMPTY = "empty"
    EXACT_DUPLICATE = "exact-duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    CONFLICTING_LABELS = "conflicting-labels"
    LABEL_ERROR = "label-error"
    CLASS_IMBALANCE = "class-imbalance"
    LENGTH_OUTLIER = "length-outlier"
    TRUNCATED = "truncated"  # what max_length would cut
    ENCODING_DAMAGE = "encoding-damage"
    MARKUP = "markup"
    BOILERPLATE = "boilerplate"
    LANGUAGE_MIX = "language-mix"
    PII = "pii"
    SECRET = "secret"
    TOXIC = "toxic"
    REFUSAL = "refusal"
    CHAT_FORMAT = "chat-format"
    SPLIT_LEAKAGE = "split-leakage"
    CONTAMINATION = "contamination"
    LICENCE = "licence"
    PROVENANCE = "provenance"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row that shows an issue. PII and secrets are masked in `excerpt`."""

    location: Location
    excerpt: str
    column: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """A finding: what, how much of it, the rows that show it, and what would fix it."""

    kind: IssueClass
    severity: Severity
    what: str
    rows: int  # that have it
    looked_at: int  # rows that were examined for it
    evidence: tuple[Evidence, ...] = ()
    fix: str = ""  # a `labwright data …` command, or a sentence
    exact: bool = True  # False: `looked_at` is a sample of the rows
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Of the rows that were examined."""
        return self.rows / self.looked_at if self.looked_at else 0.0


Fitness = Literal["fit", "fit after these fixes", "unfit"]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """An audit's result. `score` is 0 to 100; `parts` says how many points which issue class cost."""

    name: str
    origin: str
    digest: str  # of the content, or the Hub's revision
    purpose: Purpose | None
    rows: int
    sampled: int | None
    bytes: int
    duration_s: float
    issues: tuple[Issue, ...]
    score: int
    parts: Mapping[str, float]
    fitness: Fitness
    why: str
    charts: Mapping[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)  # name -> (label, value)
    remarks: tuple[str, ...] = ()


# Converting


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was kept aside, and why."""

    location: Location
    reason: str
    row: Mapping[str, JsonValue]


# What synthesis asks of a model


@dataclass(frozen=True, slots=True)
class Made:
    """One generated row with what made it."""

    row: Mapping[str, JsonValue]
    prompt: str
    model: str  # a model's id, `template`, `program`, `reasoning-gym:TASK`
    seed: int
    usd: float | None = 0.0  # None: nobody knows the price
    tokens: int = 0


class RowWriter(Protocol):
    """Writes rows to an instruction; `agent/` adapts LLMs to it."""

    @property
    def name(self) -> str:
        """A model's id."""

    def write(self, instruction: str, schema: Mapping[str, JsonValue], count: int, seed: int) -> Sequence[Made]:
        """Up to `count` rows that fit a JSON schema. Raises ProviderError, BudgetError."""


class RowJudge(Protocol):
    """Judges a row by a rubric; `agent/` adapts LLMs to it."""

    @property
    def name(self) -> str:
        """A model's id."""

    def judge(self, row: Mapping[str, JsonValue], rubric: str) -> Judgement:
        """A score from 0 to 1 with a reason. Raises ProviderError, BudgetError."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's word."""

    score: float
    reason: str
    usd: float | None = 0.0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model writes or judges, and how. None: what the lab's settings say, or the provider's own."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None  # of one answer


class Keeper(Protocol):
    """Keeps model calls inside a budget; a session's keeper is one, and a synthesis run's purse is another."""

    def reserve(
        self, call_id: str, model: str, input_tokens: int, output_tokens: int, usd: float | None, *, agent: str = ...
    ) -> None:
        """Set a call's worst case aside before it is made; `usd` None is an unknown price. Raises BudgetError."""

    def reconcile(
        self,
        call_id: str,
        *,
        input_tokens: int | None,
        output_tokens: int | None,
        usd: float | None,
        cache_read_tokens: int = 0,
    ) -> None:
        """Replace the reservation by what the call took; None counts as the worst case."""

    def release(self, call_id: str, why: str = "") -> None:
        """Give the reservation of a call back that cost nothing."""


WriterOf = Callable[[ModelChoice, Keeper], RowWriter]
"""A writer whose calls the keeper has to agree to."""
JudgeOf = Callable[[ModelChoice, Keeper], RowJudge]
"""A judge whose calls the keeper has to agree to."""


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """What a program may take of the machine."""

    timeout_s: float = 60.0
    memory_bytes: int = 2 << 30
    output_bytes: int = 256 << 20  # of any one file that it writes
    tasks: int = 256  # processes and threads at a time


class ProgramRunner(Protocol):
    """Runs a short Python program in a folder, confined where the machine can; `compute/` implements it."""

    @property
    def remark(self) -> str:
        """Why programs are not confined here; empty where they are."""

    def run(self, script: str, args: Sequence[str], folder: Path, limits: ProgramLimits) -> ProgramEnd:
        """`python SCRIPT ARGS…` in `folder`, which holds the script and is all that it may read and write."""


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """How a program ended. `code` None: it was ended at its time limit."""

    code: int | None
    stdout: str  # the last of it
    stderr: str  # the last of it
