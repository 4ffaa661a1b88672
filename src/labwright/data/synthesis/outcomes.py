"""What may come of a generated row, in words that reports and the journal share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labwright.contracts.data import Judgement


class Refusal(StrEnum):
    """Why a row does not count."""

    SCHEMA = "schema"
    LENGTH = "length"
    REQUIRED = "required pattern"
    FORBIDDEN = "forbidden pattern"
    LANGUAGE = "language"
    VERIFIER = "verifier"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near-duplicate"
    KNOWN_DATA = "in known data"
    BENCHMARK = "benchmark item"
    JUDGE = "judge"
    SURPLUS = "surplus"
    MISSING = "not written"  # asked for, and nothing came
    FAILED = "failed call"


JUDGED = (None, Refusal.JUDGE, Refusal.SURPLUS)
"""Outcomes of rows that went all the way: they are known from then on, so that none of them is paid for twice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row. `refusal` None: it passed."""

    refusal: Refusal | None = None
    why: str = ""
    judgement: Judgement | None = None
