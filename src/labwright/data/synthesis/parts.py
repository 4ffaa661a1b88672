"""What a run needs from outside: models, a place to run programs, what is known already.

`data/` lies below those who have these, so they are handed in; and each is asked for only where the spec needs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labwright.contracts.data import JudgeOf, ProgramRunner, WriterOf
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import DatasetVersion
from labwright.data.languages import LANGUAGES, language_of
from labwright.data.overlap import BenchItem
from labwright.data.synthesis.checks import LanguageOf, TokensOf
from labwright.data.synthesis.generators import TaskOf, installed_tasks
from labwright.data.synthesis.reading import SpecFile
from labwright.data.synthesis.spec import GymSpec, LlmSpec, ProgramSpec

SealedCount = Callable[[DatasetVersion], int]
"""How many rows hold items of sealed tests: the referee's count, asked for once a run, metered by the referee."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All of them may be missing, as long as the spec does not need them."""

    writer: WriterOf | None = None
    judge: JudgeOf | None = None
    has_writer: bool = True  # False: `writer` knows only the models that the spec itself names
    has_judge: bool = True
    programs: ProgramRunner | None = None
    language_of: LanguageOf = language_of  # the detector of `data/languages`
    tokens_of: TokensOf | None = None
    tasks: TaskOf | None = None  # None: reasoning-gym's, where it is installed
    data: Sequence[DatasetVersion] = ()  # with which rows are compared
    benchmarks: Mapping[str, Sequence[BenchItem]] = field(default_factory=dict)  # never a sealed test's items
    sealed: SealedCount | None = None
    home: Path | None = None  # the lab's: the rows are registered there as a dataset version
    clock: Callable[[], float] = time.monotonic


def must_suffice(source: SpecFile, parts: Parts) -> None:
    """Raises UsageError where the spec needs what is not there; names its line."""
    spec = source.spec
    for number, part in enumerate(spec.slices):
        generator, checks = spec.generator_of(part), spec.checks_of(part)
        at = ("slices", number, "generator") if part.generator is not None else ("generator",)
        named = isinstance(generator, LlmSpec) and generator.model is not None
        if isinstance(generator, LlmSpec) and (parts.writer is None or not (named or parts.has_writer)):
            raise _missing(source, "a model", "choose one: --model ID, LABWRIGHT_MODEL or `generator.model`", *at)
        if isinstance(generator, ProgramSpec) and parts.programs is None:
            raise _missing(source, "a place to run programs", None, *at)
        if isinstance(generator, GymSpec) and parts.tasks is None:
            try:
                installed_tasks()
            except LabwrightError as error:
                raise UsageError(error.what, where=source.where(*at), cure=error.cure) from error
        own = ("slices", number, "checks") if part.checks is not None else ("checks",)
        named = checks.judge is not None and checks.judge.model is not None
        if checks.judge is not None and (parts.judge is None or not (named or parts.has_judge)):
            raise _missing(source, "a judge", "set LABWRIGHT_JUDGE_MODEL, or `judge.model`", *own, "judge")
        if checks.verifier is not None and checks.verifier.script is not None and parts.programs is None:
            raise _missing(source, "a place to run programs", None, *own, "verifier")
        strange = [c for c in checks.language.codes if c not in LANGUAGES] if checks.language is not None else []
        if strange and parts.language_of is language_of:
            what, cure = (
                f"{strange[0]!r} is no language that can be told here",
                f"known: {', '.join(sorted(LANGUAGES))}",
            )
            raise UsageError(what, where=source.where(*own, "language"), cure=cure)
        limits = checks.length.values()
        if any(x.min_tokens is not None or x.max_tokens is not None for x in limits) and parts.tokens_of is None:
            raise _missing(
                source,
                "a tokenizer",
                "name the model whose tokenizer counts (`tokenizer`), or give characters or words",
                *own,
                "length",
            )


def _missing(source: SpecFile, what: str, cure: str | None, *at: str | int) -> UsageError:
    return UsageError(f"this needs {what}, and there is none here", where=source.where(*at), cure=cure)
