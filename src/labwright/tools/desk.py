"""What tools need of the lab. `labwright.desk.LabDesk` is the real one; tests may sit at another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from labwright.contracts.data import AuditReport, Inspection, Purpose
from labwright.contracts.datajobs import DataJobDesk
from labwright.contracts.errors import UsageError
from labwright.contracts.research import Comparison, Run
from labwright.documentation import InstalledDocs, WebDocs
from labwright.ledger import Ledger
from labwright.literature import Literature
from labwright.literature.library import Library
from labwright.repositories import Code
from labwright.study.conclusion import Conclusion
from labwright.study.spec import StudySource

if TYPE_CHECKING:  # DuckDB comes with them, and the tools need only their shapes
    from labwright.data.conversion import Conversion
    from labwright.data.finding import Found


class DataDesk(Protocol):
    """A lab's data, as tools see it. Sources and targets are paths that were checked, names on the Hub, or versions."""

    def is_version(self, name: str) -> bool:
        """Whether the ledger knows a version by this id or name."""

    def find(self, query: str, task: str | None, limit: int) -> Found:
        """Datasets on the Hub."""

    def inspect(self, src: str, split: str | None, samples: int) -> Inspection:
        """What a dataset holds."""

    def audit(
        self, src: str, purpose: Purpose | None, benchmarks: Sequence[Path], model: str | None, max_length: int | None
    ) -> AuditReport:
        """What is wrong with it; with a model also for its tokenizer and chat template."""

    def lineage(self, src: str, row: int | None) -> list[str]:
        """What made it, or where a row came from, in lines."""

    def convert(
        self, src: str, out: Path, to: str, split: str | None, columns: Mapping[str, str] | None = None
    ) -> Conversion:
        """Into another layout; the file is a version. `columns` are by role, where their names do not tell."""

    def transform(self, name: str, src: str, out: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """dedup, filter, subset or upsample."""

    def mix(self, sources: Mapping[str, float], out: Path, size: int | None, seed: int) -> Mapping[str, Any]:
        """Several sources in proportion."""

    def split(self, src: str, out: Path, parts: Mapping[str, float], seed: int) -> Sequence[Mapping[str, Any]]:
        """Parts that share no row."""


class Desk(Protocol):
    """Where a session sits: the ledger, its workspace, what it may read, and the five things that do more."""

    ledger: Ledger
    workspace: Path
    runs_are_sandboxed: bool

    @property
    def roots(self) -> tuple[Path, ...]:
        """Files outside the workspace that the person named, or folders of them."""

    @property
    def literature(self) -> Literature:
        """Papers of all sources."""

    @property
    def library(self) -> Library:
        """Papers that were read in this lab."""

    @property
    def code(self) -> Code:
        """Other people's code, and the workspace's."""

    @property
    def data(self) -> DataDesk:
        """Datasets: of the workspace, of the Hub, and versions of this lab."""

    @property
    def data_jobs(self) -> DataJobDesk:
        """Long work on data, in processes of its own."""

    @property
    def documentation(self) -> InstalledDocs:
        """What is installed where runs execute."""

    @property
    def web_docs(self) -> WebDocs:
        """Documentation on the web."""

    def create(self, source: StudySource, wall_clock_s: float | None = None) -> str:
        """Enter a study into the ledger; its id. With a ceiling on its wall-clock instead of study.yaml's."""

    def start(self, study_id: str, researcher: str) -> None:
        """Run a study in a detached process. Does nothing where a process runs it already."""

    def cancel(self, run: Run, why: str) -> None:
        """Ask for the end of a run that nobody wants any more, and note why."""

    def compare(self, study_id: str, first: str, second: str) -> Comparison:
        """Two evaluations of a study on the same items, by the referee."""

    def conclude(self, study_id: str) -> Conclusion:
        """Write the report of a study as it stands."""


def find_path(desk: Desk, name: str) -> Path:
    """The real path that a name in a tool's arguments means: in the workspace, or where the person pointed.

    Raises:
        UsageError: it lies elsewhere, or there is nothing.
    """
    path = Path(os.path.normpath(desk.workspace / Path(name).expanduser()))
    real = path.resolve()
    allowed = [root.resolve() for root in (desk.workspace, *desk.roots)]
    if not any(real == root or real.is_relative_to(root) for root in allowed):
        cure = "copy it into the workspace, or name the path in the prompt"
        raise UsageError("it lies outside the workspace, and the person did not name it", where=name, cure=cure)
    if not real.exists():
        raise UsageError("there is no such file or directory", where=name, cure="paths are relative to the workspace")
    return real


def source_of_data(desk: Desk, src: str) -> str:
    """A source of data as the lab takes it: files only where the agent may read them. Raises UsageError.

    A link in a directory, or behind a pattern, may lead to a sealed test just as one that is named.
    """
    if src.startswith("hub:") or desk.data.is_version(src):
        return src
    if any(mark in src for mark in "*?["):
        folder, pattern = find_path(desk, str(Path(src).parent)), Path(src).name
        source = folder / pattern
        found: Iterable[Path] = folder.glob(pattern)
    else:
        source = find_path(desk, src)
        found = source.glob("*") if source.is_dir() else ()
    for path in (inner for each in found for inner in (each, *(each.rglob("*") if each.is_dir() else ()))):
        find_path(desk, str(path))
    return str(source)


def find_model(desk: Desk, name: str) -> str:
    """A model as the lab takes it: a directory only where the agent may read it; anything else is a name.

    Raises:
        UsageError: it lies elsewhere, or there is nothing.
    """
    is_path = name.startswith(("/", "~", ".")) or (desk.workspace / name).is_dir()
    return str(find_path(desk, name)) if is_path else name


def new_file(desk: Desk, out: str, *, begun: bool = False) -> Path:
    """A file inside the workspace that is not there yet, or where `begun`, one that may be gone on with.

    Raises:
        UsageError: it lies elsewhere, or exists.
    """
    root = desk.workspace.resolve()
    path = (root / out).resolve()
    if not path.is_relative_to(root):
        raise UsageError("it lies outside the workspace", where=out, cure="write into the workspace")
    if path.exists() and not begun:
        raise UsageError("the file exists", where=out, cure="name a new one: nothing is written over")
    return path
