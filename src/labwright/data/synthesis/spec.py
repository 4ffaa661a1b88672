"""What a person writes in a synthesis spec (`SPEC.yaml`), typed.

    name: triage
    seed: 17
    generator: {kind: llm, rows_a_call: 5}
    checks: {length: {completion: {max_words: 60}}, language: en}
    budget: {usd: 2, tokens: 400000, wall_clock: 30m}
    slices:
      - {name: emergency, count: 100, params: {tone: [calm, panicked]},
         instructions: "A {{ tone }} caller describes an emergency; the answer says to call for help at once."}

Reading the file, and saying what is wrong with it by line and field, is done in `reading.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from labwright.contracts.specs import DataFormat, Duration, Spec
from labwright.data.synthesis.fields import FieldSpecs

SynthFormat = Literal["prompt-completion", "messages", "text", "preference", "prompt", "custom"]
NAME = r"^[a-z0-9][a-z0-9_-]*$"
FORMATS_OF_VERSIONS: dict[SynthFormat, DataFormat] = {
    "prompt-completion": "prompt-completion",
    "messages": "messages",
    "text": "text",
}
"""The formats that a study trains on, which are therefore registered as dataset versions."""


def _of(field: str, *types: type) -> BeforeValidator:
    """A short form: a plain value stands for a mapping with this one field."""
    return BeforeValidator(lambda value: {field: value} if isinstance(value, types) else value)


# Generators


class LlmSpec(Spec):
    """A model writes rows to an instruction, as structured output."""

    kind: Literal["llm"]
    model: str | None = Field(default=None, description="a model's id; default: the lab's")
    prompt: str = Field(default="{{ instructions }}", description="a template around the slice's instructions")
    rows_a_call: int = Field(default=5, ge=1, le=100)
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    examples: tuple[dict[str, JsonValue], ...] = Field(default=(), description="rows that show what is wanted")
    shots: int = Field(default=3, ge=0, description="examples that are drawn for each call")
    fixed: dict[str, str] = Field(default_factory=dict, description="fields that templates fill, not the model")

    @model_validator(mode="after")
    def _fixed_rows_come_alone(self) -> LlmSpec:
        if self.fixed and self.rows_a_call != 1:
            raise ValueError("with `fixed` fields every row has a call of its own: write rows_a_call: 1")
        return self


class TemplateSpec(Spec):
    """Jinja templates for the fields of a row; `params` and `let` of the slice are their variables."""

    kind: Literal["template"]
    row: dict[str, JsonValue] = Field(min_length=1)


class ProgramSpec(Spec):
    """A script: `python SCRIPT --slice NAME --seed N --count N --params FILE --out FILE`, in the sandbox."""

    kind: Literal["program"]
    script: str
    files: tuple[str, ...] = Field(default=(), description="other files that the script may read, beside it")
    rows_a_call: int = Field(default=100, ge=1, le=100_000)
    timeout_s: float = Field(default=60.0, gt=0)
    memory_mb: int = Field(default=2048, ge=64)


class GymSpec(Spec):
    """A procedural task of the `reasoning-gym` package with its own questions, answers and verifier."""

    kind: Literal["reasoning-gym"]
    task: str = Field(min_length=1)
    config: dict[str, JsonValue] = Field(default_factory=dict)
    suffix: str = Field(default="", description="what is added to every question, such as how to answer")
    rows_a_call: int = Field(default=100, ge=1, le=10_000)


GeneratorSpec = Annotated[LlmSpec | TemplateSpec | ProgramSpec | GymSpec, Field(discriminator="kind")]


# Checks


class LengthSpec(Spec):
    """How long a field may be. Tokens are those of the spec's `tokenizer`."""

    min_characters: int | None = Field(default=None, ge=0)
    max_characters: int | None = Field(default=None, ge=1)
    min_words: int | None = Field(default=None, ge=0)
    max_words: int | None = Field(default=None, ge=1)
    min_tokens: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)


class LanguageSpec(Spec):
    """The languages (ISO 639-1) that a field, or the whole `row`, may be in."""

    codes: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = Field(
        min_length=1
    )
    field: str = "row"


class VerifierSpec(Spec):
    """A program's word on a row: an expression that must hold, or a script that reads rows and says yes or no.

    The expression knows `row` and the slice's `params` and `let`. The script is called as `python SCRIPT --rows FILE
    --out FILE`; for each line {"row", "slice", "params"} it writes a line {"ok": true} or {"ok": false, "reason": …}.
    """

    expression: str | None = None
    script: str | None = None
    files: tuple[str, ...] = ()
    timeout_s: float = Field(default=60.0, gt=0)
    memory_mb: int = Field(default=2048, ge=64)

    @model_validator(mode="after")
    def _one_of_them(self) -> VerifierSpec:
        if (self.expression is None) == (self.script is None):
            raise ValueError("a verifier is either an `expression` or a `script`")
        return self


class DedupSpec(Spec):
    """With what a row is compared. Rows of this run, and exact repeats, are always compared."""

    near: bool = Field(default=True, description="also rows whose word pairs are 80 % the same")
    data: bool = Field(default=True, description="the lab's dataset versions")
    benchmarks: bool = Field(default=True, description="the benchmarks that are given, but for their sealed tests")
    files: tuple[str, ...] = Field(default=(), description="further data: files, globs or directories")


class JudgeSpec(Spec):
    """A model's word on a row, by a rubric."""

    rubric: str = Field(min_length=3)
    at_least: float = Field(default=0.7, ge=0, le=1)
    model: str | None = Field(default=None, description="a model's id; default: the lab's judge")
    max_tokens: int | None = Field(default=None, ge=1)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


Pattern = Annotated[str, BeforeValidator(lambda v: _pattern(v) if isinstance(v, str) else v)]


class ChecksSpec(Spec):
    """What every row has to pass. A slice's checks replace those of the whole spec one by one."""

    length: dict[str, LengthSpec] = Field(default_factory=dict, description="by field, or `row` for all its text")
    require: tuple[Pattern, ...] = Field(default=(), description="each has to be found in the row's text")
    forbid: tuple[Pattern, ...] = Field(default=(), description="none may be found")
    language: Annotated[LanguageSpec, _of("codes", str, list)] | None = None
    verifier: Annotated[VerifierSpec, _of("expression", str)] | None = None
    dedup: DedupSpec = DedupSpec()
    judge: Annotated[JudgeSpec, _of("rubric", str)] | None = None


# The whole


class BudgetSpec(Spec):
    """Ceilings of the whole run, its earlier parts included; a larger one lets a run that ended go on."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=1)
    wall_clock: Duration | None = Field(default=None, gt=0)
    attempts: float = Field(default=4.0, ge=1, description="rows made for each row wanted before a slice is given up")


class SliceSpec(Spec):
    """One part of the set: what it is about, how many rows, and what is drawn anew for each row."""

    name: str = Field(pattern=NAME)
    count: int | None = Field(default=None, ge=1, description="checked rows wanted")
    share: float | None = Field(default=None, gt=0, le=1, description="the same as a share of `target`")
    instructions: str = Field(default="", description="a template; `params` and `let` are its variables")
    params: dict[str, JsonValue] = Field(default_factory=dict, description="a list is drawn from, the rest constant")
    let: dict[str, str] = Field(default_factory=dict, description="expressions, each may use those above it")
    generator: GeneratorSpec | None = None
    checks: ChecksSpec | None = None

    @model_validator(mode="after")
    def _one_size(self) -> SliceSpec:
        if (self.count is None) == (self.share is None):
            raise ValueError("a slice has either a `count` or a `share` of the target")
        wrong = [n for n in (*self.params, *self.let) if not n.isidentifier() or n.startswith("_")]
        twice = self.params.keys() & self.let.keys()
        if wrong or twice:
            raise ValueError(
                f"{wrong[0]!r} is no name for a variable"
                if wrong
                else f"{sorted(twice)[0]!r} is both among `params` and `let`"
            )
        return self


class SynthesisSpec(Spec):
    """A whole spec."""

    name: str = Field(default="synthetic", pattern=NAME)
    seed: int = Field(default=17, ge=0, lt=2**31)
    format: SynthFormat = "prompt-completion"
    fields: FieldSpecs = Field(default_factory=dict, description="further fields of a row, or all of a `custom` one")
    target: int | None = Field(default=None, ge=1, description="checked rows of all slices; default: their counts")
    tokenizer: str | None = Field(default=None, description="the model whose tokenizer counts the tokens of `length`")
    slice_column: str | None = Field(default=None, description="a column that names the slice of each row")
    generator: GeneratorSpec | None = None
    checks: ChecksSpec = ChecksSpec()
    budget: BudgetSpec = BudgetSpec()
    parallel: int = Field(default=4, ge=1, le=64, description="calls at a time")
    slices: tuple[SliceSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> SynthesisSpec:
        names = [s.name for s in self.slices]
        if len(set(names)) != len(names):
            raise ValueError(f"two slices share a name: {', '.join(names)}")
        if self.format == "custom" and not self.fields:
            raise ValueError("a custom format needs `fields`")
        bare = [s.name for s in self.slices if s.generator is None]
        if self.generator is None and bare:
            raise ValueError(f"the slice {bare[0]!r} has no generator, and there is none for all slices")
        if any(s.checks is not None and "dedup" in s.checks.model_fields_set for s in self.slices):
            raise ValueError("`dedup` holds for all slices: write it under `checks` of the whole spec")
        self._target_fits()
        return self

    def _target_fits(self) -> None:
        shared = [s for s in self.slices if s.share is not None]
        if shared and self.target is None:
            raise ValueError(f"the slice {shared[0].name!r} is a share of `target`, which is not given")
        if shared and sum(s.share or 0 for s in shared) > 1 + 1e-9:
            raise ValueError("the shares of the slices are more than the whole")
        total = sum(s.count or 0 for s in self.slices)
        if self.target is not None and not shared and total != self.target:
            raise ValueError(f"the slices' counts add up to {total}, and the target is {self.target}")
        if self.target is not None and sum(self.counts().values()) != self.target:
            wanted = sum(self.counts().values())
            raise ValueError(f"the slices' counts and shares add up to {wanted}, and the target is {self.target}")

    def counts(self) -> dict[str, int]:
        """Rows wanted of each slice; shares are rounded so that they add up."""
        counts = {s.name: s.count for s in self.slices if s.count is not None}
        done = exact = 0.0
        for part in (s for s in self.slices if s.share is not None):
            exact += (part.share or 0) * (self.target or 0)
            counts[part.name] = round(exact) - round(done)
            done = exact
        return {s.name: counts[s.name] for s in self.slices}

    def generator_of(self, part: SliceSpec) -> LlmSpec | TemplateSpec | ProgramSpec | GymSpec:
        """The slice's own, or that of all slices."""
        chosen = part.generator or self.generator
        assert chosen is not None  # the validator above
        return chosen

    def checks_of(self, part: SliceSpec) -> ChecksSpec:
        """Those of all slices with the slice's own over them."""
        if part.checks is None:
            return self.checks
        own = {name: getattr(part.checks, name) for name in part.checks.model_fields_set}
        return self.checks.model_copy(update=own)
