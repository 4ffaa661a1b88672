"""What a dataset's columns are: the layouts that people publish training data in, and the part each column plays.

A layout is found once (`recognise`) and then used for every row: by the audit, to know which text is a question and
which an answer, and by the converters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Target = Literal["messages", "prompt-completion", "preference", "prompt"]
TARGETS: tuple[Target, ...] = ("messages", "prompt-completion", "preference", "prompt")


class Kind(StrEnum):
    """The layouts that are known."""

    MESSAGES = "messages"  # a list of turns with role and content, as OpenAI has it
    SHAREGPT = "sharegpt"  # a list of turns with other names: from and value, pairs, alternating strings
    TRANSCRIPT = "transcript"  # one string that holds turns: "Human: …", "### Assistant: …", ChatML, [INST]
    ALPACA = "alpaca"  # instruction, input, output
    PROMPT_COMPLETION = "prompt-completion"
    PROMPT = "prompt"  # a question without an answer
    PREFERENCE = "preference"  # chosen and rejected
    UNPAIRED = "unpaired-preference"  # an answer and whether it is wanted (KTO: Ethayarajh et al., 2024, 2402.01306)
    CHOICES = "choices"  # a question, its options, and which is right
    WORKED = "worked-answer"  # a solution that ends in its result: GSM8K's `#### 42`, MATH's \boxed{42}
    CLASSIFICATION = "classification"
    TEXT = "text"


class Role(StrEnum):
    """The part that a column plays."""

    SYSTEM = "system"
    CONTEXT = "context"  # a passage, Alpaca's `input`, what the question is about
    HISTORY = "history"  # earlier pairs of question and answer
    PROMPT = "prompt"
    ANSWER = "answer"
    REASONING = "reasoning"
    MESSAGES = "messages"
    TOOLS = "tools"
    CHOSEN = "chosen"
    REJECTED = "rejected"
    LABEL = "label"
    TEXT = "text"
    CHOICES = "choices"


AnswerAs = Literal["label", "index", "text"]
"""How a row says which option is right: by its label (`B`), its place (`1`), or its whole text."""

_TARGETS_OF: Mapping[Kind, tuple[Target, ...]] = {
    Kind.CHOICES: TARGETS,
    Kind.PREFERENCE: TARGETS,
    Kind.PROMPT: ("prompt",),
    Kind.TEXT: (),
}
_WITHOUT_PAIRS: tuple[Target, ...] = ("messages", "prompt-completion", "prompt")
_INPUTS = (Role.SYSTEM, Role.HISTORY, Role.CONTEXT, Role.PROMPT, Role.TEXT, Role.CHOICES, Role.MESSAGES)
_OUTPUTS = (Role.REASONING, Role.ANSWER, Role.LABEL, Role.CHOSEN, Role.REJECTED)


@dataclass(frozen=True, slots=True)
class Layout:
    """A recognised layout. `roles` names the columns of each role, in the order in which they are read."""

    kind: Kind
    roles: Mapping[Role, tuple[str, ...]]
    confidence: float  # 0 to 1: a name that fits counts, and the share of the samples whose values fit
    why: str
    variant: str = ""
    chat: bool = False  # the values are lists of turns, not strings
    labels: tuple[str, ...] = ()  # the names of the classes, where a label is a number
    answer_as: AnswerAs = "label"
    first_index: int = 0  # of the options, where `answer_as` is index
    others: tuple[str, ...] = field(default=())  # columns without a role

    def column(self, role: Role) -> str | None:
        """The first column of a role."""
        columns = self.roles.get(role, ())
        return columns[0] if columns else None

    def columns(self, role: Role) -> tuple[str, ...]:
        """All columns of a role."""
        return self.roles.get(role, ())

    @property
    def names(self) -> frozenset[str]:
        """All columns, with a role or without."""
        return frozenset(name for columns in self.roles.values() for name in columns) | frozenset(self.others)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that a model is given. With turns in one column, question and answer stand in it together."""
        return tuple(name for role in _INPUTS for name in self.columns(role))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns that a model is to give."""
        return tuple(name for role in _OUTPUTS for name in self.columns(role))

    @property
    def targets(self) -> tuple[Target, ...]:
        """What rows of this layout can be converted to."""
        return _TARGETS_OF.get(self.kind, _WITHOUT_PAIRS)

    def __str__(self) -> str:
        name = f"{self.kind} ({self.variant})" if self.variant else str(self.kind)
        roles = ", ".join(f"{role}={'+'.join(columns)}" for role, columns in self.roles.items())
        return f"{name}: {roles}"


def roles_of(**columns: str | tuple[str, ...] | None) -> Mapping[Role, tuple[str, ...]]:
    """Roles by keyword, those without a column left out."""
    found: dict[Role, tuple[str, ...]] = {}
    for name, value in columns.items():
        names = (value,) if isinstance(value, str) else (value or ())
        if names:
            found[Role(name)] = tuple(names)
    return MappingProxyType(found)
