"""From a spec to checked rows: the one function that surfaces and tools call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import labwright
from labwright.contracts.data import ModelChoice
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import DatasetVersion, Lineage
from labwright.data.synthesis.checks import Checks, Means
from labwright.data.synthesis.fields import RowSchema
from labwright.data.synthesis.journal import Journal
from labwright.data.synthesis.known import Benchmarks, Known, known_rows
from labwright.data.synthesis.outputs import Places, save, save_report
from labwright.data.synthesis.parts import Parts, must_suffice
from labwright.data.synthesis.purse import Purse, Tab
from labwright.data.synthesis.reading import SpecFile, read_spec
from labwright.data.synthesis.report import Progress, SynthesisReport
from labwright.data.synthesis.run import Run, Slice, writer_of
from labwright.data.synthesis.spec import FORMATS_OF_VERSIONS
from labwright.data.versions import register

_TOLD_EVERY = 20_000  # rows of known data


def synthesise(
    spec: Path | SpecFile, out: Path, *, parts: Parts | None = None, progress: Progress | None = None
) -> SynthesisReport:
    """Generate and check rows until every slice has its target, or a ceiling of the budget is reached.

    `out` is a .jsonl or .parquet file; beside it lie the refused rows, the provenance of each row, the report, and the
    journal from which the same command goes on after a kill, an error, or with a larger budget. A run that is complete
    and is asked for again makes nothing and costs nothing.

    Raises:
        SpecError: the spec cannot be used; names line, field and cure.
        UsageError: it needs what `parts` lacks, `out` exists already, or its journal is of another spec.
        DataError: a template, program, verifier or known data failed; names it.
        ProviderError: a model failed again and again; what was made is kept.
        StorageError: the disk.
    """
    source = spec if isinstance(spec, SpecFile) else read_spec(spec)
    parts = parts or Parts()
    must_suffice(source, parts)
    places = Places.of(out)
    with Journal(places.journal) as journal:
        try:
            _begin(source, places, journal)
        except LabwrightError:
            _leave_nothing(journal, places)
            raise
        with Known(near=source.spec.checks.dedup.near) as known:
            return _run(source, places, journal, known, parts, progress or (lambda _: None))


def _begin(source: SpecFile, places: Places, journal: Journal) -> None:
    """A journal of this very spec, or a new one."""
    digest = source.digest()
    first = next(iter(journal.entries()), None)
    if first is None:
        if places.out.exists():
            cure = "choose another name, or move the file away"
            raise UsageError(
                "the file exists already, and no synthesis of this spec wrote it", where=str(places.out), cure=cure
            )
        begun = {"kind": "begun", "spec": digest, "name": source.spec.name, "seed": source.spec.seed}
        journal.add({**begun, "labwright": labwright.__version__})
    elif first.get("spec") != digest:
        cure = f"give another output file, or delete {places.journal.name} to begin anew"
        raise UsageError("the spec, or a file that it names, is another than when this output was begun",
                         where=str(places.journal), cure=cure)  # fmt: skip


def _leave_nothing(journal: Journal, places: Places) -> None:
    if places.journal.stat().st_size == 0:
        journal.close()
        places.journal.unlink()


def _run(
    source: SpecFile, places: Places, journal: Journal, known: Known, parts: Parts, progress: Progress
) -> SynthesisReport:
    spec = source.spec
    purse = Purse(spec.budget, journal, journal.entries())
    run = Run(source, parts, journal, purse, _slices(source, known, parts, purse), progress)
    _read_known(run, known, source, parts)
    run.recall(journal.entries())
    run.work()
    run.tell("saving")
    save(journal.entries(), places, spec.slice_column)
    report = _report(source, places, run, purse, parts)
    report = _registered(report, source, journal, parts)
    save_report(report.as_json(), places)
    return report


def _read_known(run: Run, known: Known, source: SpecFile, parts: Parts) -> None:
    for name, row in known_rows(source.spec.checks.dedup, parts.data, source.folder):
        known.add(row, name)
        run.known += 1
        if run.known % _TOLD_EVERY == 0:
            run.tell("reading known data")


def _slices(source: SpecFile, known: Known, parts: Parts, purse: Purse) -> Sequence[Slice]:
    spec = source.spec
    counts = spec.counts()
    schema = RowSchema(spec.format, spec.fields)
    benchmarks = Benchmarks(parts.benchmarks) if parts.benchmarks and spec.checks.dedup.benchmarks else None
    means = Means(
        schema, spec.format, source.beside, known, benchmarks, parts.programs, parts.language_of, parts.tokens_of
    )
    slices = []
    for part in spec.slices:
        asked = spec.checks_of(part)
        checks = Checks(asked, means)
        if asked.judge is not None and parts.judge is not None:
            tab = Tab(purse)
            judge = parts.judge(ModelChoice(asked.judge.model, 0.0, asked.judge.max_tokens), tab)
            checks = replace(checks, judge=judge, tab=tab)
        writer = writer_of(source, part, checks, parts, purse)
        wanted = counts[part.name]
        most = max(int(spec.budget.attempts * wanted), 1)
        slices.append(Slice(part, wanted, most, writer, checks, spec.generator_of(part).kind))
    return slices


def _report(source: SpecFile, places: Places, run: Run, purse: Purse, parts: Parts) -> SynthesisReport:
    spec = source.spec
    return SynthesisReport(
        name=spec.name,
        digest=source.digest(),
        seed=spec.seed,
        out=places.out,
        rejected=places.rejected,
        provenance=places.provenance,
        journal=places.journal,
        slices=tuple(one.report() for one in run.slices.values()),
        models=tuple(run.models),
        spent=purse.spent,
        elapsed_s=run.elapsed_s,
        known=run.known,
        remarks=tuple(_remarks(source, purse, parts)),
    )


def _registered(report: SynthesisReport, source: SpecFile, journal: Journal, parts: Parts) -> SynthesisReport:
    """With the dataset version, and the referee's count on it: asked for once, since each asking is metered."""
    version = _version(report, source, parts)
    if version is None or parts.sealed is None:
        return replace(report, version=version)
    counted = (e["hits"] for e in journal.entries() if e["kind"] == "sealed" and e["version"] == version.id)
    hits = next(counted, None)
    if hits is None:
        hits = parts.sealed(version)
        journal.add({"kind": "sealed", "version": version.id, "hits": hits})
    return replace(report, version=version, sealed_hits=hits)


def _version(report: SynthesisReport, source: SpecFile, parts: Parts) -> DatasetVersion | None:
    """The rows as a dataset version of the lab, whose lineage is this synthesis."""
    data_format = FORMATS_OF_VERSIONS.get(source.spec.format)
    if parts.home is None or data_format is None or report.rows == 0:
        return None
    version = register(report.out, report.name, data_format, parts.home)
    lineage = Lineage(
        "synthesise",
        {
            "spec": report.digest,
            "seed": report.seed,
            "labwright": labwright.__version__,
            "models": list(report.models),
            "slices": {part.name: part.accepted for part in report.slices},
            "provenance": report.provenance.name,
        },
    )
    return replace(version, lineage=(lineage,))


def _remarks(source: SpecFile, purse: Purse, parts: Parts) -> list[str]:
    spec, remarks = source.spec, []
    checks = [spec.checks_of(part) for part in spec.slices]
    if spec.checks.dedup.benchmarks and not parts.benchmarks:
        remarks.append("no benchmark was given to compare with")
    if spec.checks.dedup.data and not parts.data:
        remarks.append("the lab has no data to compare with yet")
    uses_programs = any(spec.generator_of(part).kind == "program" for part in spec.slices)
    uses_programs |= any(c.verifier is not None and c.verifier.script is not None for c in checks)
    if uses_programs and parts.programs is not None and parts.programs.remark:
        remarks.append(f"programs ran unconfined: {parts.programs.remark}")
    spent = purse.spent
    if spent.unpriced_calls:
        remarks.append(
            f"the price of {spent.unpriced_calls} of {spent.calls} calls is not known: no dollars count them"
        )
    if spec.format not in FORMATS_OF_VERSIONS:
        remarks.append(f"rows of the format {spec.format!r} are no dataset version that a study trains on yet")
    return remarks
