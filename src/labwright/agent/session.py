"""A session: one goal, over as many turns, processes and models as it takes.

The loop inside a turn is pydantic-ai's. Around it, this file sees to what has to survive a turn: what was said and done
is in the ledger as it happens, a run that ends with open questions is suspended and resumed, a history that no longer
fits the model is compacted once, and every end has a name and an exit code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from pydantic_ai import Agent
from pydantic_ai.conversation import Conversation, ConversationTypeAdapter
from pydantic_ai.exceptions import AgentRunError, RunCancelled, UsageLimitExceeded, UserError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults
from pydantic_ai.usage import UsageLimits
from pydantic_ai_harness.compaction import compact_now

from labwright.agent.approving import answers, put_again
from labwright.agent.deps import Deps
from labwright.agent.models import classify
from labwright.agent.steps import LedgerStepStore, decoded
from labwright.contracts.errors import BudgetError, LabwrightError
from labwright.contracts.sessions import (
    Approval,
    SessionAttached,
    SessionEnded,
    SessionSuspended,
    SessionView,
    ToolCall,
    UserSaid,
)

Kind = Literal["done", "failed", "budget", "waiting", "interrupted"]
EXIT_CODES: dict[Kind, int] = {"done": 0, "failed": 1, "budget": 3, "waiting": 4, "interrupted": 1}
OnEvent = Callable[[Any], None]
_UNKNOWN = (
    "UNKNOWN: the process died while this ran. Its effect may or may not have happened: look before you do it again."
)
_NOT_STARTED = "Not carried out: the process died before this was started. Call it again if it is still wanted."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended, and what to tell the person."""

    kind: Kind
    text: str
    approvals: tuple[Approval, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 done, 1 failed or interrupted, 3 a budget ended it, 4 it waits for an approval."""
        return EXIT_CODES[self.kind]


class _StillOpenError(Exception):
    """The session cannot go on before these are answered."""

    def __init__(self, approvals: tuple[Approval, ...]) -> None:
        super().__init__()
        self.approvals = approvals


class Session:
    """One session in the ledger, and the agent that works in it."""

    def __init__(
        self, deps: Deps, agent: Agent[Deps, Any], model: Model, store: LedgerStepStore, *, compaction: Any
    ) -> None:
        self._deps = deps
        self._agent = agent
        self.model = model
        self._store = store
        self._compaction = compaction

    # -- a turn --------------------------------------------------------------------------------------------------------

    async def turn(self, text: str | None, on_event: OnEvent, *, stream: bool, cancellation: Any = None) -> Outcome:
        """Take one message of the person, or go on where the session stopped."""
        self._record(SessionAttached(self._deps.session_id, os.getpid(), self.model.model_name))
        if text is not None:
            text = self._deps.redactor.redact(text)
            self._record(UserSaid(self._deps.session_id, text))
        try:
            outcome = await self._turn(text, on_event, stream=stream, cancellation=cancellation)
        except _StillOpenError as error:
            outcome = Outcome("waiting", _waits_for(error.approvals), error.approvals)
        except RunCancelled:
            outcome = Outcome("interrupted", "interrupted; what was done is kept")
        except BudgetError as error:
            outcome = Outcome("budget", error.one_line())
        except UsageLimitExceeded as error:
            outcome = Outcome("budget", f"the ceiling of steps or tokens is reached: {error}")
        except (AgentRunError, UserError, LabwrightError) as error:
            outcome = Outcome("failed", self._deps.redactor.redact(_said(error)))
        self._end(outcome)
        return outcome

    async def _turn(self, text: str | None, on_event: OnEvent, *, stream: bool, cancellation: Any) -> Outcome:
        history, results = self._resume(text)
        if text is None and results is None and not _is_unfinished(history):
            return Outcome("done", "nothing is left to do: say what to do next")
        self._store.continue_from(history)
        run = _Run(self._agent, self._deps, self.model, on_event, stream, cancellation, self._steps_left())
        try:
            result = await run(text, history, results)
        except Exception as error:
            if classify(error) != "overflow":
                raise
            shorter = await self._compacted(history)
            if shorter is None:
                cure = "use a model with a larger context window, or start a new session"
                what = "the conversation does not fit the model's context, and could not be made shorter"
                raise LabwrightError(what, cure=cure) from error
            result = await run(None, shorter, None)
        return self._settle(result)

    def _settle(self, result: AgentRunResult[Any]) -> Outcome:
        detached = self._head().get("detached", [])
        if not isinstance(result.output, DeferredToolRequests):
            self._save_head(None, detached)
            waiting = self._open(detached)
            if waiting:
                return Outcome("waiting", str(result.output), waiting)
            return Outcome("done", str(result.output))
        self._save_head(result.conversation, detached)
        waiting = self._view().open_approvals
        return Outcome("waiting", _waits_for(waiting), waiting)

    # -- where it stands -----------------------------------------------------------------------------------------------

    def _resume(self, text: str | None) -> tuple[list[ModelMessage], DeferredToolResults | None]:
        """The history to go on from, and the answers to what was open in it."""
        head = self._head()
        detached = list(head.get("detached", []))
        by_id = {a.id: a for a in self._view().approvals}
        if head.get("conversation"):
            conversation = ConversationTypeAdapter.validate_python(head["conversation"])
            requests = conversation.deferred_tool_requests
            if requests is not None:
                mine = {c.tool_call_id: _newest(by_id.values(), c.tool_call_id) for c in requests.approvals}
                unanswered = [a.id for a in mine.values() if a.state == "open"]
                if unanswered and text is None:
                    raise _StillOpenError(tuple(a for a in mine.values() if a.state == "open"))
                self._save_head(None, [*detached, *unanswered])
                return list(conversation.messages), answers(requests, mine)
        history = self._repaired(decoded(self._deps.ledger.messages(self._deps.session_id)))
        answered = [by_id[i] for i in detached if by_id[i].state != "open"]
        if answered and text is None:
            self._save_head(None, [i for i in detached if by_id[i].state == "open"])
            return put_again(history, answered)
        return history, None

    def _repaired(self, history: list[ModelMessage]) -> list[ModelMessage]:
        """Calls that a killed process left open, closed with what the ledger knows of each."""
        last = history[-1] if history else None
        if not isinstance(last, ModelResponse):
            return history
        calls = [part for part in last.parts if isinstance(part, ToolCallPart)]
        if not calls:
            return history
        known = {c.call_id: c for c in self._deps.ledger.tool_calls(self._deps.session_id)}
        returns = [
            ToolReturnPart(call.tool_name, _fate(known.get(call.tool_call_id)), tool_call_id=call.tool_call_id)
            for call in calls
        ]
        return [*history, ModelRequest(list(returns))]

    async def _compacted(self, history: Sequence[ModelMessage]) -> list[ModelMessage] | None:
        """A shorter history, or None where nothing could be left out: an overflow is handled once, and no loop."""
        newest = decoded(self._deps.ledger.messages(self._deps.session_id)) or list(history)
        shorter = await compact_now(self._compaction, newest, model=self.model)
        if _size(shorter) >= 0.9 * _size(newest):
            return None
        self._store.continue_from(newest)
        return shorter

    def _steps_left(self) -> int | None:
        account = self._view().account
        most = account.budget.steps
        return None if most is None else max(most - account.usage.steps, 0)

    # -- bookkeeping ---------------------------------------------------------------------------------------------------

    def _end(self, outcome: Outcome) -> None:
        session_id = self._deps.session_id
        if outcome.kind == "waiting":
            self._record(SessionSuspended(session_id, outcome.text))
        else:
            self._record(SessionEnded(session_id, outcome.kind, outcome.text))

    def _open(self, ids: Sequence[str]) -> tuple[Approval, ...]:
        return tuple(a for a in self._view().open_approvals if a.id in ids)

    def _view(self) -> SessionView:
        return self._deps.ledger.session_view(self._deps.session_id)

    def _record(self, event: Any) -> None:
        self._deps.ledger.record(None, event)

    def _head(self) -> dict[str, Any]:
        blob = self._deps.ledger.head(self._deps.session_id)
        return json.loads(blob) if blob else {}

    def _save_head(self, conversation: Conversation | None, detached: Sequence[str]) -> None:
        kept = None if conversation is None else ConversationTypeAdapter.dump_python(conversation, mode="json")
        blob = json.dumps({"conversation": kept, "detached": list(detached)})
        self._deps.ledger.save_head(self._deps.session_id, blob.encode())


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the agent, streaming or not, with its events handed on."""

    agent: Agent[Deps, Any]
    deps: Deps
    model: Model
    on_event: OnEvent
    stream: bool
    cancellation: Any
    steps_left: int | None

    async def __call__(
        self, text: str | None, history: Sequence[ModelMessage], results: DeferredToolResults | None
    ) -> AgentRunResult[Any]:
        async with self.agent.iter(
            text,
            message_history=list(history) or None,
            deferred_tool_results=results,
            conversation_id=self.deps.session_id,
            run_id=uuid4().hex,
            model=self.model,
            deps=self.deps,
            usage_limits=UsageLimits(request_limit=self.steps_left),
            cancellation_token=self.cancellation,
        ) as run:
            async for node in run:
                if Agent.is_call_tools_node(node) or (self.stream and Agent.is_model_request_node(node)):
                    async with node.stream(run.ctx) as events:
                        async for event in events:
                            self.on_event(event)
        assert run.result is not None
        return run.result


def _is_unfinished(history: Sequence[ModelMessage]) -> bool:
    """Whether the model has still to answer."""
    return bool(history) and isinstance(history[-1], ModelRequest)


def _fate(call: ToolCall | None) -> str:
    if call is None:
        return _NOT_STARTED
    if call.outcome is None or call.outcome == "unknown":
        return _UNKNOWN
    return call.result or f"({call.outcome})"


def _newest(approvals: Iterable[Approval], call_id: str) -> Approval:
    return next(a for a in reversed(list(approvals)) if a.call_id == call_id)


def _size(messages: Sequence[ModelMessage]) -> int:
    return sum(len(str(message.parts)) for message in messages)


def _said(error: Exception) -> str:
    if isinstance(error, LabwrightError):
        return error.one_line()
    inner = getattr(error, "exceptions", None)  # of a fallback model that has failed throughout
    return "; ".join(_said(e) for e in inner) if inner else f"{type(error).__name__}: {error}"


def _waits_for(approvals: Sequence[Approval]) -> str:
    named = "; ".join(f"{a.id}: {a.what}" for a in approvals)
    return f"waits for an approval ({named}): labwright approvals approve ID, then labwright sessions resume"
