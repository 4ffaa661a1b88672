"""What some scorers go by beside an answer, as a line of an items file says it: instructions, calls, spans, criteria.

Each line's key is checked when it is read, so that a benchmark whose items cannot be scored never reaches the vault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from labwright.referee.measures.calls import ExpectedCall
from labwright.referee.measures.instructions import Instruction, fault_of

NEEDED: Mapping[str, str] = {
    "tests": '"tests": "…"',
    "rubric": '"rubric": "…", or scorer.rubric for all items',
    "instructions": '"instructions": [{"id": "punctuation:no_comma", "settings": {}}]',
    "calls": '"calls": [{"name": "f", "arguments": {"x": [1]}}]',
    "baseline": '"baseline": "…", the answer that outputs are compared with',
    "criteria": '"criteria": [{"text": "…", "points": 5}]',
    "answer": '"answer": "…"',
}
"""What to add to an item that lacks its key."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """What an output may meet, and how many points that is worth; negative ones count against it."""

    text: str
    points: float


def as_text(value: object) -> object:
    """Numbers are taken as their text: a file may say {"answer": 7}."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class InstructionLine(BaseModel):
    """One instruction. Settings that are null are none."""

    model_config = ConfigDict(extra="forbid")

    id: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_checked(self) -> InstructionLine:
        fault = fault_of(self.key)
        if fault:
            raise ValueError(fault)
        return self

    @property
    def key(self) -> Instruction:
        """As the scorer takes it."""
        return Instruction(self.id, {name: value for name, value in self.settings.items() if value is not None})


class CallLine(BaseModel):
    """One accepted call: for each argument its accepted values, "" where it may be left out."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    arguments: dict[str, list[JsonValue]] = Field(default_factory=dict)
    types: dict[str, str] = Field(default_factory=dict)

    @field_validator("arguments")
    @classmethod
    def _something_is_accepted(cls, value: dict[str, list[JsonValue]]) -> dict[str, list[JsonValue]]:
        empty = next((name for name, accepted in value.items() if not accepted), None)
        if empty is not None:
            raise ValueError(f"no value of {empty!r} is accepted: list at least one")
        return value

    @property
    def key(self) -> ExpectedCall:
        """As the scorer takes it."""
        return ExpectedCall(self.name, self.arguments, self.types)


class CriterionLine(BaseModel):
    """One criterion."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str = Field(min_length=1)
    points: float

    @property
    def key(self) -> Criterion:
        """As the scorer takes it."""
        return Criterion(self.text, self.points)


def _something_counts(value: tuple[CriterionLine, ...]) -> tuple[CriterionLine, ...]:
    if not any(each.points > 0 for each in value):
        raise ValueError("no criterion has positive points, so there is no score to reach")
    return value


Criteria = Annotated[tuple[CriterionLine, ...], AfterValidator(_something_counts)]
Spans = Annotated[tuple[Annotated[str, BeforeValidator(as_text)], ...], Field(min_length=1)]
