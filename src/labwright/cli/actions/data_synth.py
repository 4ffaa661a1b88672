"""`labwright data synth`: generate rows, check them, keep the checked ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.table import Table

from labwright.assemble import Lab, open_lab
from labwright.assemble.synthesis import Payer, make_rows, models_of
from labwright.cli import transcript
from labwright.cli.edge import print_json, say
from labwright.contracts.errors import BudgetError
from labwright.contracts.sessions import SessionBudget
from labwright.data.synthesis import SpecFile, Standing, SynthesisReport, read_spec
from labwright.intern import accounted


class _CeilingError(BudgetError):
    """Ends the session of a run whose rows are kept, so that the ledger says why it ended."""


def synth(spec: Path, out: Path, model: str | None, against: list[Path], json: bool) -> int:
    """Run a spec to its target or its budget; the same command goes on where it stopped."""
    lab = open_lab()
    source = read_spec(spec)
    told = None if json else _Told()
    report: SynthesisReport | None = None
    models = [name for name in models_of(lab, source.spec, model) if name]
    with suppress(_CeilingError), _payer(lab, source, models) as (payer, session):
        report = make_rows(lab, source, out, payer=payer, model=model, against=against, progress=told)
        if report.at_ceiling:
            raise _CeilingError(report.at_ceiling)
    assert report is not None  # another error has left this function
    if json:
        print_json({**report.as_json(), "session": session})
    else:
        _print(report)
    return 0 if report.complete else 3 if report.at_ceiling else 1


@contextmanager
def _payer(lab: Lab, source: SpecFile, models: Sequence[str]) -> Iterator[tuple[Payer, str | None]]:
    """A session that counts what the models take; nothing where the spec asks none."""
    if not models:
        yield Payer(), None
        return
    ceiling = SessionBudget(usd=source.spec.budget.usd, tokens=source.spec.budget.tokens)
    with accounted(lab, f"synthesis of {source.path.name}", models[0], ceiling) as deps:
        yield Payer(deps.spending), deps.session_id


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


def _print(report: SynthesisReport) -> None:
    grid = Table(box=None, pad_edge=False)
    for heading in ("slice", "rows", "wanted", "made", "accepted", "refused for"):
        grid.add_column(heading, justify="right" if heading in ("rows", "wanted", "made", "accepted") else "left")
    for part in report.slices:
        reasons = ", ".join(f"{reason} ×{count}" for reason, count in list(part.refused.items())[:3])
        counts = (f"{part.accepted}", f"{part.wanted}", f"{part.made}", f"{part.acceptance:.0%}")
        grid.add_row(transcript.one_line(part.name), *counts, transcript.one_line(reasons, 200))
    transcript.wide().print(grid)
    say(f"{report.rows} of {report.wanted} rows in {report.out}")
    say(f"refused rows: {report.rejected}; where each row came from: {report.provenance}")
    if report.version is not None:
        say(f"dataset version {report.version.id}")
    if report.sealed_hits is not None:
        say(f"{report.sealed_hits} of the rows hold items of a sealed test, by the referee's count")
    if report.spent.calls:
        spent = report.spent
        unpriced = f" and {spent.unpriced_calls} calls of unknown price" if spent.unpriced_calls else ""
        say(f"model calls: {spent.calls}, {spent.tokens:,} tokens, ${spent.usd:.4f}{unpriced}")
    for part in report.slices:
        if part.why:
            say(f"{part.name} is not complete: {part.why}")
    if not report.complete:
        say("raise `budget` in the spec and give the same command again; with other checks, give another output file")
    for text in report.remarks:
        transcript.note(text)
