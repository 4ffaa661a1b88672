"""What a person writes in `study.yaml` and `benchmark.yaml`, typed.

These are pydantic models because they guard an edge: a file. Unknown keys are refused, so a typo is found at once.
Reading the files, and turning pydantic's complaints into errors with line numbers, is done in `study/spec.py` and
`referee/pack.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    field_validator,
    model_validator,
)

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)?\s*$")
_SECONDS = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: object) -> float:
    """Seconds from `90`, `90s`, `15m`, `2h` or `1d`.

    Raises ValueError (which pydantic reports with the field's name) for anything else.
    """
    match = _DURATION.match(str(text))
    if match is None:
        raise ValueError(f"{text!r} is no duration: write 90s, 15m, 2h or 1d")
    return float(match.group(1)) * _SECONDS[match.group(2)]


Duration = Annotated[float, BeforeValidator(parse_duration)]
DataFormat = Literal["prompt-completion", "messages", "text"]
Split = Literal["dev", "test"]


class Spec(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSpec(Spec):
    """A dataset that rows were made of, and which of its splits; none named: it may have been any."""

    name: str = Field(min_length=1, description="`hub:ORG/NAME`, an address, or any name that both sides use")
    splits: tuple[str, ...] = ()


def _named_only(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Sources = tuple[Annotated[SourceSpec, BeforeValidator(_named_only)], ...]


class DataSpec(Spec):
    """One training set: a JSONL or Parquet file in the study's directory."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    path: str
    format: DataFormat = "prompt-completion"
    sources: Sources = Field(default=(), description="what it was made of, beside what the lab knows by itself")


class RecipeSpec(Spec):
    """The training script: a bundled name (`sft`) or a path to a script, and its fixed parameters."""

    name: str = "sft"
    params: dict[str, JsonValue] = Field(default_factory=dict)


class SearchSpec(Spec):
    """How the space of trials is walked. `vary` maps a parameter (or `data`) to its values."""

    strategy: Literal["grid", "halving"] = "halving"
    trials: int = Field(default=4, ge=1, description="how many trials the strategy may draft")
    rungs: tuple[int, ...] = Field(default=(12, 36), min_length=1, description="training steps at each rung, growing")
    keep: float = Field(default=0.5, gt=0, le=1, description="share of the trials that survives a rung")
    vary: dict[str, tuple[JsonValue, ...]] = Field(default_factory=dict)
    extra_trials: int = Field(default=2, ge=0, description="trials that alerts and spare time may add")
    comparisons: int | None = Field(
        default=None, ge=1, description="K, fixed at the start; default: trials + extra_trials"
    )
    retrain_seeds: int = Field(default=1, ge=1, description="fresh seeds a finalist is trained with again")

    @model_validator(mode="after")
    def _rungs_grow(self) -> SearchSpec:
        if any(step <= 0 for step in self.rungs) or list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"rungs must be positive and growing, not {list(self.rungs)}")
        return self

    @property
    def planned_comparisons(self) -> int:
        """K: how many comparisons against an incumbent this study may make."""
        return self.comparisons or self.trials + self.extra_trials


class BudgetSpec(Spec):
    """Ceilings. A study without a wall-clock ceiling is refused: unattended work must end."""

    wall_clock: Duration = Field(gt=0)
    runs: int = Field(default=24, ge=1)
    usd: float = Field(default=0.0, ge=0)
    gpu_hours: float | None = Field(default=None, ge=0)
    memory_gb: float | None = Field(default=None, gt=0, description="a run's ceiling; default: 85 % of the machine's")


class GateSpec(Spec):
    """What happens to a training set that holds benchmark items, or was made of what the benchmark was made of."""

    on_hit: Literal["block", "drop"] = "block"
    on_source: Literal["block", "allow"] = "block"


class StudySpec(Spec):
    """A whole `study.yaml`."""

    goal: str = Field(min_length=3)
    base_model: str
    benchmark: str
    data: tuple[DataSpec, ...] = Field(min_length=1)
    recipe: RecipeSpec = RecipeSpec()
    search: SearchSpec = SearchSpec()
    budget: BudgetSpec
    gate: GateSpec = GateSpec()
    rules: tuple[str, ...] = ()
    seed: int = Field(default=17, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _names_hold(self) -> StudySpec:
        names = [d.name for d in self.data]
        if len(set(names)) != len(names):
            raise ValueError(f"two training sets share a name: {names}")
        unknown = [v for v in self.search.vary.get("data", ()) if v not in names]
        if unknown:
            raise ValueError(f"search.vary.data names {unknown}, but data defines only {names}")
        return self


class ScorerSpec(Spec):
    """How an output becomes a score. `choice` compares log-likelihoods of the item's `choices`."""

    kind: Literal[
        "exact", "normalised", "f1", "numeric", "choice", "regex", "includes", "code", "rubric", "instructions",
        "calls", "spans", "pairwise", "criteria",
    ]  # fmt: skip
    normalise: tuple[Literal["strip", "lower", "punctuation", "edges", "articles", "whitespace"], ...] = ()
    pattern: str | None = Field(default=None, description="regex: its last match's first group is the prediction")
    tolerance: float = Field(default=1e-6, ge=0, description="numeric, and numbers that programs print: how far off")
    length_normalised: bool = Field(default=False, description="choice: divide by the choice's characters")
    select: Literal["first", "last"] = Field(default="last", description="regex: which match is the prediction")
    ignore: tuple[str, ...] = Field(default=(), description="patterns removed from both sides before they are compared")
    place: Literal["anywhere", "start", "end"] = Field(default="anywhere", description="includes: where in the output")
    timeout_s: float = Field(default=10.0, gt=0, le=600, description="code: processor seconds an item's program gets")
    memory_mb: int = Field(default=1024, ge=64, description="code: the memory an item's program gets")
    rubric: str | None = Field(default=None, description="rubric: what the judge goes by, where an item has no own")
    loose: bool = Field(default=False, description="instructions: forgive a first and a last line, and stars")
    separator: str | None = Field(default=None, description="spans: what parts them in an output; default: it is one")
    whole: bool = Field(default=False, description="spans: all of them or nothing, in place of their F1")

    @property
    def is_judged(self) -> bool:
        """Whether a judge model gives the scores."""
        return self.kind in ("rubric", "pairwise", "criteria")

    @property
    def gives_shares(self) -> bool:
        """Whether one output's score may lie between 0 and 1."""
        return self.is_judged or self.kind == "f1" or (self.kind == "spans" and not self.whole)

    @field_validator("pattern", "ignore")
    @classmethod
    def _patterns_hold(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for pattern in (value,) if isinstance(value, str) else value or ():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"is no regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _has_its_pattern(self) -> ScorerSpec:
        if self.kind == "regex" and not self.pattern:
            raise ValueError("a regex scorer needs `pattern`")
        return self


class GenerationSpec(Spec):
    """Decoding, fixed by the benchmark and never by a model's own generation_config."""

    max_new_tokens: int = Field(default=64, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    stop: tuple[str, ...] = ()
    few_shot: int = Field(default=4, ge=0)
    shot_template: str = "{prompt} {answer}"
    shot_separator: str = "\n"
    chat: bool = Field(default=False, description="wrap the prompt in the base model's chat template")
    batch_size: int = Field(default=32, ge=1)
    samples: int = Field(default=1, ge=1, le=1024, description="k outputs an item; its score is their mean: avg@k")
    pass_at: int | None = Field(
        default=None, ge=1, description="an item's score is pass@k instead, estimated from its samples"
    )
    description: str = Field(default="", description="what stands once before everything: the task in words")


class MetricSpec(Spec):
    """The one number, and which way is better."""

    name: str = "accuracy"
    direction: Literal["maximise", "minimise"] = "maximise"


class MakerSpec(Spec):
    """A script that makes test items: `python SCRIPT --seed N --count N --split test --out FILE`.

    The seed is drawn by the referee, which keeps it.
    """

    script: str
    count: int = Field(ge=1)


def _written_or_made(value: object) -> str:
    return "file" if isinstance(value, str) else "script"


ItemsSource = Annotated[
    Annotated[str, Tag("file")] | Annotated[MakerSpec, Tag("script")], Discriminator(_written_or_made)
]


class BenchmarkSpec(Spec):
    """A whole `benchmark.yaml`. Items are files beside it, or made by a script."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    scorer: ScorerSpec
    generation: GenerationSpec = GenerationSpec()
    metric: MetricSpec = MetricSpec()
    dev: ItemsSource = "dev.jsonl"
    test: ItemsSource = "test.jsonl"
    shots: str | None = Field(default=None, description="worked examples for few-shot prompts; default: taken from dev")
    sources: Sources = Field(default=(), description="the datasets that the test was made of")
