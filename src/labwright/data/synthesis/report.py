"""What a synthesis run tells: where it stands while it works, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from labwright.contracts.research import DatasetVersion
from labwright.data.synthesis.outcomes import Refusal
from labwright.data.synthesis.purse import Spent

Ended = Literal["full", "attempts", "budget", "time"]
"""Why a slice is done: it has its rows, too few pass, or a ceiling of the budget is reached."""
Doing = Literal["reading known data", "writing", "checking", "saving"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A run at this moment."""

    doing: Doing
    accepted: int
    wanted: int
    made: int
    spent: Spent
    elapsed_s: float
    slices: Mapping[str, tuple[int, int]]  # accepted and wanted
    known: int = 0  # rows of other data that were read to compare with


Progress = Callable[[Standing], None]


@dataclass(frozen=True, slots=True)
class SliceReport:
    """One slice: what was wanted, made and accepted, and why the rest was refused."""

    name: str
    generator: str
    wanted: int
    accepted: int
    asked: int  # rows that were asked for, those of failed calls included
    made: int
    refused: Mapping[str, int]  # reason -> rows
    examples: Mapping[str, str]  # reason -> the first refusal's words
    unchecked: int  # made, and the budget did not suffice to judge them
    ended: Ended
    why: str = ""

    @property
    def acceptance(self) -> float:
        """The share of the rows that were checked which passed: also those that were more than the slice wanted."""
        never_came = (Refusal.MISSING, Refusal.FAILED)
        passed = self.accepted + self.refused.get(Refusal.SURPLUS, 0)
        refused = {reason: rows for reason, rows in self.refused.items() if reason != Refusal.SURPLUS}
        checked = passed + sum(rows for reason, rows in refused.items() if reason not in never_came)
        return passed / checked if checked else 0.0


@dataclass(frozen=True, slots=True)
class SynthesisReport:
    """What came of a run. `rows` are in `out`; `rejected` and `provenance` lie beside it."""

    name: str
    digest: str  # of the spec and its files
    seed: int
    out: Path
    rejected: Path  # every row that was not taken, with its reason
    provenance: Path  # a line a row: slice, prompt, model, seed, judgement
    journal: Path
    slices: tuple[SliceReport, ...]
    models: tuple[str, ...]
    spent: Spent
    elapsed_s: float
    known: int  # rows of other data that were compared with
    version: DatasetVersion | None = None
    sealed_hits: int | None = None  # rows that hold sealed items, by the referee's count
    remarks: tuple[str, ...] = ()

    @property
    def wanted(self) -> int:
        """Rows wanted of all slices."""
        return sum(part.wanted for part in self.slices)

    @property
    def rows(self) -> int:
        """Rows that passed."""
        return sum(part.accepted for part in self.slices)

    @property
    def complete(self) -> bool:
        """Whether every slice has its rows."""
        return all(part.ended == "full" for part in self.slices)

    @property
    def at_ceiling(self) -> str:
        """Which ceiling of the budget ended a slice before it had its rows; empty where none did."""
        return next((part.why for part in self.slices if part.ended in ("budget", "time")), "")

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json`, and for the report beside the rows."""
        slices: list[JsonValue] = [
            {
                "name": part.name,
                "generator": part.generator,
                "wanted": part.wanted,
                "accepted": part.accepted,
                "asked": part.asked,
                "made": part.made,
                "acceptance": round(part.acceptance, 4),
                "refused": dict(part.refused),
                "examples": dict(part.examples),
                "unchecked": part.unchecked,
                "ended": part.ended,
                "why": part.why,
            }
            for part in self.slices
        ]
        spent: dict[str, JsonValue] = {
            "usd": round(self.spent.usd, 6),
            "tokens": self.spent.tokens,
            "calls": self.spent.calls,
            "unpriced_calls": self.spent.unpriced_calls,
        }
        return {
            "name": self.name,
            "spec": self.digest,
            "seed": self.seed,
            "complete": self.complete,
            "rows": self.rows,
            "wanted": self.wanted,
            "out": str(self.out),
            "rejected": str(self.rejected),
            "provenance": str(self.provenance),
            "version": self.version.id if self.version is not None else None,
            "sealed_hits": self.sealed_hits,
            "models": list(self.models),
            "spent": spent,
            "elapsed_s": round(self.elapsed_s, 3),
            "known": self.known,
            "slices": slices,
            "remarks": list(self.remarks),
        }
