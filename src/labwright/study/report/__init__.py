"""The report: what a study found, for a person, as Markdown and as one HTML page that opens from disk.

Both are rendered from the same facts (`facts.py`), which come from the ledger's view alone. The page needs no
network: its plots are inline SVG, its style is inline, and it reads the same with scripts off. Test items are never
in it: against the sealed test the gate knows only counts.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from labwright.contracts.errors import StorageError
from labwright.contracts.research import Comparison
from labwright.contracts.views import Curve, StudyView
from labwright.study.report.facts import Facts, boundary_of, gather
from labwright.study.report.headline import Headline, headline_of
from labwright.study.report.headline import result_document as _document
from labwright.study.report.markdown import markdown
from labwright.study.report.page import page

__all__ = [
    "Facts",
    "Headline",
    "boundary_of",
    "gather",
    "headline_of",
    "markdown",
    "page",
    "result_document",
    "write_report",
    "write_whole",
]


def write_report(
    view: StudyView,
    curves: Mapping[str, tuple[Curve, ...]],
    out: Path,
    *,
    reproduce: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    difference: Comparison | None = None,
    openings: int | None = None,
) -> tuple[Path, Path]:
    """Write report.md and report.html into the directory `out`, each atomically, and return their paths.

    `curves` are by run id. `difference` is best against the few-shot base on the sealed test; `openings` counts the
    whole lab's openings of this benchmark's test. Raises StorageError.
    """
    facts = gather(view, curves, difference=difference, openings=openings, reproduce=reproduce, environment=environment)
    return write_whole(out / "report.md", markdown(facts)), write_whole(out / "report.html", page(facts))


def result_document(
    view: StudyView,
    *,
    report: Path | str | None = None,
    best_model: Path | str | None = None,
    boundary: str | None = None,
    difference: Comparison | None = None,
) -> dict[str, JsonValue]:
    """The study as one JSON object: what `--json` prints. Scores are fractions, times seconds."""
    return _document(
        view,
        report=str(report) if report else None,
        best_model=str(best_model) if best_model else None,
        boundary=boundary or boundary_of(view),
        difference=difference,
    )


def write_whole(path: Path, text: str) -> Path:
    """Write beside, then rename: a reader sees the old file or the new one. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(beside).chmod(0o644)
            Path(beside).replace(path)
        finally:
            Path(beside).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"the report could not be written: {error.strerror}",
            where=str(path),
            cure="free space, then `labwright study report`",
        ) from error
    return path
