"""A question to the person, for what nobody else can decide.

Where somebody sits at the terminal, they are asked there. Where nobody does, the question waits as an approval: the
session suspends, and the answer comes as the edited argument `answer` of the approved call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from pydantic import JsonValue
from pydantic_ai import RunContext
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.toolsets import FunctionToolset

from labwright.tools.answers import clipped
from labwright.tools.declare import declare
from labwright.tools.desk import Desk
from labwright.tools.family import Family

AskQuestion = Callable[[str, Sequence[str]], Awaitable[str]]

DESCRIPTION = "ask the person a question that only they can decide"
INSTRUCTIONS = "Ask rarely: when goal, data or budget is missing, or a method, model or data would have to be swapped."

_ANSWERED: Final[dict[str, JsonValue]] = {
    "type": "object",
    "properties": {
        "question": {"type": "string"},
        "options": {"type": "array", "items": {"type": "string"}},
        "answer": {"type": "string", "minLength": 1},
    },
    "required": ["question", "answer"],
    "additionalProperties": False,
}
"""What an approval of a question takes, once it is answered."""


class Asks(Protocol):
    """What this tool needs of a session's deps: who to ask, if anybody is there."""

    ask_question: AskQuestion | None


def family(_desk: Desk) -> Family:
    """The one tool of questions."""
    return Family(
        "ask", DESCRIPTION, INSTRUCTIONS, FunctionToolset[Any]([declare(ask_user, effects=("read",))], id="ask")
    )


async def ask_user(ctx: RunContext[Any], question: str, options: list[str] | None = None, answer: str = "") -> str:
    """Ask the person.

    Args:
        ctx: the session
        question: one sentence
        options: answers to choose from
        answer: leave empty
    """
    if ctx.tool_call_approved:
        if not answer.strip():
            raise ToolFailed("The person gave no answer. Decide yourself, and say what you assumed.")
        return answer
    deps: Asks = ctx.deps
    if deps.ask_question is not None:
        return await deps.ask_question(question, tuple(options or ()))
    choices = "".join(f"\n- {option}" for option in options or ())
    raise ApprovalRequired(
        metadata={
            "effects": ["read"],
            "args": {"question": question, "options": list(options or ()), "answer": ""},
            "cost": {},
            "why": clipped(question),
            "preview": f"{question}{choices}\n(to answer: labwright approvals approve ID --set answer=…)",
            "schema": _ANSWERED,
        }
    )
