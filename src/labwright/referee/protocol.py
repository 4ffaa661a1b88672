"""What the engine and the referee's process say to each other: one JSON line a request, one or more lines back.

The engine sees only this file and `client.py`; `process.py` and the vault stay on the other side of the pipe. Every
request may be sent again after a crash: the referee answers a repeated one from what it has already recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter

from labwright.contracts.events import BenchmarkSealed, TestOpened
from labwright.contracts.research import (
    Comparison,
    DatasetVersion,
    Evaluation,
    GateReport,
    Interval,
    Run,
    Style,
    Verdict,
)
from labwright.contracts.specs import Split


@dataclass(frozen=True, slots=True)
class Opening:
    """The first line to the referee: where its lab is and how it may work."""

    home: str
    ledger_url: str = field(repr=False)
    sandbox: Literal["auto", "off"]
    worker: str
    environment: Mapping[str, str]
    ledger_environment: Mapping[str, str] = field(default_factory=dict, repr=False, kw_only=True)  # not for workers
    cgroups: Literal["auto", "off"] = field(default="auto", kw_only=True)  # of what it starts
    judge_model: str = ""  # whose word counts where a benchmark is scored by a rubric
    judge: tuple[str, ...] = ()  # the command of its process, which may use the network; none: nobody judges
    judge_environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # with the judge's keys


@dataclass(frozen=True, slots=True)
class Seal:
    """Take a copy of a benchmark pack into the vault. Answer: BenchmarkSealed."""

    study_id: str | None
    source: str
    op: Literal["seal"] = "seal"


@dataclass(frozen=True, slots=True)
class CheckSource:
    """Has the pack's source been edited since it was sealed, or the vault's copy? Answer: the names of edited files."""

    study_id: str | None
    benchmark_id: str
    source: str
    op: Literal["check_source"] = "check_source"


@dataclass(frozen=True, slots=True)
class Gate:
    """Compare a dataset version with a split, for a study or for none. Answer: GateReport, for `test` without hits."""

    study_id: str | None
    benchmark_id: str
    dataset: DatasetVersion
    split: Split
    on_hit: Literal["block", "drop"]
    on_source: Literal["block", "allow"] = "block"  # where it was made of what the benchmark was made of
    op: Literal["gate"] = "gate"


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Score a model. `run` is None for the base. Answer: Evaluation; BoundaryError where the model is refused."""

    study_id: str | None
    evaluation_id: str
    benchmark_id: str
    subject: str
    style: Style
    split: Split
    base: str
    base_id: str
    run: Run | None = None
    chain_recorded: bool = False
    limit: int | None = None
    deadline: float | None = None
    judge_usd: float | None = None  # ceiling on what a judge may cost; a study has its budget's instead
    kept_usd: float = 0.0  # of the study's dollars, what this evaluation leaves for the judging of the sealed test
    op: Literal["evaluate"] = "evaluate"


@dataclass(frozen=True, slots=True)
class Appraise:
    """What will the judge of a sealed benchmark cost? Nobody is asked to judge. Answer: Appraisal."""

    benchmark_id: str
    op: Literal["appraise"] = "appraise"


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What judging takes: how often an item asks the judge (never, where none judges), and dollars at the worst."""

    judgements: int = 0  # for one item
    judgement_usd: float | None = None  # one judgement at most; None where nobody knows the price
    measured_usd: float | None = None  # what one took on the mean, of those of this benchmark that are kept


@dataclass(frozen=True, slots=True)
class OpenTest:
    """Open the sealed test for these subjects, once. Answer: TestOpened."""

    study_id: str | None
    benchmark_id: str
    opening_id: str
    subjects: tuple[str, ...]
    op: Literal["open_test"] = "open_test"


@dataclass(frozen=True, slots=True)
class Judge:
    """Decide on a trial. Evaluations are named by id. Answer: Verdict."""

    study_id: str
    trial_id: str
    run_id: str
    candidate: str
    incumbent: str
    few_shot: str
    comparisons_planned: int
    retrains: tuple[str, ...]
    incumbent_retrains: tuple[str, ...]
    op: Literal["judge"] = "judge"


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare two evaluations on the same items. Answer: Comparison."""

    study_id: str
    first: str
    second: str
    op: Literal["compare"] = "compare"


@dataclass(frozen=True, slots=True)
class Export:
    """Write a complete model directory: the base, or a run's model merged into it. Answer: its path."""

    study_id: str
    base: str
    base_id: str
    run: Run | None
    out: str
    op: Literal["export"] = "export"


@dataclass(frozen=True, slots=True)
class Rescore:
    """Score outputs again, for `labwright verify`; only this lab's vault can for the test. Answer: Rescored."""

    benchmark_id: str
    split: Split
    outputs: tuple[tuple[str, str], ...]
    op: Literal["rescore"] = "rescore"


@dataclass(frozen=True, slots=True)
class ScoreRows:
    """How well the base does on training rows by this benchmark's scorer. Answer: one score a row."""

    benchmark_id: str
    base: str
    rows: tuple[tuple[str, str], ...]
    op: Literal["score_rows"] = "score_rows"


@dataclass(frozen=True, slots=True)
class Disclose:
    """Write the benchmark's public part and the per-item results of a study into `out`. Answer: the files written.

    Of test evaluations only the score of each item is written, unless `with_test`, which writes the items as well and
    marks the benchmark as exposed in this lab for good.
    """

    study_id: str
    benchmark_id: str
    out: str
    with_test: bool
    op: Literal["disclose"] = "disclose"


@dataclass(frozen=True, slots=True)
class Rescored:
    """The scores of a rescoring, in the order of the outputs."""

    score: Interval
    scores: tuple[float, ...]


Request = (
    Seal | CheckSource | Gate | Evaluate | Appraise | OpenTest | Judge | Compare | Export | Rescore | ScoreRows
    | Disclose
)  # fmt: skip

REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Discriminator("op")])
OPENING: TypeAdapter[Opening] = TypeAdapter(Opening)
ANSWER: Mapping[str, TypeAdapter[Any]] = {
    "seal": TypeAdapter(BenchmarkSealed),
    "check_source": TypeAdapter(tuple[str, ...]),
    "gate": TypeAdapter(GateReport),
    "evaluate": TypeAdapter(Evaluation),
    "appraise": TypeAdapter(Appraisal),
    "open_test": TypeAdapter(TestOpened),
    "judge": TypeAdapter(Verdict),
    "compare": TypeAdapter(Comparison),
    "export": TypeAdapter(str),
    "rescore": TypeAdapter(Rescored),
    "score_rows": TypeAdapter(list[float]),
    "disclose": TypeAdapter(tuple[str, ...]),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of the tree in contracts/errors.py, on its way through the pipe."""

    type: str
    what: str
    where: str | None
    cure: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """One line back. Progress lines come before the one that carries a result or a failure."""

    progress: tuple[int, int] | None = None
    result: Any = None
    failure: Failure | None = None
    done: bool = False


REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)
