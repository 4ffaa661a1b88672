"""The lab as an agent's tools see it: `tools.desk.Desk` over a `Lab`."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from labwright.agent.tokens import tokens
from labwright.assemble import Lab
from labwright.assemble.reading import ReadingRoom
from labwright.compute import ProcessBackend, scrubbed
from labwright.config import Settings
from labwright.contracts.datajobs import DataJobDesk
from labwright.contracts.errors import BackendError
from labwright.contracts.events import NoteTaken
from labwright.contracts.research import Comparison, Run, StudyState
from labwright.contracts.sessions import StudyLinked
from labwright.documentation import InstalledDocs, WebDocs
from labwright.literature import Literature
from labwright.literature.library import Library
from labwright.referee.protocol import Compare
from labwright.repositories import Code
from labwright.study import detached
from labwright.study.conclusion import Conclusion, conclude
from labwright.study.elsewhere import must_be_runnable
from labwright.study.spec import StudySource
from labwright.tools.desk import DataDesk

_ENGINE_MAY_SEE = ("HOME", "HF_HOME", "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "HTTPS_PROXY",
                   "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "PYTHONPATH", "VIRTUAL_ENV",
                   "PIP_INDEX_URL", "PIP_CONFIG_FILE", "TMPDIR")  # fmt: skip
_AROUND = "'\"`()[]{}<>,;:!?"
_OF_RUNS = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HOME", "TMPDIR", "HF_HOME")


class LabDesk:
    """A session's place in a lab."""

    def __init__(self, lab: Lab, workspace: Path, *, session_id: str | None = None) -> None:
        self._lab = lab
        self._session_id = session_id
        self._started: list[subprocess.Popen[bytes]] = []  # ours to collect when they end
        self.ledger = lab.ledger
        self.workspace = workspace.resolve()
        self.runs_are_sandboxed = lab.sandbox.boundary == "enforced"

    @property
    def roots(self) -> tuple[Path, ...]:
        """What the person has named so far, in the goal or in any later message."""
        if self._session_id is None:
            return ()
        view = self.ledger.session_view(self._session_id)
        return named_paths((view.goal, *view.said))

    @cached_property
    def _room(self) -> ReadingRoom:
        return ReadingRoom(self._lab, checkouts=(self.workspace,))

    @property
    def literature(self) -> Literature:
        """Papers of all sources."""
        return self._room.literature

    @property
    def library(self) -> Library:
        """Papers that were read in this lab."""
        return self._room.library

    @property
    def code(self) -> Code:
        """Other people's code, and the workspace's."""
        return self._room.code

    @cached_property
    def data(self) -> DataDesk:
        """Datasets."""
        from labwright.assemble.data import LabData  # noqa: PLC0415 - DuckDB, heavy, once data is looked at

        return LabData(self._lab, self._room)

    @cached_property
    def data_jobs(self) -> DataJobDesk:
        """Long work on data."""
        from labwright.datajobs.jobs import DataJobs  # noqa: PLC0415 - as above

        return DataJobs(self._lab, self._environment(), self._session_id)

    @property
    def documentation(self) -> InstalledDocs:
        """What is installed: runs execute with this interpreter."""
        return self._room.documentation

    @property
    def web_docs(self) -> WebDocs:
        """Documentation on the web."""
        return self._room.web_docs

    def create(self, source: StudySource, wall_clock_s: float | None = None) -> str:
        """Enter a study into the ledger, and count what it spends on the session's budget.

        The same study asked for again before it began is the same one: a session that was killed in this very call
        asks again.
        """
        again = self._unbegun(source, wall_clock_s)
        if again is not None:
            return again
        study_id = self._lab.create_study(source, wall_clock_s=wall_clock_s)
        if self._session_id is not None:
            self.ledger.record(None, StudyLinked(self._session_id, study_id))
        return study_id

    def _unbegun(self, source: StudySource, wall_clock_s: float | None) -> str | None:
        created = self.ledger.session_view(self._session_id).studies if self._session_id is not None else ()
        for study_id in created:
            view = self.ledger.study_view(study_id)
            ceiling_s = wall_clock_s or source.spec.budget.wall_clock
            same = view.spec.model_copy(update={"budget": source.spec.budget}) == source.spec
            if view.state is StudyState.CREATED and same and view.spec.budget.wall_clock == ceiling_s:
                return study_id
        return None

    def start(self, study_id: str, researcher: str) -> None:
        """Run a study in a detached process, unless one runs it."""
        view = self.ledger.study_view(study_id)
        directory = Path(view.directory)
        self._started = [process for process in self._started if process.poll() is None]
        if not detached.is_running(directory):
            must_be_runnable(view)
            self._started.append(detached.start(study_id, researcher, directory, self._environment()))

    def cancel(self, run: Run, why: str) -> None:
        """End a run as unwanted: the study's process books it, and gives its trial up."""
        backend = ProcessBackend(self._lab.home, self._lab.sandbox)
        handle = backend.reattach(run.id, Path(run.directory))
        if handle is None:
            raise BackendError("the run has not started yet", where=run.id, cure="wait a moment, or stop its study")
        self.ledger.record(run.study_id, NoteTaken(f"cancelled on request: {why}", about=run.id))
        backend.cancel(handle, "unwanted")

    def compare(self, study_id: str, first: str, second: str) -> Comparison:
        """Two evaluations on the same items, by the referee."""
        referee = self._lab.referee()
        try:
            return referee.compare(Compare(study_id, first, second))
        finally:
            referee.close()

    def conclude(self, study_id: str) -> Conclusion:
        """Write the report of a study as it stands."""
        referee = self._lab.referee()
        try:
            return conclude(self.ledger, referee, study_id)
        finally:
            referee.close()

    def _environment(self) -> dict[str, str]:
        """What the engine's process gets: this lab's settings, the Hub's and the network's variables, no other key."""
        own = self._lab.settings.process_environment
        constants = {k: v for k, v in scrubbed(own, {}).items() if k not in _OF_RUNS}
        seen = {k: own[k] for k in _ENGINE_MAY_SEE if k in own}
        settings = self._lab.settings
        return {**constants, **seen, **settings.database_environment, **_as_environment(settings)}


def _as_environment(settings: Settings) -> dict[str, str]:
    """What makes another process open this very lab: no setting of models, and no key."""
    given: dict[str, object] = {
        "HOME": settings.home_path,
        "LEDGER_URL": settings.database_url,
        "SANDBOX": settings.sandbox,
        "CPU_SLOTS": settings.cpu_slots,
        "GENERATION_WORKER": settings.generation_worker,
        "POLL_S": settings.poll_s,
    }
    return {f"LABWRIGHT_{name}": str(value) for name, value in given.items() if value is not None}


def named_paths(said: Sequence[str], near: Path | None = None) -> tuple[Path, ...]:
    """Files and folders that the person named in so many words: the agent may read these outside its workspace."""
    found: list[Path] = []
    words = (word.strip(_AROUND) for text in said for word in (*text.split(), *tokens(text)))
    for word in dict.fromkeys(words):  # a path with spaces is one token where it is quoted
        if ("/" in word or "." in word) and word not in (".", "..", "/"):
            try:
                path = (near or Path.cwd()) / Path(word).expanduser()
                found += [path.resolve()] if path.exists() else []
            except (OSError, RuntimeError, ValueError):  # too long for a name, or of a user that there is not
                continue
    return tuple(dict.fromkeys(found))
