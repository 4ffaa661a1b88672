"""A session: one goal, over as many turns, processes and models as it takes.

The loop inside a turn is pydantic-ai's. Around it, this file sees to what has to survive a turn: what was said and done
is in the ledger as it happens, a run that ends with open questions is suspended and resumed, a history that no longer
fits the model is compacted once, and every end has a name and an exit code.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup, ModelAPIError, RunCancelled, UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.run import AgentRunResult
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import DeferredToolRequests
from pydantic_ai_harness.compaction import compact_now

from labwright.agent.attaching import attach, leave
from labwright.agent.deadline import Deadline
from labwright.agent.deps import Deps
from labwright.agent.models import classify, explain, leaves
from labwright.agent.models.errors import broke_off
from labwright.agent.resuming import Standing, open_calls, take_up, unsent, without_cut
from labwright.agent.running import OnEvent, TurnRun
from labwright.agent.steps import LedgerStepStore, decoded
from labwright.contracts.errors import BudgetError, LabwrightError, StorageError, UsageError
from labwright.contracts.sessions import (
    Approval,
    SessionEnded,
    SessionSuspended,
    SessionView,
    ToolEnded,
    UserSaid,
)
from labwright.guard.checkins import CheckInDueError
from labwright.study.lock import held

Kind = Literal["done", "failed", "budget", "waiting", "interrupted"]
EXIT_CODES: dict[Kind, int] = {"done": 0, "failed": 1, "budget": 3, "waiting": 4, "interrupted": 1}
_MOST_CUTS = 2  # answers that broke off and are asked for again, in one turn
_INTERRUPTED = "interrupted; what was done is kept"
_TIME_IS_OVER = "the session's time is over (--budget-hours): what was running was ended, what was done is kept"


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


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting did: messages and tokens (estimated) before and after."""

    messages: tuple[int, int]
    tokens: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Undone:
    """The turn that was taken back: the person's words, the messages that went, the tools that had run in it."""

    text: str
    messages: int
    tools: tuple[str, ...]


class _StillOpenError(Exception):
    """The session cannot go on before these are answered."""

    def __init__(self, approvals: tuple[Approval, ...]) -> None:
        super().__init__()
        self.approvals = approvals


class Session:
    """One session in the ledger, and the agent that works in it."""

    def __init__(
        self,
        deps: Deps,
        agent: Agent[Deps, Any],
        model: Model,
        store: LedgerStepStore,
        *,
        compaction: Any,
        model_id: str,
        folder: Path,
    ) -> None:
        self._deps = deps
        self._agent = agent
        self.model = model
        self.model_id = model_id  # what a person types; the model's own name would not find it again
        self.settings = ModelSettings()  # of every call from now on, such as thinking effort
        self._store = store
        self._compaction = compaction
        self._folder = folder

    # -- a turn --------------------------------------------------------------------------------------------------------

    async def turn(self, text: str | None, on_event: OnEvent, *, stream: bool, cancellation: Any = None) -> Outcome:
        """Take one message of the person, or go on where the session stopped.

        Raises:
            UsageError: another process is at work in this session.
        """
        with held(self._folder, "the session", "wait for it to end, or interrupt it there"):
            return await self._held_turn(text, on_event, stream=stream, cancellation=cancellation)

    async def _held_turn(self, text: str | None, on_event: OnEvent, *, stream: bool, cancellation: Any) -> Outcome:
        self._attach()
        self._settle_accounts()
        if text is not None:
            text = self._deps.redactor.redact(text)
            self._record(UserSaid(self._deps.session_id, text))
        deadline = Deadline(self._deps.spending, cancellation)
        try:
            async with deadline:
                outcome = await self._checked_turn(text, on_event, stream=stream, cancellation=deadline.cancellation)
        except _StillOpenError as error:
            outcome = Outcome("waiting", _waits_for(error.approvals), error.approvals)
        except RunCancelled:
            outcome = Outcome("budget", _TIME_IS_OVER) if deadline.is_over else Outcome("interrupted", _INTERRUPTED)
        except asyncio.CancelledError:  # whoever waits for this turn leaves
            self._end(Outcome("interrupted", _INTERRUPTED))
            raise
        except BudgetError as error:
            outcome = Outcome("budget", error.one_line())
        except (ModelAPIError, FallbackExceptionGroup) as error:
            said = explain(error, self.model_id)
            outcome = Outcome("failed", self._deps.redactor.redact(said.one_line()))
        except (AgentRunError, UserError, LabwrightError) as error:
            outcome = Outcome("failed", self._deps.redactor.redact(_said(error)))
        except OSError as error:  # of the disk: a plan, a long result
            meant = StorageError.of(error)
            self._end(Outcome("failed", self._deps.redactor.redact(_said(meant or error))))
            raise meant or error from error
        self._end(outcome)
        return outcome

    async def _checked_turn(self, text: str | None, on_event: OnEvent, *, stream: bool, cancellation: Any) -> Outcome:
        """A turn that pauses for a person's word where spending has reached the next check-in."""
        while True:
            try:
                return await self._turn(text, on_event, stream=stream, cancellation=cancellation)
            except CheckInDueError as due:
                asked = self._deps.checkins.ask(due, anew=text is not None)
                if asked is None:
                    raise
                ask_person = self._deps.ask_person
                if asked.state == "open" and ask_person is not None and await ask_person([asked]):
                    asked = self._deps.approvals.get(asked.id)
                if asked.state == "open":
                    return Outcome("waiting", _waits_for([asked]), (asked,))
                if asked.state != "approved":
                    why = f": {asked.why}" if asked.why else ""
                    return Outcome("budget", f"{due.spent_in_words} are spent, and a person said no to more{why}")
                text = None

    async def _turn(self, text: str | None, on_event: OnEvent, *, stream: bool, cancellation: Any) -> Outcome:
        run = TurnRun(self._agent, self._deps, self.model, self.settings, on_event, stream, cancellation)
        said: str | None = "\n\n".join(unsent(self._view(), self._history(everything=True))) or text
        while True:
            log = self._history()
            standing = take_up(
                log,
                self._deps.ledger.tool_calls(self._deps.session_id),
                self._view().approvals,
                self._detached(),
                new_message=said is not None,
            )
            if standing.waits:
                raise _StillOpenError(standing.waits)
            if said is None and standing.results is None and not _is_unfinished(standing.history):
                if open_still := self._open(standing.detached):
                    raise _StillOpenError(open_still)
                return Outcome("done", "nothing is left to do: say what to do next")
            self._store.continue_from(log)
            self._store.write(standing.history)
            self._save_detached(standing.detached)
            result = await self._run(run, said, standing)
            outcome = self._settle(result)
            said = None
            view = self._view()
            if outcome.kind != "done" or not any(
                a.id in standing.detached and a.state != "open" for a in view.approvals
            ):
                return outcome

    async def _run(self, run: TurnRun, said: str | None, standing: Standing) -> AgentRunResult[Any]:
        """Once more after an overflow, with a shorter history; and where an answer broke off in the middle."""
        history, results = standing.history, standing.results
        compacted, cuts = False, 0
        while True:
            try:
                return await run(said, history, results)
            except Exception as error:
                trouble = classify(error)
                if trouble == "overflow":
                    shorter = None if compacted else await self._compacted()
                    if shorter is None:
                        cure = "use a model with a larger context window, or start a new session"
                        what = "the conversation does not fit the model's context, and could not be made shorter"
                        raise LabwrightError(f"{what} ({_said(error)})", cure=cure) from error
                    compacted, history = True, shorter
                elif trouble == "transient" and broke_off(error) and cuts < _MOST_CUTS:
                    cuts += 1
                    log = self._history()
                    self._store.continue_from(log)
                    history = without_cut(log)
                else:
                    raise
                said = results = None

    def _settle(self, result: AgentRunResult[Any]) -> Outcome:
        if isinstance(result.output, DeferredToolRequests):
            self._store.write(result.all_messages())  # with what the other calls of the same answer gave
            waiting = self._view().open_approvals
            return Outcome("waiting", _waits_for(waiting), waiting)
        text, waiting = self._deps.redactor.redact(str(result.output)), self._open(self._detached())
        if waiting:
            return Outcome("waiting", f"{text}\n\n{_waits_for(waiting)}".strip(), waiting)
        return Outcome("failed" if result.response.finish_reason == "error" else "done", text)

    # -- between turns -------------------------------------------------------------------------------------------------

    @property
    def takes_effort(self) -> bool:
        """Whether thinking effort means anything to every model that may answer."""
        return all(leaf.profile.get("supports_thinking", False) for leaf in leaves(self.model))

    @contextmanager
    def paused(self, reason: str) -> Iterator[None]:
        """While a person thinks about a question in the middle of a turn: that time is not the session's."""
        self._record(SessionSuspended(self._deps.session_id, reason))
        try:
            yield
        finally:
            self._attach()

    async def compact(self) -> Compacted:
        """Shorten the history as far as it goes.

        Raises:
            UsageError: a turn waits for an approval, and its history is needed as it is.
        """
        before = self._history()
        if open_calls(before):
            waiting = ", ".join(a.id for a in self._view().open_approvals) or "an approval"
            raise UsageError("the turn is not over", cure=f"answer {waiting} first, or say something else")
        shorter = await compact_now(replace(self._compaction, target_tokens=1), before, model=self.model)
        after = shorter if _size(shorter) < _size(before) else before
        self._store.continue_from(before)
        self._store.write(after)
        return Compacted((len(before), len(after)), (_size(before) // 4, _size(after) // 4))

    def undo(self) -> Undone | None:
        """Take the last turn out of the history: the person's message and all after it. None: there is none.

        What its tools did stays done; questions that it left open are closed.
        """
        history, view = self._history(), self._view()
        place = next((i for i in reversed(range(len(history))) if _said_in(history[i], view.said)), None)
        if place is None:
            return None
        removed = history[place:]
        calls = [p for m in removed if isinstance(m, ModelResponse) for p in m.parts if isinstance(p, ToolCallPart)]
        gone = {c.tool_call_id for c in calls}
        for approval in view.open_approvals:
            if approval.call_id in gone:
                self._deps.approvals.answer(approval.id, "denied", by="undo", why="its turn was taken back")
        open_now = {a.id for a in self._view().open_approvals}
        self._save_detached([i for i in self._detached() if i in open_now])
        earlier = [p for p in removed[0].parts if isinstance(p, ToolReturnPart)]  # of calls in the turn before
        self._store.continue_from(history)
        self._store.write([*history[:place], *([ModelRequest(earlier)] if earlier else [])])
        started = {c.call_id for c in self._deps.ledger.tool_calls(self._deps.session_id)}
        return Undone(
            _said_in(removed[0], view.said) or "",
            len(removed),
            tuple(c.tool_name for c in calls if c.tool_call_id in started),
        )

    # -- where it stands -----------------------------------------------------------------------------------------------

    def _settle_accounts(self) -> None:
        """What a process that died has left open: reservations, calls without an end, questions nobody answered."""
        self._deps.spending.settle()
        self._deps.approvals.expire()
        for call in self._deps.ledger.tool_calls(self._deps.session_id, open_only=True):
            why = "the process that made this call is gone"
            self._record(ToolEnded(self._deps.session_id, call.run_id, call.call_id, "unknown", why))

    async def _compacted(self) -> list[ModelMessage] | None:
        """A shorter history, or None where nothing could be left out: an overflow is handled once, and no loop."""
        newest = self._history()
        half = max(_size(newest) // 8, 1)  # in tokens: the server knows better than any estimate that it was too long
        shorter = await compact_now(
            replace(self._compaction, target_tokens=half), without_cut(newest), model=self.model
        )
        if _size(shorter) >= 0.9 * _size(newest):
            return None
        self._store.continue_from(newest)
        return shorter

    # -- bookkeeping ---------------------------------------------------------------------------------------------------

    def _attach(self) -> None:
        attach(self._deps.ledger, self._deps.session_id, self.model_id)

    def _end(self, outcome: Outcome) -> None:
        session_id = self._deps.session_id
        if outcome.kind == "waiting":
            leave(self._deps.ledger, SessionSuspended(session_id, outcome.text))
        else:
            leave(self._deps.ledger, SessionEnded(session_id, outcome.kind, outcome.text))

    def _open(self, ids: Sequence[str]) -> tuple[Approval, ...]:
        return tuple(a for a in self._view().open_approvals if a.id in ids)

    def _history(self, *, everything: bool = False) -> list[ModelMessage]:
        return decoded(self._deps.ledger.messages(self._deps.session_id, replaced=everything))

    def _view(self) -> SessionView:
        return self._deps.ledger.session_view(self._deps.session_id)

    def _record(self, event: Any) -> None:
        self._deps.ledger.record(None, event)

    def _detached(self) -> tuple[str, ...]:
        blob = self._deps.ledger.head(self._deps.session_id)
        return tuple(json.loads(blob).get("detached", ())) if blob else ()

    def _save_detached(self, ids: Sequence[str]) -> None:
        if tuple(ids) != self._detached():
            self._deps.ledger.save_head(self._deps.session_id, json.dumps({"detached": list(ids)}).encode())


def _is_unfinished(history: Sequence[ModelMessage]) -> bool:
    """Whether the model has still to answer."""
    return bool(history) and isinstance(history[-1], ModelRequest)


def _said_in(message: ModelMessage, said: Sequence[str]) -> str | None:
    """The person's words in a message; what the harness put there in the person's place is none."""
    parts = message.parts if isinstance(message, ModelRequest) else ()
    words = (p.content for p in parts if isinstance(p, UserPromptPart) and isinstance(p.content, str))
    return next((c for c in words if any(c == text or c.endswith(f"\n\n{text}") for text in said)), None)


def _size(messages: Sequence[ModelMessage]) -> int:
    return sum(len(str(message.parts)) for message in messages)


def _said(error: Exception) -> str:
    return error.one_line() if isinstance(error, LabwrightError) else f"{type(error).__name__}: {error}"


def _waits_for(approvals: Sequence[Approval]) -> str:
    named = "; ".join(f"{a.id}: {a.what}" for a in approvals)
    return f"waits for an approval ({named}): labwright approvals approve ID, then labwright sessions resume"
