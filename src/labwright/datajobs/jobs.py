"""Data jobs: long work on data, each in a process of its own that outlives whoever asked for it.

A job is a folder under the lab's home: what was asked (`job.json`), which process is at it (`process.json`), how far it
is (`progress.json`), what came of it (`result.json`) and what it said (`log.txt`). So any process may ask about any
job, and what a killed one has done is found by the next that is asked for the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import JsonValue, SecretStr, TypeAdapter, ValidationError

from labwright.assemble import Lab
from labwright.compute import ProcessBackend, apart
from labwright.compute.whereabouts import whereabouts
from labwright.config import Settings
from labwright.contracts.datajobs import JobAsked, JobStanding, JobState, ScoringAsked, SpecSeen, SynthesisAsked
from labwright.contracts.effects import Cost
from labwright.contracts.errors import StorageError, UsageError
from labwright.contracts.processes import ProcessMark
from labwright.data.synthesis import SpecFile, read_spec
from labwright.data.synthesis.outputs import Places
from labwright.study.lock import held

_ASKED, _PROCESS, _PROGRESS, _RESULT, _LOG = "job.json", "process.json", "progress.json", "result.json", "log.txt"
_TO_END_S = 20.0  # what a job that is stopped may take to let go
_LONGEST_TEXT = 100_000
_BY_RULES = "autopilot"
_T = TypeVar("_T")
_OF_MODELS = frozenset({"model", "fallback_model", "researcher_model", "judge_model", "base_url", "api_key"})


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What a job's process reads."""

    asked: JobAsked
    session_id: str | None  # whose ceilings its model calls are under


@dataclass(frozen=True, slots=True)
class JobEnd:
    """What a job's process leaves."""

    state: JobState
    result: Mapping[str, JsonValue] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job's process is."""

    doing: str = ""
    done: int = 0
    of: int = 0


ORDER: TypeAdapter[JobOrder] = TypeAdapter(JobOrder)
_END: TypeAdapter[JobEnd] = TypeAdapter(JobEnd)
_SO_FAR: TypeAdapter[JobProgress] = TypeAdapter(JobProgress)


class DataJobs:
    """`contracts.datajobs.DataJobDesk` over a lab. `environment` is what a process gets that asks no model."""

    def __init__(self, lab: Lab, environment: Mapping[str, str], session_id: str | None = None) -> None:
        self._lab = lab
        self._environment = environment
        self._session_id = session_id
        self._started: list[subprocess.Popen[bytes]] = []  # ours to collect when they end
        self._prices: dict[tuple[str, str | None], float | None] = {}

    # -- Implements DataJobDesk ----------------------------------------------------------------------------------------

    def start(self, asked: JobAsked) -> JobStanding:
        """Start a job, or find the one that is at this output already; two models at once are too much for a machine.

        Raises:
            UsageError: the spec is not the one that was asked for, or another model scores rows already.
            BackendError: the process could not be started.
        """
        with held(self._root, "the start of a data job", "it takes a moment: ask again"):
            return self._start(asked)

    def _start(self, asked: JobAsked) -> JobStanding:
        for job in self._running():
            if job.asked.out == asked.out:
                return job
            both_score = isinstance(asked, ScoringAsked) and isinstance(job.asked, ScoringAsked)
            if both_score and self._on_another_machine(job.id) is None:
                cure = f"data_job_wait for {job.id}, or data_job_stop"
                raise UsageError(f"a model is scoring rows already, for {Path(job.asked.out).name}", cure=cure)
        asks_a_model = False
        if isinstance(asked, SynthesisAsked):
            asked = self._with_model(asked)
            source = read_spec(Path(asked.spec))
            must_be(source, asked.sha256)
            asks_a_model = bool(self._models(source, asked.model))
        folder = self._new_folder(asked.kind)
        _write(folder / _ASKED, ORDER.dump_json(JobOrder(asked, self._session_id), indent=1))
        self._begin(folder, self._environment_of(asks_a_model))
        return self.standing(folder.name)

    def standing(self, job_id: str) -> JobStanding:
        """How it stands. Raises UsageError for an unknown one."""
        folder = self._root / job_id
        if not (Path(job_id).name == job_id and (folder / _ASKED).is_file()):
            known = ", ".join(sorted(path.name for path in self._folders())[-8:]) or "none yet"
            raise UsageError(f"there is no data job {job_id!r}", cure=f"the jobs are: {known}")
        order = ORDER.validate_json((folder / _ASKED).read_bytes())
        alive = self._process(folder) is not None  # looked at first: a process writes its result before it ends
        end = _read(folder / _RESULT, _END)
        so_far = _read(folder / _PROGRESS, _SO_FAR) or JobProgress()
        now = JobStanding(job_id, "running", order.asked, so_far.doing, so_far.done, so_far.of)
        if end is not None:
            return replace(now, state=end.state, result=end.result, error=end.error)
        if alive:
            return now
        if (elsewhere := self._on_another_machine(job_id)) is not None:
            return replace(now, doing=f"on {elsewhere.host}, as far as anybody here knows: {so_far.doing}")
        return replace(
            now,
            state="failed",
            error=f"its process is gone; it last said: {apart.last_words(folder / _LOG) or '(nothing)'}",
        )

    def stop(self, job_id: str) -> JobStanding:
        """End it; what it has done is kept. A job that is over stays as it was."""
        standing = self.standing(job_id)
        elsewhere = self._on_another_machine(job_id)
        if standing.state == "running" and elsewhere is not None:
            cure = f"stop it there; where that machine is gone, delete {self._root / job_id}"
            raise UsageError(f"{job_id} runs on {elsewhere.host}, where alone it can be stopped", cure=cure)
        process = self._process(self._root / job_id)
        if standing.state != "running" or process is None:
            return standing
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(_TO_END_S)
            if self._process(self._root / job_id) is not None:
                os.killpg(process.pid, signal.SIGKILL)
        if _read(self._root / job_id / _RESULT, _END) is None:
            write_end(self._root / job_id, JobEnd("incomplete", None, "it was ended; what it had done is kept"))
        return self.standing(job_id)

    def look(self, spec: str, out: str) -> SpecSeen:
        """A spec with its files. Raises SpecError."""
        source = read_spec(Path(spec))
        names = [source.path.name, *source.files()]
        texts = {name: (source.folder / name).read_bytes()[:_LONGEST_TEXT].decode(errors="replace") for name in names}
        begun = Places.of(Path(out)).journal.is_file()
        return SpecSeen(fingerprint(source), texts, source.spec.checks.dedup.files, begun)

    def cost(self, asked: JobAsked) -> Cost:
        """Of a scoring its time, on a GPU where there is one; of a synthesis what its model calls cost at most.

        Raises:
            LabwrightError: the spec cannot be read, or its model not be used.
        """
        if isinstance(asked, ScoringAsked):
            on_gpu = bool(ProcessBackend(self._lab.home, self._lab.sandbox).gpus)
            return Cost(0.0, asked.most_s / 3600 if on_gpu else 0.0, asked.most_s)
        asked = self._with_model(asked)
        source = read_spec(Path(asked.spec))
        time_s = source.spec.budget.wall_clock or 0.0
        key = (fingerprint(source), asked.model)
        if key not in self._prices:
            from labwright.assemble.synthesis import most_usd  # noqa: PLC0415 - pydantic-ai

            needed = self._models(source, asked.model)
            self._prices[key] = most_usd(self._lab, source.spec, asked.model) if needed else 0.0
        return Cost(self._prices[key], 0.0, time_s)

    # -- processes -----------------------------------------------------------------------------------------------------

    @property
    def _root(self) -> Path:
        return self._lab.home / "datajobs"

    def _folders(self) -> Iterator[Path]:
        return self._root.glob("*-*/")

    def _running(self) -> list[JobStanding]:
        found = (self.standing(folder.name) for folder in self._folders() if (folder / _ASKED).is_file())
        return [job for job in found if job.state == "running"]

    def _new_folder(self, kind: str) -> Path:
        """Making it is what claims its number, so two jobs may start at once."""
        for number in count(1):
            folder = self._root / f"{kind}-{number}"
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            return folder
        raise AssertionError("numbers do not end")

    def _begin(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._started = [process for process in self._started if process.poll() is None]
        process = apart.start(["labwright.datajobs.process", str(folder)], folder, folder / _LOG, environment)
        self._started.append(process)
        _write(folder / _PROCESS, apart.record(process))

    def _process(self, folder: Path) -> psutil.Process | None:
        """The process that is at a job; its number may have gone to another since."""
        for own in self._started:
            own.poll()
        return apart.find(folder / _PROCESS)

    def _on_another_machine(self, job_id: str) -> ProcessMark | None:
        """The process of a job that another machine started, where both have the same home."""
        named = apart.mark(self._root / job_id / _PROCESS)
        return named if named is not None and whereabouts(named) == "elsewhere" else None

    def _with_model(self, asked: SynthesisAsked) -> SynthesisAsked:
        """Where nobody is named, the session's own model writes; one that decides by rules cannot."""
        if asked.model or self._session_id is None:
            return asked
        own = self._lab.ledger.session_view(self._session_id).model
        return asked if own == _BY_RULES else replace(asked, model=own)

    def _models(self, source: SpecFile, model: str | None) -> tuple[str, ...]:
        from labwright.assemble.synthesis import models_of  # noqa: PLC0415 - pydantic-ai

        return models_of(self._lab, source.spec, model)

    def _environment_of(self, asks_a_model: bool) -> dict[str, str]:
        """This lab's settings; keys of models only where one is asked."""
        settings = self._lab.settings
        base = settings.process_environment if asks_a_model else self._environment
        return {**base, **_as_environment(settings, with_models=asks_a_model)}


# -- what was approved is what runs ------------------------------------------------------------------------------------


def fingerprint(source: SpecFile) -> str:
    """A hash of a spec, its budget and the files that it names."""
    return hashlib.sha256(f"{source.digest()} {source.spec.budget.model_dump_json()}".encode()).hexdigest()


def must_be(source: SpecFile, sha256: str) -> None:
    """Raise UsageError where a spec is another than the one of this hash."""
    if fingerprint(source) != sha256:
        cure = "ask for it again, so that what runs is what was seen"
        raise UsageError("the spec, or a file that it names, was changed since", where=str(source.path), cure=cure)


# -- files -------------------------------------------------------------------------------------------------------------


def read_order(folder: Path) -> JobOrder:
    """What a job's process is to do."""
    return ORDER.validate_json((folder / _ASKED).read_bytes())


def write_progress(folder: Path, progress: JobProgress) -> None:
    """For whoever asks how far it is."""
    _write(folder / _PROGRESS, _SO_FAR.dump_json(progress))


def write_end(folder: Path, end: JobEnd) -> None:
    """The last thing that a job's process does."""
    _write(folder / _RESULT, _END.dump_json(end, indent=1))


def _write(path: Path, content: bytes) -> None:
    """The old content or the new, for whoever reads meanwhile. Raises StorageError."""
    scratch = path.with_name(f".{path.name}")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        what = StorageError.of(error, str(path))
        raise what or StorageError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _read(path: Path, shape: TypeAdapter[_T]) -> _T | None:
    try:
        return shape.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _as_environment(settings: Settings, *, with_models: bool) -> dict[str, str]:
    """What makes another process open this very lab; models and their key only where they are asked."""
    given: dict[str, str] = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)  # of a pydantic model, by its own list of fields
        if value is not None and (with_models or name not in _OF_MODELS):
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            given[f"LABWRIGHT_{name.upper()}"] = text
    return {**given, "LABWRIGHT_HOME": str(settings.home_path), "LABWRIGHT_LEDGER_URL": settings.database_url}
