"""`labwright data synth`: generate rows, check them, keep the checked ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from labwright.agent.models import ModelAccess, resolve_model
from labwright.agent.synthesis import Synthesists
from labwright.assemble import Lab, open_lab
from labwright.assemble_intern import accounted
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.compute.programs import SandboxedPrograms
from labwright.contracts.events import DatasetRegistered
from labwright.contracts.research import DatasetVersion
from labwright.contracts.sessions import SessionBudget
from labwright.data.overlap import BenchItem
from labwright.data.synthesis import Parts, Standing, SynthesisReport, read_spec, synthesise
from labwright.data.synthesis.parts import SealedCount
from labwright.referee.pack import read_pack
from labwright.referee.protocol import Gate, Seal


def synth(spec: Path, out: Path, model: str | None, against: list[Path], json: bool) -> int:
    """Run a spec to its target or its budget; the same command goes on where it stopped."""
    lab = open_lab()
    source = read_spec(spec)
    access = ModelAccess.of(lab.settings)
    programs = SandboxedPrograms(lab.sandbox, lab.settings.process_environment)
    ceiling = SessionBudget(usd=source.spec.budget.usd, tokens=source.spec.budget.tokens)
    name = model or access.main or "template"
    with (
        _sealed(lab, against) as sealed,
        accounted(lab, f"synthesis of {spec.name}", name, ceiling) as deps,
        Synthesists(
            lambda role, asked: resolve_model(asked or access.model_for(role, model), access), session=deps.spending
        ) as synthesists,
    ):
        parts = Parts(
            writer=synthesists.writer if model or access.main else None,
            judge=synthesists.judge if model or access.main or access.judge else None,
            programs=programs,
            data=[version for version in lab.ledger.datasets() if Path(version.path).is_file()],
            benchmarks={folder.name: _items(folder) for folder in against},
            sealed=sealed,
            home=lab.home,
        )
        report = synthesise(source, out, parts=parts, progress=None if json else _Told())
        session = deps.session_id
    _register(lab, report)
    if json:
        print_json({**report.as_json(), "session": session})
    else:
        _print(report, programs.remark)
    return 0 if report.complete else 1


class _Told:
    """A line each time that something has moved, on stderr."""

    def __init__(self) -> None:
        self._last = -1

    def __call__(self, standing: Standing) -> None:
        share = 10 * standing.accepted // max(standing.wanted, 1)
        if share != self._last:
            self._last = share
            slices = ", ".join(f"{name} {done}/{wanted}" for name, (done, wanted) in standing.slices.items())
            transcript.note(f"{standing.doing}: {standing.accepted} of {standing.wanted} rows ({slices})")


@contextmanager
def _sealed(lab: Lab, against: list[Path]) -> Iterator[SealedCount | None]:
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
    return [BenchItem(item.id, item.prompt, item.answer) for item in (*pack.dev, *pack.shots)]


def _register(lab: Lab, report: SynthesisReport) -> None:
    if report.version is not None:
        lab.ledger.record(None, DatasetRegistered(report.version, ()))


def _print(report: SynthesisReport, remark: str) -> None:
    grid = Table(box=None, pad_edge=False)
    for heading in ("slice", "rows", "wanted", "made", "accepted", "refused for"):
        grid.add_column(heading, justify="right" if heading in ("rows", "wanted", "made", "accepted") else "left")
    for part in report.slices:
        reasons = ", ".join(f"{reason} ×{count}" for reason, count in list(part.refused.items())[:3])
        grid.add_row(part.name, str(part.accepted), str(part.wanted), str(part.made), f"{part.acceptance:.0%}",
                     reasons or part.why)  # fmt: skip
    Console().print(grid)
    say(f"{report.rows} of {report.wanted} rows in {report.out}")
    say(f"refused rows: {report.rejected}; where each row came from: {report.provenance}")
    if report.version is not None:
        say(f"dataset version {report.version.id}")
    if not report.complete:
        say("not complete: raise the budget in the spec, or loosen a check, and give the same command again")
    for text in (*report.remarks, *([f"programs were not confined: {remark}"] if remark else ())):
        transcript.note(text)
