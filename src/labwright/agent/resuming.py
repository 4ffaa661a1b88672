"""Where a session goes on: its message log, in which every open call is closed by what the ledger knows of it.

A process may die at any point, so nothing but the log and the ledger counts. A call that ended gets its result, one
that was cut off is shown as unknown, one that a person was asked about gets the answer, and one that nobody started is
said to be not carried out. No call that may have had an effect is made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.tools import DeferredToolResults

from labwright.agent.approving import answers, put_again
from labwright.agent.capabilities.toollog import LONGEST_RESULT
from labwright.contracts.sessions import Approval, SessionView, ToolCall

UNKNOWN = (
    "UNKNOWN: the work was cut off while this ran. Its effect may or may not have happened: look before you "
    "do it again."
)
NOT_STARTED = "Not carried out: the work was cut off before this was started. Call it again if it is still wanted."


@dataclass(frozen=True, slots=True)
class Standing:
    """A history to go on from.

    `results` answer calls that are open at its end. `waits` are questions without whose answers nothing goes on.
    `detached` are the questions whose calls were closed with a note: they are put again once a person has answered.
    """

    history: list[ModelMessage]
    results: DeferredToolResults | None = None
    waits: tuple[Approval, ...] = ()
    detached: tuple[str, ...] = ()


def take_up(
    log: Sequence[ModelMessage],
    calls: Sequence[ToolCall],
    approvals: Sequence[Approval],
    detached: Sequence[str],
    *,
    new_message: bool,
) -> Standing:
    """Go on from the log. A new message does not wait for open questions: their calls get a note, and are detached."""
    history = list(log) if new_message else without_cut(log)
    closed: list[ToolReturnPart] = []
    answered: dict[str, Approval] = {}
    waits: list[Approval] = []
    unanswered = open_calls(history)
    for call in unanswered:
        record = next((c for c in reversed(calls) if c.call_id == call.tool_call_id), None)
        asked = next((a for a in reversed(approvals) if call.tool_call_id in (a.call_id, a.id)), None)
        if record is not None and record.outcome != "denied":
            closed.append(ToolReturnPart(call.tool_name, fate(record), tool_call_id=call.tool_call_id))
        elif asked is None:
            closed.append(ToolReturnPart(call.tool_name, NOT_STARTED, tool_call_id=call.tool_call_id))
        else:
            answered[call.tool_call_id] = asked
            waits += [asked] if asked.state == "open" else []
    attached = {a.id for a in approvals if any(a.call_id == c.tool_call_id for c in unanswered)}
    still = [i for i in detached if i not in attached]
    if waits and not new_message:
        return Standing(history, waits=tuple(waits), detached=tuple(still))
    history = _with_returns(history, closed)
    if answered:
        return Standing(history, answers(answered), detached=(*still, *(a.id for a in waits)))
    put = _made(history)
    ready = [a for a in approvals if a.id in still and a.state != "open" and a.id not in put]
    left = tuple(i for i in still if i not in put and i not in {a.id for a in ready})
    if not ready:
        return Standing(history, detached=left)
    history, results = put_again(history, ready)
    return Standing(history, results, detached=left)


def without_cut(history: Sequence[ModelMessage]) -> list[ModelMessage]:
    """The history without an answer that broke off at its end: none of its calls was made, and it is asked for anew."""
    last = history[-1] if history else None
    cut = isinstance(last, ModelResponse) and last.state == "interrupted"
    return list(history[:-1]) if cut else list(history)


def open_calls(history: Sequence[ModelMessage]) -> list[ToolCallPart]:
    """The calls of the last answer that nothing was returned for."""
    returned: set[str] = set()
    for message in reversed(history):
        if isinstance(message, ModelResponse):
            return [p for p in message.parts if isinstance(p, ToolCallPart) and p.tool_call_id not in returned]
        returned |= {p.tool_call_id for p in message.parts if isinstance(p, ToolReturnPart | RetryPromptPart)}
    return []


def unsent(view: SessionView, everything: Sequence[ModelMessage]) -> list[str]:
    """What the person said and no request has held yet: the process died, or was refused, in between."""
    sent = Counter(
        content
        for content, _ in dict.fromkeys(
            (part.content, part.timestamp)
            for message in everything
            if isinstance(message, ModelRequest)
            for part in message.parts
            if isinstance(part, UserPromptPart) and isinstance(part.content, str)
        )
    )
    whole = "\n".join(sent)  # several unsent messages go out as one
    missing = []
    for text, times in Counter(view.said or (view.goal,)).items():
        if text and sent[text] < times and not (sent[text] == 0 and text in whole):
            missing.append(text)
    return missing


def fate(call: ToolCall) -> str:
    """What the model is told of a call that was started."""
    if call.outcome is None or call.outcome == "unknown":
        return UNKNOWN
    cut = " [cut: the rest was lost with the process]" if len(call.result) >= LONGEST_RESULT else ""
    return f"{call.result}{cut}" if call.result else f"({call.outcome})"


def _with_returns(history: list[ModelMessage], returns: Sequence[ToolReturnPart]) -> list[ModelMessage]:
    """The history with these results beside those that the last answer's other calls have."""
    last = history[-1] if history else None
    if isinstance(last, ModelRequest) and (returns or last.state == "interrupted"):
        return [*history[:-1], replace(last, parts=[*returns, *last.parts], state="complete")]
    return [*history, ModelRequest(list(returns))] if returns else history


def _made(history: Sequence[ModelMessage]) -> set[str]:
    return {p.tool_call_id for m in history for p in m.parts if isinstance(p, ToolCallPart)}
