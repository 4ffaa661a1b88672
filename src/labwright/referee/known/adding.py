"""`labwright benchmark add`: from a source to a pack."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from labwright.compute.sandbox import Sandbox
from labwright.contracts.errors import UsageError
from labwright.contracts.specs import BenchmarkSpec, GenerationSpec, MetricSpec, SourceSpec
from labwright.referee.known import inspecttask, lmeval, tables
from labwright.referee.known.division import Divided, divide
from labwright.referee.known.draft import Draft
from labwright.referee.known.options import AddOptions, OpenTable
from labwright.referee.known.solutions import with_solutions_that_pass
from labwright.referee.known.writing import write_pack

_USUAL_TEMPERATURE = 0.7
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class AddedBenchmark:
    """A pack that was written."""

    directory: Path
    name: str
    source: str
    layout: str
    scorer: str
    metric: str
    dev: int
    test: int
    shots: int
    dev_from: str
    test_from: str
    revision: str
    licence: str | None
    notes: tuple[str, ...]


def add_benchmark(
    source: str,
    *,
    out: Path | None = None,
    name: str | None = None,
    open_table: OpenTable,
    options: AddOptions | None = None,
    sandbox: Sandbox | None = None,
) -> AddedBenchmark:
    """Freeze a benchmark into a pack.

    Args:
        source: `hub:DATASET`, `lm-eval:TASK`, `inspect:TASK`, or a file, directory or glob.
        out: where the pack is put; default: a directory with its name here.
        name: the benchmark's name; default: its source's.
        open_table: how sources are opened: `data.sources.open_source` with the Hub's access.
        options: samples, sizes, worked examples, and what a task's code may do.
        sandbox: where reference solutions of code are tried; default: one that is probed.

    Raises:
        UsageError: the source cannot be frozen faithfully (says why), or the place is taken.
        DataError: it holds no questions with answers, or cannot be read.
        ServiceError: the Hub did not answer.
    """
    options = options or AddOptions()
    _check(options, name)
    draft = _drafted(source, open_table, options)
    generation = _generation(draft.generation, options)
    draft = replace(draft, generation=generation)
    if draft.scorer.kind == "code":
        draft = with_solutions_that_pass(draft, sandbox or Sandbox())
    divided = divide(draft, options)
    chosen = name or _name_of(source)
    spec = BenchmarkSpec(
        name=chosen,
        scorer=draft.scorer,
        generation=generation.model_copy(update={"few_shot": len(divided.shots)}),
        metric=draft.metric if options.pass_at is None else MetricSpec(name=f"pass@{options.pass_at}"),
        shots="shots.jsonl" if divided.shots else None,
        sources=_sources(draft, divided),
    )
    directory = (out or Path(chosen)).expanduser().resolve()
    notes = _notes(draft, divided)
    write_pack(directory, spec, draft, divided, options, notes)
    return _added(directory, spec, draft, divided, source, notes)


def _sources(draft: Draft, divided: Divided) -> tuple[SourceSpec, ...]:
    """So that the gate knows data that was made of what the sealed test was made of.

    Where dev was drawn from training rows, the others may still be trained on: dev's own are found by their text.
    """
    return (SourceSpec(name=draft.dataset, splits=(divided.test_from,)),) if draft.dataset else ()


def _check(options: AddOptions, name: str | None) -> None:
    if name is not None and not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        cure = f"for example {_name_of(name)}"
        raise UsageError(f"{name!r} is no name: use lower-case letters, digits, - and _", where="--name", cure=cure)
    if options.samples > 1 and options.temperature == 0:
        raise UsageError("samples at temperature 0 are all the same", where="--temperature", cure="give one above 0")
    if options.pass_at is not None and not 1 <= options.pass_at <= options.samples:
        what = f"pass@{options.pass_at} cannot be estimated from {options.samples} samples an item"
        raise UsageError(what, where="--pass-at", cure=f"add --samples {2 * max(options.pass_at, 1)}, or as many as k")
    for what, value in (("--dev", options.most_dev), ("--test", options.most_test), ("--samples", options.samples)):
        if value is not None and value < 1:
            raise UsageError(f"{value} is too few", where=what, cure="give at least 1")


def _drafted(source: str, open_table: OpenTable, options: AddOptions) -> Draft:
    kind, colon, rest = source.partition(":")
    if colon and kind in ("lm-eval", "inspect"):
        if options.columns or options.rubric or options.answers:
            raise UsageError(
                "a task says itself how it is asked and scored",
                where=source,
                cure="leave --map, --rubric and --answers out",
            )
        if not rest:
            raise UsageError("the task's name is missing", where=source, cure=f"write {kind}:TASK")
        return lmeval.draft_of(rest, open_table, options) if kind == "lm-eval" else inspecttask.draft_of(rest, options)
    return tables.draft_of(source, open_table, options)


def _generation(generation: GenerationSpec, options: AddOptions) -> GenerationSpec:
    """The benchmark's decoding, with what a person chose."""
    chosen: dict[str, object] = {}
    if options.few_shot is not None:
        chosen["few_shot"] = options.few_shot
    if options.max_new_tokens is not None:
        chosen["max_new_tokens"] = options.max_new_tokens
    if options.chat:
        chosen["chat"] = True
    if options.samples > 1:
        chosen |= {"samples": options.samples, "temperature": generation.temperature or _USUAL_TEMPERATURE}
        chosen["pass_at"] = options.pass_at
    if options.temperature is not None:
        chosen["temperature"] = options.temperature
    return generation.model_copy(update=chosen)


def _name_of(source: str) -> str:
    """The last part of a source that has letters in it, as a benchmark may be called."""
    bare = re.sub(r"^(hub|lm-eval|inspect):", "", source)
    repo, _, config = bare.partition(":")
    last = Path(repo.partition("@")[0]).name if not repo.endswith(".py") else repo
    last = repo.partition("@")[2] or last if source.startswith("inspect:") else last
    last = re.sub(r"\.(jsonl?|ndjson|csv|tsv|parquet|arrow|feather|txt|gz|zst)\b", "", last)
    words = f"{last}-{config}" if config and config not in ("default", "main") else last
    return _NOT_IN_A_NAME.sub("-", words.lower()).strip("-_") or "benchmark"


def _notes(draft: Draft, divided: Divided) -> tuple[str, ...]:
    left_out = [
        f"{part.name}: {count} of {part.rows} rows left out: {why}"
        for part in draft.parts
        for why, count in part.left_out.items()
        if part.questions
    ]
    seen = [f"test is from the split {divided.test_from}, dev from {divided.dev_from}"]
    return tuple(dict.fromkeys((*seen, *draft.notes, *divided.notes, *left_out)))


def _added(
    directory: Path, spec: BenchmarkSpec, draft: Draft, divided: Divided, source: str, notes: tuple[str, ...]
) -> AddedBenchmark:
    k = spec.generation.samples
    return AddedBenchmark(
        directory=directory,
        name=spec.name,
        source=source,
        layout=draft.layout,
        scorer=spec.scorer.kind,
        metric=spec.metric.name if k == 1 else f"{spec.metric.name} ({_over(spec.generation)})",
        dev=len(divided.dev),
        test=len(divided.test),
        shots=len(divided.shots),
        dev_from=divided.dev_from,
        test_from=divided.test_from,
        revision=draft.revision,
        licence=draft.licence,
        notes=notes,
    )


def _over(generation: GenerationSpec) -> str:
    """How an item's samples become its score."""
    if generation.pass_at is not None:
        return f"of {generation.samples} samples"
    return f"avg@{generation.samples}"
