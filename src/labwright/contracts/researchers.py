"""What a researcher may decide, and the Protocol that rule-based and LLM researchers share.

A researcher proposes; it never scores, promotes or opens the test. It sees a `StudyView` and answers with one
decision; the engine carries it out, writes what happened to the ledger, and asks again. So a study that was killed
needs nothing but its ledger to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from labwright.contracts.research import RunPurpose, Trial
from labwright.contracts.views import StudyView


@dataclass(frozen=True, slots=True)
class ProposeTrial:
    """Add a node to the tree."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class StartRun:
    """Train a trial up to `max_steps`; `continues` names the run whose checkpoint it starts from."""

    trial_id: str
    purpose: RunPurpose
    max_steps: int
    continues: str | None = None


@dataclass(frozen=True, slots=True)
class DiscardTrial:
    """Give a trial up, for a reason the ledger shows."""

    trial_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class AskForVerdict:
    """Ask the referee to compare a trial's run with the incumbent on all of dev."""

    trial_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left that could change the verdict, or the budget does not allow it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is left to do until somebody proposes more: the process ends, and a resume goes on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to decide until a run has ended."""


Decision = ProposeTrial | StartRun | DiscardTrial | AskForVerdict | Finish | Pause | Wait


class Researcher(Protocol):
    """Decides what to try next."""

    @property
    def name(self) -> str:
        """The name in the ledger: `autopilot`, or a model's id."""

    def decide(self, view: StudyView) -> Decision:
        """The next decision, from what the ledger shows."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that a strategy wants tried."""

    params: tuple[tuple[str, JsonValue], ...]
    dataset: str


class Strategy(Protocol):
    """How a space of configurations is walked. A strategy knows scores and steps, never items."""

    def candidates(self) -> Sequence[Candidate]:
        """The configurations to draft, in order."""

    def survivors(self, rung: int, scores: Sequence[tuple[str, float]]) -> Sequence[str]:
        """Of trials with their dev scores at this rung, those that go on, best first."""
