"""The nouns of research that travel between folders: hypothesis, trial, run, dataset version, evaluation, verdict.

All are frozen dataclasses. Ids are readable and deterministic, so a study that is resumed after a kill names things
as it did before: study `number-sorting-1`, trial `number-sorting-1.t2`, run `number-sorting-1.t2.r1`.
Times are seconds since the epoch; scores are fractions from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from labwright.contracts.specs import DataFormat, Split

Style = Literal["zero_shot", "few_shot"]
Boundary = Literal["enforced", "not enforced"]
Attestation = Literal["base", "attested", "unattested"]
VersionFormat = DataFormat | Literal["rows"]
"""What a dataset version's rows are; `rows` is any other table: it must be converted before it is trained on."""
BASE = "base"  # the subject of the untrained base model's evaluations


class StudyState(StrEnum):
    """Where a study stands."""

    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"


class TrialKind(StrEnum):
    """Why a trial was made (after AIDE: Jiang et al., 2025, arXiv 2502.13138)."""

    DRAFT = "draft"
    IMPROVE = "improve"
    DEBUG = "debug"
    ABLATE = "ablate"


class RunState(StrEnum):
    """Where a run stands. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING)


class RunPurpose(StrEnum):
    """What a run is for: a smoke test, the search, or the fresh-seed retrain of a finalist."""

    SMOKE = "smoke"
    SEARCH = "search"
    RETRAIN = "retrain"


class Outcome(StrEnum):
    """What the referee says of a trial."""

    PROMOTE = "promote"
    KEEP = "keep"
    DISCARD = "discard"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One sentence that a trial tests, why it is believed, and its sources."""

    statement: str
    because: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration of a recipe on one dataset version; a node in the study's tree."""

    id: str
    study_id: str
    parent_id: str | None
    kind: TrialKind
    change: str
    hypothesis: Hypothesis
    recipe: str
    params: Mapping[str, JsonValue]
    dataset: str  # the dataset's name in study.yaml; its gated version is in the ledger


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a trial, on one backend, with one seed. `max_steps` counts from the very first step."""

    id: str
    study_id: str
    trial_id: str
    purpose: RunPurpose
    seed: int
    max_steps: int
    continues: str | None  # the run whose checkpoint this one starts from
    directory: str
    backend: str
    state: RunState = RunState.QUEUED
    attempt: int = 1
    reason: str = ""
    exit_code: int | None = None
    started_at: float | None = None
    ended_at: float | None = None
    peak_memory_bytes: int | None = None
    boundary: Boundary = "not enforced"
    input_hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lineage:
    """One step that made a dataset version: the transform, its parameters, and the versions it read.

    `after` has, for each parent, the position in the version's lineage of the step that made it: the same rows may have
    come about in several ways. `origins` and `dropped` name Parquet files in the home's `origins`: where each row came
    from, and which rows of the parents were not taken, with reasons. What an older version of Labwright did not record
    is empty.
    """

    transform: str
    params: Mapping[str, JsonValue] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    made: str = ""  # the id of the version that this step made
    code: str = ""  # Labwright's version, with the commit where it runs from a checkout
    origins: str = ""
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """Rows under a content hash: `id` is the first 16 hex digits of the SHA-256 of the canonical JSONL."""

    id: str
    name: str
    path: str
    format: VersionFormat
    rows: int
    source: str
    lineage: tuple[Lineage, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an audit saw in a dataset."""

    severity: Literal["info", "warning", "error"]
    what: str
    rows: tuple[int, ...] = ()  # 1-based line numbers, at most a few
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One training row that holds a benchmark item. Against the sealed test only a count exists, never a Hit."""

    row: int  # 1-based line number in the dataset version
    item_id: str
    method: Literal["exact", "normalised", "ngram", "minhash"]
    similarity: float
    span: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the data gate found for one dataset version against one split."""

    dataset_id: str
    split: Split
    rows_checked: int
    rows_hit: int
    action: Literal["pass", "block", "drop"]
    hits: tuple[Hit, ...] = ()  # dev only
    kept_dataset_id: str | None = None  # the version without the dropped rows
    shared_sources: tuple[str, ...] = ()  # what the data says it was made of, and the benchmark too


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its two-sided 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same items. `wins` are items only the first got right; `estimate` is first minus second."""

    items: int
    wins: int
    losses: int
    difference: Interval
    p_value: float


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item's outcome. `score` is 0 or 1, but a fraction for f1, for a judge, and over samples (avg@k, pass@k).

    Of several samples, `output` and `prediction` are JSON lists, and `samples` holds the score of each.
    """

    id: str
    output: str
    prediction: str
    score: float
    samples: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SideScore:
    """Another reading of the same outputs, such as pass@8 beside avg@8. Nothing is decided by it."""

    name: str
    score: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model × one benchmark split, written by the referee and by nobody else."""

    id: str
    study_id: str | None
    subject: str  # BASE, or the id of the run that made the model
    style: Style
    split: Split
    benchmark_id: str
    metric: str
    items: int
    score: Interval
    results_id: str  # the content hash of the per-item results' file
    model_id: str  # a hash over the weights that were scored
    attestation: Attestation
    boundary: Boundary
    duration_s: float
    notes: tuple[str, ...] = ()
    beside: tuple[SideScore, ...] = ()  # other readings of the same outputs


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the referee says, with the comparison behind it."""

    study_id: str
    trial_id: str
    run_id: str | None
    outcome: Outcome
    reason: str
    against: str = ""  # the evaluation id of the incumbent
    comparison: Comparison | None = None
    threshold: float | None = None  # the p-value that had to be beaten: 0.05 / K
    retrains: tuple[Comparison, ...] = ()
    noise_floor: float | None = None  # standard deviation over training seeds, in score units
    retrains_wanted: int = 0  # fresh-seed retrains the referee must see in all, those already made included


@dataclass(frozen=True, slots=True)
class Alert:
    """What the watchdog saw in a run's metrics."""

    run_id: str
    rule: Literal["not-finite", "divergence", "plateau", "overfit", "stall"]
    severity: Literal["info", "warning", "error"]
    step: int
    message: str
    numbers: Mapping[str, float]
    suggestion: str
    change: Mapping[str, JsonValue] = field(default_factory=dict)  # e.g. {"learning_rate": {"times": 0.1}}
    stops_run: bool = False


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that touched the referee's boundary or the rules, named in the report."""

    where: str  # a run id, a file
    kind: str  # e.g. forged-result, foreign-weights, tampered-benchmark, left-daemon, contaminated-data
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a preflight or of `labwright doctor`."""

    name: str
    ok: bool
    detail: str
    cure: str = ""
