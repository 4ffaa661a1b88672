"""Puts together what work on data needs from a lab: its workbench, its desk for tools, and a model that scores rows.

Beside `lab.py`, since studies need neither DuckDB nor a way to the Hub for their data.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from labwright.assemble import Lab
from labwright.assemble.reading import ReadingRoom
from labwright.compute.environment import scrubbed
from labwright.compute.sandbox import Mounts
from labwright.contracts.data import AuditReport, Inspection, Purpose
from labwright.contracts.errors import UsageError
from labwright.contracts.specs import SourceSpec
from labwright.data import commands, finding, inspection
from labwright.data.ancestry import Ancestry, canonical, follow, shared
from labwright.data.audit.ancestors import Ancestors
from labwright.data.audit.engine import OpenBenchmark, Request, SealedBenchmark, Source, Tokens
from labwright.data.audit.full import audit_table
from labwright.data.audit.safety import masked
from labwright.data.conversion import Conversion, convert_source
from labwright.data.duplicates.hidden import HiddenStates
from labwright.data.layouts import Target
from labwright.data.lineage import declared, drawn, lineage, source_of
from labwright.data.overlap import BenchmarkIndex
from labwright.data.sources import Table
from labwright.data.transforms import Plan, Rules
from labwright.data.versions import register
from labwright.data.workbench import Made, Workbench
from labwright.models import resolve
from labwright.models.base import OnProgress
from labwright.referee import usual_worker
from labwright.referee.client import RefereeClient
from labwright.referee.contamination import bench_items
from labwright.referee.generation import GenerationWorker
from labwright.referee.known.writing import PROVENANCE
from labwright.referee.pack import read_pack
from labwright.referee.protocol import Gate, Seal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def workbench(lab: Lab, room: ReadingRoom) -> Workbench:
    """The lab's data: versions, and the sources that they are made from."""
    return Workbench(lab.home, lab.ledger, room.hub_access)


@contextmanager
def generator(lab: Lab, model: str, progress: OnProgress | None = None) -> Iterator[tuple[GenerationWorker, str]]:
    """A model that answers, in a sandboxed process of its own, and the hash that names it.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    base = resolve(model, lab.home, Path.cwd(), progress, asked_as="--model")
    script = lab.settings.generation_worker or usual_worker(gpus=False)
    environment = scrubbed(lab.settings.process_environment, {})
    mounts = Mounts(read_only=(base.path,), hidden=(lab.home / "vault",))
    worker = GenerationWorker(Path(sys.executable), Path(script), lab.sandbox, mounts, environment)
    try:
        worker.load(base.path, base.path)
        yield worker, base.model_id
    finally:
        worker.close()


def tokens_of(lab: Lab, model: str) -> Tokens:
    """Counts tokens as a model's own tokenizer does. Raises ModelError."""
    return _counting(_tokenizer(lab, model))


def as_read_by(lab: Lab, model: str, max_length: int | None) -> Request:
    """An audit's request with what a model's own tokenizer adds: counts of tokens, and its chat template.

    Raises ModelError.
    """
    tokenizer = _tokenizer(lab, model)
    template = tokenizer.chat_template
    return Request(
        tokens=_counting(tokenizer),
        max_length=max_length,
        chat_template=template if isinstance(template, str) else None,
    )


def _tokenizer(lab: Lab, model: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy, and only where a model is named

    path = resolve(model, lab.home, Path.cwd(), asked_as="--model").path
    return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(path, local_files_only=True))


def _counting(tokenizer: PreTrainedTokenizerBase) -> Tokens:
    return lambda texts: [len(ids) for ids in tokenizer(texts, add_special_tokens=True)["input_ids"]]


def embedder(lab: Lab, model: str, benchmarks: Sequence[Path]) -> HiddenStates:
    """Vectors of a model for the look by meaning, centred on the benchmarks' open items. Raises ModelError."""
    items = [item.prompt for directory in benchmarks for item in read_pack(directory).dev]
    return HiddenStates(resolve(model, lab.home, Path.cwd(), asked_as="--meaning").path, items)


@contextmanager
def benchmark(lab: Lab, directory: Path) -> Iterator[tuple[OpenBenchmark, SealedBenchmark]]:
    """Both sides of a benchmark pack: dev, whose spans may be shown, and the sealed test, of which only counts come.

    The referee takes the pack into its vault, compares by itself, and counts the look on the benchmark's meter.

    Raises:
        UsageError: the directory is no pack. SpecError, DataError: it is malformed.
    """
    if not (directory / "benchmark.yaml").is_file():
        cure = "give a directory with a benchmark.yaml; `labwright benchmark add` makes one of a known benchmark"
        raise UsageError("this is no benchmark", where=str(directory), cure=cure)
    pack = read_pack(directory)
    shown = BenchmarkIndex.build(bench_items((*pack.dev, *pack.shots)))
    referee = lab.referee()
    try:
        sealed = referee.seal(Seal(None, str(directory.resolve())))
        count = _counted(lab, referee, sealed.benchmark_id)
        yield OpenBenchmark(f"{sealed.name} (dev)", shown), SealedBenchmark(f"{sealed.name} (test)", count)
    finally:
        referee.close()


def ancestry(
    bench: Workbench,
    room: ReadingRoom,
    src: str,
    benchmarks: Sequence[Path],
    against: Sequence[OpenBenchmark | SealedBenchmark],
    table: Table,
) -> Ancestry | None:
    """What following the data's declared sources shows of these benchmarks; None where there are none.

    A source that is what a benchmark was made of taints by its name, where the pack says so; any other by its rows.
    Where both say which splits, and these differ, the name says nothing.
    """
    if not benchmarks:
        return None
    theirs = [source for directory in benchmarks for source in _made_of(directory)]
    version = bench.known(src)
    ours = declared(version) if version is not None else (SourceSpec(name=table.origin, splits=(table.split,)),)
    apart = {canonical(s.name) for s in theirs if any(canonical(s.name) == canonical(o.name) for o in ours)}
    apart -= {canonical(s.name) for s in theirs if shared(ours, [s])}
    own = [source.name for source in theirs if canonical(source.name) not in apart]
    return follow(src, Ancestors(bench, room.hub_access, src, against), own)


def _made_of(directory: Path) -> tuple[SourceSpec, ...]:
    """What a pack says that it was made of; one from a file, or an older one, says it in its provenance only."""
    said = read_pack(directory).spec.sources
    if said:
        return said
    try:
        return (SourceSpec(name=json.loads((directory / PROVENANCE).read_text(encoding="utf-8"))["source"]),)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def declared_sources(bench: Workbench, src: str) -> tuple[Source, ...]:
    """Where data came from, by the lineage of the version that it is; nothing where it is none yet."""
    version = bench.known(src)
    if version is None:
        return ()
    roots = (node.step for node in lineage(version).walk() if not node.parents)
    licences = ((source_of(step), step.params.get("licence")) for step in roots)
    return tuple(Source(name, licence if isinstance(licence, str) else None) for name, licence in licences if name)


def _counted(lab: Lab, referee: RefereeClient, benchmark_id: str) -> Callable[[Iterator[tuple[str, str]]], int]:
    """How many of some rows hold items of the sealed test. The rows become a version, so the meter says which."""

    def count(rows: Iterator[tuple[str, str]]) -> int:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            for prompt, answer in rows:
                row = {"prompt": prompt, "completion": answer} if answer else {"prompt": "", "completion": prompt}
                if row["completion"]:
                    file.write(json.dumps(row) + "\n")
            file.flush()
            if file.tell() == 0:
                return 0
            version = register(Path(file.name), "audited", "prompt-completion", lab.home)
        return referee.gate(Gate(None, benchmark_id, version, "test", "block")).rows_hit

    return count


class LabData:
    """`tools.desk.DataDesk` over a lab."""

    def __init__(self, lab: Lab, room: ReadingRoom) -> None:
        self._lab = lab
        self._room = room
        self._bench = workbench(lab, room)

    def is_version(self, name: str) -> bool:
        """Whether the ledger knows a version by this id or name."""
        return self._bench.find(name) is not None

    def find(self, query: str, task: str | None, limit: int) -> finding.Found:
        """Datasets on the Hub."""
        papers = self._room.datasets_of_papers
        return finding.find(query, self._room.hub_access, task=task, limit=limit, papers=papers)

    def inspect(self, src: str, split: str | None, samples: int) -> Inspection:
        """What a dataset holds; personal data and secrets are masked, since a model's provider reads along."""
        found = inspection.inspect(self._table(src, split), samples=samples)
        shown = tuple({name: _masked(value) for name, value in sample.items()} for sample in found.samples)
        columns = tuple(
            replace(column, frequent=tuple((masked(value), count) for value, count in column.frequent))
            for column in found.columns
        )
        return replace(found, samples=shown, columns=columns)

    def audit(
        self,
        src: str,
        purpose: Purpose | None,
        benchmarks: Sequence[Path],
        model: str | None = None,
        max_length: int | None = None,
    ) -> AuditReport:
        """What is wrong with it."""
        table = self._table(src, None)
        others = tuple(self._table(src, size.name) for size in table.splits if size.name != table.split)
        with ExitStack() as stack:
            against = [side for each in benchmarks for side in stack.enter_context(benchmark(self._lab, each))]
            request = replace(
                as_read_by(self._lab, model, max_length) if model else Request(),
                purpose=purpose,
                others=others,
                against=tuple(against),
                sources=declared_sources(self._bench, src),
                ancestry=ancestry(self._bench, self._room, src, benchmarks, against, table),
            )
            return audit_table(table, request)

    def lineage(self, src: str, row: int | None) -> list[str]:
        """What made it, or where a row came from, in lines."""
        if row is None:
            return drawn(commands.lineage(self._bench, src))
        traced = commands.trace(self._bench, src, row)
        lines = [f"{step.version or 'source'} {step.place} {step.transform}" for step in traced.steps]
        return [*lines, traced.ends] if traced.ends else lines

    def convert(
        self, src: str, out: Path, to: str, split: str | None, columns: Mapping[str, str] | None = None
    ) -> Conversion:
        """Into another layout."""
        return convert_source(self._bench, src, out, cast(Target, to), columns=columns, source_split=split)

    def transform(self, name: str, src: str, out: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """dedup, filter, subset or upsample."""
        if name == "dedup":
            made = commands.dedup(self._bench, src, str(out), near=bool(options["near"]))
        elif name == "filter":
            made = commands.filter_rows(self._bench, src, str(out), Rules(where=str(options["where"])))
        elif name == "subset":
            made = commands.subset(self._bench, src, str(out), float(options["size"]), seed=int(options["seed"]))
        elif name == "upsample":
            made = commands.upsample(self._bench, src, str(out), **options)
        else:
            raise UsageError(f"there is no transform {name!r}", cure="use dedup, filter, subset or upsample")
        return made_document(made)

    def mix(self, sources: Mapping[str, float], out: Path, size: int | None, seed: int) -> Mapping[str, Any]:
        """Several sources in proportion."""
        return made_document(commands.mix(self._bench, list(sources.items()), str(out), size=size, seed=seed))

    def split(self, src: str, out: Path, parts: Mapping[str, float], seed: int) -> Sequence[Mapping[str, Any]]:
        """Parts that share no row."""
        return [made_document(made) for made in commands.split(self._bench, src, str(out), Plan(parts, seed))]

    def _table(self, src: str, split: str | None) -> Table:
        return self._bench.source(src, split=split)


def _masked(value: JsonValue) -> JsonValue:
    """A cell without personal data and secrets, however deep they lie."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    return value


def made_document(made: Made) -> dict[str, Any]:
    """What a transform made, for `--json` and for tools."""
    version = made.version
    return {
        "version": version.id,
        "name": version.name,
        "rows": version.rows,
        "dropped": made.dropped,
        "file": str(made.file) if made.file else None,
        "rejects": str(made.rejects) if made.rejects else None,
        "remarks": list(made.remarks),
    }
