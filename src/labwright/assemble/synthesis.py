"""Puts a synthesis run together from a lab: models under ceilings, sandbox, known data, benchmarks.

Apart from `labwright/intern.py`, since the command and the intern's own jobs make rows in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic_ai.models import Model

from labwright.agent.models import ModelAccess, resolve_model, worst_case
from labwright.agent.models.access import Role
from labwright.agent.models.ids import AUTOPILOT
from labwright.agent.synthesis import Synthesists
from labwright.assemble import Lab
from labwright.assemble.data import tokens_of
from labwright.compute.programs import SandboxedPrograms
from labwright.contracts.data import Keeper
from labwright.contracts.errors import ModelError
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import DatasetVersion
from labwright.data.overlap import BenchItem
from labwright.data.synthesis import Parts, Progress, SpecFile, SynthesisReport, synthesise
from labwright.data.synthesis.parts import SealedCount
from labwright.data.synthesis.spec import JudgeSpec, LlmSpec, SynthesisSpec
from labwright.referee.contamination import bench_items
from labwright.referee.pack import read_pack
from labwright.referee.protocol import Gate, Seal

_OUTPUT_TOKENS = 8_192  # of one answer, where the spec names no other ceiling
_INSTRUCTION_TOKENS = 1_000  # what every call says beside the spec's own words
_CHARACTERS_A_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose ceilings model calls are under beside the spec's: `may_spend` raises where a person has to agree first."""

    keeper: Keeper | None = None
    may_spend: Callable[[], None] = lambda: None


def make_rows(
    lab: Lab,
    source: SpecFile,
    out: Path,
    *,
    payer: Payer,
    model: str | None = None,
    against: Sequence[Path] = (),
    progress: Progress | None = None,
) -> SynthesisReport:
    """Run a spec to its target or its budget; what came of it is a dataset version of the lab.

    Args:
        payer: reserves each model call before it is made, beside the spec's own budget.
        model: writes where the spec names none; default: the lab's.
        against: benchmark packs whose items no row may be like.

    Raises:
        what `synthesise` raises; ModelError where a model is needed and cannot be used.
    """
    access = ModelAccess.of(lab.settings)
    usual = model or access.main

    def model_of(role: Role, asked: str | None) -> Model:
        chosen = asked or access.model_for(role, model)
        if chosen == AUTOPILOT:
            cure = "name a language model: --model ID, or `model` in the spec"
            raise ModelError("the autopilot decides by rules: it writes and judges no rows", where=chosen, cure=cure)
        return resolve_model(chosen, access)

    with (
        _sealed(lab, against) as sealed,
        Synthesists(model_of, session=payer.keeper, may_spend=payer.may_spend) as synthesists,
    ):
        parts = Parts(
            writer=synthesists.writer,
            judge=synthesists.judge,
            has_writer=usual is not None,
            has_judge=(access.judge or usual) is not None,
            programs=SandboxedPrograms(lab.sandbox, lab.settings.process_environment),
            tokens_of=_counter(lab, source),
            data=[version for version in lab.ledger.datasets() if Path(version.path).is_file()],
            benchmarks={folder.name: _items(folder) for folder in against},
            sealed=sealed,
            home=lab.home,
        )
        report = synthesise(source, out, parts=parts, progress=progress)
    if report.version is not None and report.version not in lab.ledger.datasets():
        lab.ledger.record(None, DatasetRegistered(report.version, ()))
    return report


def models_of(lab: Lab, spec: SynthesisSpec, model: str | None = None) -> tuple[str, ...]:
    """The ids of the models that a spec asks: those that it names, and the lab's where it names none.

    Empty where it asks none; an empty id is one that nobody has chosen.
    """
    access = ModelAccess.of(lab.settings)
    usual = model or access.main or ""
    found = [each.model or usual for each in _writers(spec)]
    found += [each.model or access.judge or usual for each in _judges(spec)]
    return tuple(dict.fromkeys(found))


def most_usd(lab: Lab, spec: SynthesisSpec, model: str | None = None) -> float | None:
    """What a spec's model calls may cost at most: its own ceiling, or all calls at their worst. None: nobody knows.

    Raises:
        ModelError: a model cannot be used.
    """
    access = ModelAccess.of(lab.settings)
    counts, total = spec.counts(), 0.0
    for part in spec.slices:
        rows = max(int(spec.budget.attempts * counts[part.name]), 1)
        generator, judge = spec.generator_of(part), spec.checks_of(part).judge
        calls: list[tuple[str, int, int, int]] = []  # model, calls, characters of one, its output tokens
        if isinstance(generator, LlmSpec):
            said = generator.rows_a_call * (len(generator.prompt) + len(part.instructions))
            said += sum(len(str(row)) for row in generator.examples)
            name = generator.model or access.model_for("main", model)
            calls.append((name, math.ceil(rows / generator.rows_a_call), said, generator.max_tokens or _OUTPUT_TOKENS))
        if judge is not None:
            name = judge.model or access.model_for("judge", model)
            answer = generator.max_tokens or _OUTPUT_TOKENS if isinstance(generator, LlmSpec) else _OUTPUT_TOKENS
            said = len(judge.rubric) + _CHARACTERS_A_TOKEN * answer
            calls.append((name, rows, said, judge.max_tokens or _OUTPUT_TOKENS))
        for name, number, characters, output_tokens in calls:
            given = _INSTRUCTION_TOKENS + characters // _CHARACTERS_A_TOKEN
            one = worst_case(resolve_model(name, access), given, output_tokens)
            if one is None:
                return None
            total += number * one
    return total if spec.budget.usd is None else min(total, spec.budget.usd)


def _writers(spec: SynthesisSpec) -> list[LlmSpec]:
    found = (spec.generator_of(part) for part in spec.slices)
    return [each for each in found if isinstance(each, LlmSpec)]


def _judges(spec: SynthesisSpec) -> list[JudgeSpec]:
    found = (spec.checks_of(part).judge for part in spec.slices)
    return [each for each in found if each is not None]


def _counter(lab: Lab, source: SpecFile) -> Callable[[Sequence[str]], Sequence[int]] | None:
    """Counts as the tokenizer does that the spec names. Raises ModelError, which names the spec's line."""
    name = source.spec.tokenizer
    if name is None:
        return None
    beside = source.folder / name
    try:
        count = tokens_of(lab, str(beside) if beside.is_dir() else name)
        return lambda texts: count(list(texts))
    except ModelError as error:
        raise ModelError(error.what, where=source.where("tokenizer"), cure=error.cure) from error


@contextmanager
def _sealed(lab: Lab, against: Sequence[Path]) -> Iterator[SealedCount | None]:
    """The referee's count of rows that hold items of these benchmarks' sealed tests."""
    if not against:
        yield None
        return
    referee = lab.referee()
    try:
        ids = [referee.seal(Seal(None, str(folder.resolve()))).benchmark_id for folder in against]

        def count(version: DatasetVersion) -> int:
            return sum(referee.gate(Gate(None, each, version, "test", "block")).rows_hit for each in ids)

        yield count
    finally:
        referee.close()


def _items(folder: Path) -> list[BenchItem]:
    """What everybody may see of a benchmark: dev and the worked examples."""
    pack = read_pack(folder)
    return bench_items((*pack.dev, *pack.shots))
