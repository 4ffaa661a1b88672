"""What a study ends with: the report's files and the document that `--json` prints, which is kept beside them."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import JsonValue, TypeAdapter

from labwright.contracts.events import ReportWritten
from labwright.contracts.research import BASE, Comparison, Evaluation
from labwright.contracts.views import StudyView
from labwright.ledger import Ledger
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Compare
from labwright.study.report import boundary_of, result_document, write_report, write_whole

DOCUMENT = "study.json"
_PACKAGES = ("labwright", "torch", "transformers", "trl", "peft", "datasets", "accelerate", "safetensors", "tokenizers")
_DOCUMENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A study as it stands, with where its report is."""

    view: StudyView
    difference: Comparison | None
    markdown: Path
    page: Path

    def document(self) -> dict[str, JsonValue]:
        """The JSON document of a finished study."""
        return result_document(
            self.view,
            report=str(self.page),
            best_model=self.view.best.path if self.view.best else None,
            boundary=boundary_of(self.view),
            difference=self.difference,
        )


def conclude(ledger: Ledger, referee: RefereeClient, study_id: str) -> Conclusion:
    """Write the report of a study as it stands now."""
    view = ledger.study_view(study_id)
    difference = best_against_few_shot(view, referee)
    curves = {run.id: ledger.curves(run.id) for run in view.runs}
    openings = len(ledger.openings(view.benchmark.benchmark_id)) if view.benchmark else 0
    markdown, page = write_report(
        view,
        curves,
        Path(view.directory),
        difference=difference,
        openings=openings,
        reproduce=reproduction(view),
        environment=environment(),
    )
    concluded = Conclusion(view, difference, markdown, page)
    write_whole(Path(view.directory) / DOCUMENT, json.dumps(concluded.document(), indent=2, ensure_ascii=False) + "\n")
    ledger.record(study_id, ReportWritten((str(markdown), str(page))))
    return concluded


def kept_document(study_directory: Path) -> dict[str, JsonValue]:
    """The document as it was written with the study's report; empty where there is none yet."""
    path = study_directory / DOCUMENT
    return _DOCUMENT.validate_json(path.read_bytes()) if path.is_file() else {}


def best_against_few_shot(view: StudyView, referee: RefereeClient) -> Comparison | None:
    """The promoted model against the few-shot base on the sealed test's items; None where that was not measured."""
    pair = on_the_sealed_test(view)
    return None if pair is None else referee.compare(Compare(view.id, pair[0].id, pair[1].id))


def on_the_sealed_test(view: StudyView) -> tuple[Evaluation, Evaluation] | None:
    """The promoted model's and the few-shot base's evaluations there; None where the test was not opened for both."""
    if view.best is None or view.best.subject == BASE:
        return None
    best = view.evaluation(view.best.subject, view.best.style, "test")
    base = view.evaluation(BASE, "few_shot", "test") or view.evaluation(BASE, "zero_shot", "test")
    return None if best is None or base is None else (best, base)


def reproduction(view: StudyView) -> tuple[str, ...]:
    """The commands that run this study again, and that re-check what it says."""
    return (
        f"labwright study run {view.source}",
        f"labwright study export {view.id} {view.id}.tar.gz",
        f"labwright verify {view.id}.tar.gz",
    )


def environment() -> Mapping[str, str]:
    """What this machine and its Python hold, as far as it can change a result."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found["processor"] = f"{psutil.cpu_count()} threads, {psutil.virtual_memory().total / 1e9:.0f} GB"
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
