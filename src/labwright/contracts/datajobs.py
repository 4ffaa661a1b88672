"""Long work on data in a process of its own: what is asked for, how it stands, and who starts it.

Scoring rows by a model and writing rows to a spec take minutes to hours, and an agent's session may end at any time. So
each is a job: its process outlives the session, keeps what it has done, and the same request goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import JsonValue

from labwright.contracts.effects import Cost

JobState = Literal["running", "done", "incomplete", "failed"]
"""`incomplete`: a ceiling ended it, or somebody did; the same request goes on. `failed`: an error did."""


@dataclass(frozen=True, slots=True)
class ScoringAsked:
    """Score every row of a source by a model."""

    src: str
    out: str
    model: str
    most_s: float  # then it ends, and the same request goes on
    by: Literal["pass-rate", "loss", "margin"] = "pass-rate"
    samples: int = 8
    max_new_tokens: int = 256
    temperature: float = 0.8
    stop: tuple[str, ...] = ()
    chat: bool = False
    keep: Literal["easy", "medium", "hard", "frontier", "mixed"] | None = None
    seed: int = 0
    kind: Literal["difficulty"] = "difficulty"


@dataclass(frozen=True, slots=True)
class SynthesisAsked:
    """Write rows to a spec."""

    spec: str
    out: str
    sha256: str  # of the spec and the files that it names: another one is not run
    model: str | None = None
    against: tuple[str, ...] = ()
    kind: Literal["synthesis"] = "synthesis"


JobAsked = ScoringAsked | SynthesisAsked


@dataclass(frozen=True, slots=True)
class JobStanding:
    """How a job stands."""

    id: str
    state: JobState
    asked: JobAsked
    doing: str = ""
    done: int = 0
    of: int = 0
    result: Mapping[str, JsonValue] | None = None  # once it is over
    error: str = ""  # why it failed, or what ended it


@dataclass(frozen=True, slots=True)
class SpecSeen:
    """A synthesis spec as a person is shown it before it runs."""

    sha256: str
    texts: Mapping[str, str]  # of the spec and of its programs' files, by name
    reads: tuple[str, ...]  # files of data outside itself that it compares with
    begun: bool  # some file at `out` is this spec's, and may be gone on with


class DataJobDesk(Protocol):
    """A lab's data jobs, as tools see them."""

    def start(self, asked: JobAsked) -> JobStanding:
        """Start a job, or find the one that is at this output already. Raises UsageError, BackendError."""

    def standing(self, job_id: str) -> JobStanding:
        """How it stands. Raises UsageError for an unknown one."""

    def stop(self, job_id: str) -> JobStanding:
        """End it; what it has done is kept."""

    def look(self, spec: str, out: str) -> SpecSeen:
        """A spec before it runs. Raises SpecError."""

    def cost(self, asked: JobAsked) -> Cost:
        """The most that it may take. Raises LabwrightError where it cannot be started at all."""
