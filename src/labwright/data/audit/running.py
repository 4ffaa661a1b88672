"""One audit from a table to a report: load, name the columns, share the time among detectors, score."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from labwright.contracts.data import AuditReport, Issue
from labwright.contracts.errors import DataError, StorageError
from labwright.data.audit.engine import MEASURES, VIEW, Detector, Request, Subject
from labwright.data.audit.flags import write_flags
from labwright.data.audit.roles import roles_of, trimmed, view_sql
from labwright.data.audit.score import REMOVED, judge

if TYPE_CHECKING:
    from labwright.data.sources import Scratch, Table

PACE_BYTES_S = 60e6  # what an audit keeps unless it was given time; detectors may overrun a little
SHORTEST_S = 20.0
LOADING_SHARE = 0.5  # of the time; what is larger is loaded in part
_MEASURE = f"""
    SELECT _n, strlen(text) AS bytes, length(text) AS size, length({trimmed("prompt")}) AS prompt_size,
        length({trimmed("answer")}) AS answer_size, hash({trimmed("text")}, label) AS whole
    FROM {VIEW}
"""
_ORDER = ("error", "warning", "info")


def run(
    table: Table,
    scratch: Scratch,
    detectors: Sequence[Detector],
    request: Request,
    *,
    seconds: float | None = None,
    most_rows: int | None = None,
    mask: Callable[[str], str] = str,
    flags_to: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> AuditReport:
    """Audit a table; `flags_to` gets a Parquet file of every flagged row (see `flags`).

    `seconds` bounds what can be sampled, not the loading; without it, 20 s or one for each 60 MB.

    Raises:
        DataError: the data cannot be read; names file and row.
        StorageError: there is no room to look at it.
    """
    started = time.monotonic()
    size = table.bytes or 0
    tell = progress or _nobody
    tell(f"loading {table.name}")
    try:
        subject = prepare(table, scratch, request, most_rows=most_rows, mask=mask)
        issues: list[Issue] = []
        ends = started + (max(SHORTEST_S, size / PACE_BYTES_S) if seconds is None else seconds)
        for place, detector in enumerate(detectors):
            tell(f"looking for {detector.name}")
            left = sum(one.weight for one in detectors[place:])
            now = time.monotonic()
            subject.deadline = now + max(0.0, ends - now) * detector.weight / left
            issues += detector.look(subject)
        if flags_to is not None:
            write_flags(subject, flags_to)
        lost = _lost_rows(subject, issues)
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            f"the audit ran out of memory: {str(error).splitlines()[0]}",
            where=table.name,
            cure="give it more memory, or audit fewer rows",
        ) from error
    except duckdb.IOException as error:
        raise StorageError(
            f"the audit could not write to its scratch folder: {str(error).splitlines()[0]}",
            where=str(scratch.folder),
            cure="free some space there, or set TMPDIR to a larger disk",
        ) from error
    issues = [_masked(issue, mask) for issue in issues]
    issues.sort(key=lambda issue: (_ORDER.index(issue.severity), -issue.share))
    judgement = judge(issues, request.purpose, subject.rows, lost)
    return AuditReport(
        name=table.name,
        origin=table.origin,
        digest=table.digest(),
        purpose=request.purpose,
        rows=subject.rows,
        sampled=subject.loaded.sampled,
        bytes=size,
        duration_s=time.monotonic() - started,
        issues=tuple(issues),
        score=judgement.score,
        parts=judgement.parts,
        fitness=judgement.fitness,
        why=judgement.why,
        charts={name: tuple((mask(label), n) for label, n in bars) for name, bars in subject.charts.items()},
        remarks=tuple(mask(remark) for remark in subject.remarks),
    )


def prepare(
    table: Table,
    scratch: Scratch,
    request: Request,
    *,
    most_rows: int | None = None,
    mask: Callable[[str], str] = str,
) -> Subject:
    """Load a table and lay the audit's view over it.

    Raises:
        DataError: the data cannot be read, or has no rows.
    """
    loaded = table.load(scratch, most_rows=most_rows)
    if loaded.rows == 0:
        raise DataError("there are no rows", where=table.name, cure="write at least one training example")
    roles = roles_of(loaded, classify=request.purpose == "classify")
    connection = scratch.connection
    connection.execute(
        "CREATE OR REPLACE TABLE flags (key INTEGER, kind VARCHAR, col VARCHAR, _n BIGINT, note VARCHAR)"
    )
    connection.execute(f"CREATE OR REPLACE VIEW {VIEW} AS {view_sql(loaded.relation, loaded.columns, roles)}")
    started = time.monotonic()
    connection.execute(f"CREATE OR REPLACE TABLE {MEASURES} AS {_MEASURE}")
    took = time.monotonic() - started
    text_bytes = connection.execute(f"SELECT coalesce(sum(bytes), 0) FROM {MEASURES}").fetchall()[0][0]
    subject = Subject(
        table=table,
        loaded=loaded,
        scratch=scratch,
        roles=roles,
        request=request,
        text_bytes=int(text_bytes),
        mask=mask,
        others=tuple(other.load(scratch, most_rows=most_rows) for other in request.others),
        pass_s=took,
    )
    if loaded.sampled is not None:
        subject.remarks.append(f"Only {loaded.how} were loaded; every figure is of these.")
    return subject


def _lost_rows(subject: Subject, issues: Sequence[Issue]) -> float:
    """The share of rows that are best left out, by errors and warnings; what samples show is scaled up."""
    grave = [issue for issue in issues if issue.severity != "info" and issue.kind in REMOVED]
    kinds = [issue.kind.value for issue in grave if issue.exact]
    marks = ", ".join("?" for _ in kinds) or "NULL"
    flagged = subject.number(f"SELECT count(DISTINCT _n) FROM flags WHERE kind IN ({marks})", kinds)
    kept = 1 - flagged / subject.rows
    for issue in grave:
        if not issue.exact:
            kept *= 1 - issue.share
    return 1 - kept


def _masked(issue: Issue, mask: Callable[[str], str]) -> Issue:
    """An issue whose words may quote the data too: the name of a class, a licence, a line that rows share."""
    numbers = {mask(name): number for name, number in issue.numbers.items()}
    return replace(issue, what=mask(issue.what), fix=mask(issue.fix), numbers=numbers)


def _nobody(_: str) -> None:
    return
