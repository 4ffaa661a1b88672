"""Where an event stands in the ledger: what a rule that folds it may know besides the event itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: its number, its study, its time, and its text."""

    seq: int
    study_id: str | None
    at: float
    body: str
