"""Turns settings into a lab, and a lab into an engine for a study. Nothing heavy is imported here."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from labwright.compute.environment import scrubbed
from labwright.compute.process import ProcessBackend
from labwright.compute.sandbox import Sandbox
from labwright.config import Settings, read_settings
from labwright.contracts.errors import UsageError
from labwright.contracts.events import StudyCreated
from labwright.contracts.progress import ProgressSink, SilentProgress
from labwright.contracts.researchers import Researcher
from labwright.contracts.specs import StudySpec
from labwright.ledger import Ledger
from labwright.models import resolve
from labwright.referee import usual_worker
from labwright.referee.client import RefereeClient
from labwright.referee.protocol import Opening
from labwright.study.autopilot import Autopilot
from labwright.study.engine import EngineParts, StudyEngine
from labwright.study.proposed import Proposed
from labwright.study.search import strategy_for
from labwright.study.spec import StudySource, recipe_path

RESEARCHERS = ("autopilot", "proposed", "finish")
BACKENDS = ("process",)
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab's home, its ledger and what is needed to work in it."""

    settings: Settings
    ledger: Ledger
    sandbox: Sandbox

    @property
    def home(self) -> Path:
        """Where everything of this lab is kept."""
        return self.settings.home_path

    def create_study(self, source: StudySource, *, wall_clock_s: float | None = None) -> str:
        """Enter a study into the ledger and give it a directory. Returns its id: the folder's name with a number."""
        spec = source.spec
        if wall_clock_s is not None:
            spec = spec.model_copy(update={"budget": spec.budget.model_copy(update={"wall_clock": wall_clock_s})})
        name = _NOT_IN_A_NAME.sub("-", source.directory.name.lower()).strip("-") or "study"
        taken = {s.id for s in self.ledger.summaries()}
        directory = _new_directory(self.home / "studies", name, taken)
        study_id = directory.name
        (directory / "study.yaml").write_text(source.text, encoding="utf-8")
        created = StudyCreated(name, str(source.directory), str(directory), spec.model_dump(mode="json"))
        self.ledger.record(study_id, created)
        return study_id

    def engine(
        self,
        study_id: str,
        *,
        progress: ProgressSink | None = None,
        researcher: str = "autopilot",
        backend: str = "process",
    ) -> StudyEngine:
        """The engine of a study in the ledger.

        Raises:
            UsageError: an unknown study, researcher or backend; the cure names the known ones.
        """
        return StudyEngine(self.engine_parts(progress=progress, researcher=researcher, backend=backend), study_id)

    def engine_parts(
        self, *, progress: ProgressSink | None = None, researcher: str = "autopilot", backend: str = "process"
    ) -> EngineParts:
        """What `engine` puts an engine together from, for whoever wants one of them to be another."""
        check_names(researcher, backend)
        environment = self._environment()
        process = ProcessBackend(self.home, self.sandbox, cpu_slots=self.settings.cpu_slots)
        return EngineParts(
            ledger=self.ledger,
            backend=process,
            referee=self.referee(),
            progress=progress or SilentProgress(),
            home=self.home,
            environment=environment,
            poll_s=self.settings.poll_s,
            parallel_runs=len(process.gpus) or self.settings.cpu_slots,
            gpus_per_run=1 if process.gpus else 0,
            researcher_for=lambda spec: _researcher(researcher, spec),
            resolve_model=lambda name, study_dir, on_progress: resolve(name, self.home, study_dir, on_progress),
            find_recipe=recipe_path,
        )

    def referee(self) -> RefereeClient:
        """A client of the referee; its process starts when it is first asked something."""
        process = ProcessBackend(self.home, self.sandbox, cpu_slots=self.settings.cpu_slots)
        judge = self.settings.judge_model
        opening = Opening(
            home=str(self.home),
            ledger_url=self.settings.database_url,
            sandbox=self.settings.sandbox,
            cgroups=self.settings.cgroups,
            worker=str(self.settings.generation_worker or usual_worker(gpus=bool(process.gpus))),
            environment=self._environment(),
            ledger_environment=self.settings.database_environment,
            judge_model=judge or "",
            judge=(sys.executable, "-m", "labwright.agent.judging") if judge else (),
            judge_environment=self.settings.process_environment if judge else {},
        )
        return RefereeClient(opening)

    def _environment(self) -> Mapping[str, str]:
        return scrubbed(self.settings.process_environment, {})


def open_lab(settings: Settings | None = None) -> Lab:
    """The lab that the settings describe; its home is made when it does not exist.

    Raises:
        UsageError: a variable of the environment holds what it cannot.
        StorageError: the home or the ledger cannot be opened.
    """
    settings = settings or read_settings()
    return Lab(settings, Ledger.open(settings.database_url), Sandbox(settings.sandbox, settings.cgroups))


def _new_directory(studies: Path, name: str, taken: Collection[str]) -> Path:
    """A directory that nobody else has: making it is what claims the number, so two studies may start at once."""
    for number in count(1):
        directory = studies / f"{name}-{number}"
        if directory.name in taken:
            continue
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            continue
        return directory
    raise AssertionError("numbers do not end")


def _researcher(name: str, spec: StudySpec) -> Researcher:
    return Autopilot(strategy_for(spec)) if name == "autopilot" else Proposed(finish=name == "finish")


def check_names(researcher: str, backend: str) -> None:
    """Raise UsageError for a researcher or a backend that there is not; the cure names the known ones."""
    for option, what, name, known in (
        ("--model", "researcher", researcher, RESEARCHERS),
        ("--backend", "backend", backend, BACKENDS),
    ):
        if name not in known:
            cure = f"use {' or '.join(known)}"
            if option == "--model":
                cure += f'; a language model is given the goal instead: labwright run "GOAL" --model {name}'
            raise UsageError(f"there is no {what} {name!r}", where=option, cure=cure)
