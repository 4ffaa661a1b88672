"""The slash commands: each a name, its arguments, one line of help, and a function of the chat."""

from __future__ import annotations

import asyncio
import getpass
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, get_args

from pydantic_ai.settings import ThinkingEffort
from rich.console import Console
from rich.table import Table
from rich.text import Text

from labwright.agent.models import ModelAccess, Offer, available
from labwright.assemble import Lab
from labwright.cli.actions.intern import attachments, mode_of, said_of
from labwright.cli.chat import studies, words
from labwright.cli.chat.seat import Seat
from labwright.cli.screen import screen
from labwright.cli.standing import state_word
from labwright.cli.transcript import one_line
from labwright.cli.visible import visible
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.research import Run, RunState
from labwright.contracts.sessions import Approval, ApproveMode, SessionBudget, SessionView
from labwright.contracts.views import StudyView
from labwright.data.intake import take_in
from labwright.guard.approvals import Approvals
from labwright.study.report import numbers

MODES = get_args(ApproveMode)
EFFORTS = get_args(ThinkingEffort)
_MOST_RUNS = 20
_MOST_SESSIONS = 10
_NONE = ("none", "-")


class Chat(Protocol):
    """What commands need of a chat."""

    lab: Lab
    seat: Seat
    console: Console

    def tell(self, text: str, style: str = "") -> None:
        """A line for the person."""

    def leave(self) -> None:
        """End the chat after this command."""

    def draft(self, text: str, *, to_edit: bool = False) -> None:
        """Put this before the next message.

        Where `to_edit`, it is the person's to change: it goes on the prompt, and nowhere where there is none.
        """

    async def go_on(self) -> None:
        """Let the session go on with the answers to what was open."""

    async def put(self, approval: Approval) -> bool:
        """Ask the person about an approval now; False where it stays open."""

    def arrived(self, view: SessionView) -> None:
        """Say which session this is now."""


@dataclass(frozen=True, slots=True)
class Command:
    """One of them."""

    arguments: str
    help: str
    do: Callable[[Chat, str], Awaitable[None]]


async def run(chat: Chat, text: str) -> None:
    """Do what a line that begins with a slash says; errors are told with their cure, and end nothing."""
    name, _, rest = text.strip().partition(" ")
    command = COMMANDS.get(name)
    try:
        if command is None:
            raise UsageError(f"there is no {name}", cure="/help lists the commands; to say this, begin with a space")
        if rest.strip() and not command.arguments:
            raise UsageError(f"{name} takes nothing after it", cure=f"write {name} alone; nothing was done")
        await command.do(chat, rest.strip())
    except LabwrightError as error:
        tell_error(chat, error)


def tell_error(chat: Chat, error: LabwrightError) -> None:
    """What was wrong, and the cure."""
    where = f"{error.where}: " if error.where else ""
    chat.tell(visible(f"{where}{error.what}"), "red")
    if error.cure:
        chat.tell(visible(f"  {error.cure}"), "dim")


# -- the commands ------------------------------------------------------------------------------------------------------


async def _help(chat: Chat, _rest: str) -> None:
    table = _table()
    for name, command in COMMANDS.items():
        table.add_row(Text.assemble((name, "bold"), f" {command.arguments}"), Text(command.help, "dim"))
    chat.console.print(table)
    chat.tell("Enter sends, alt-enter begins a new line, ctrl-c interrupts, ctrl-d leaves", "dim")


async def _model(chat: Chat, rest: str) -> None:
    if rest:
        await chat.seat.use(rest)
        kept = "; the conversation goes on" if chat.seat.session_id else ""
        chat.tell(f"model {chat.seat.model}{kept}")
        return
    offers = await asyncio.to_thread(offers_of, chat.lab)
    table = _table()
    for offer in offers:
        current = offer.id is not None and offer.id == chat.seat.model
        mark = Text("▸ " if current else "  ", "cyan")
        style = "bold" if current else "" if offer.state == "ready" else "dim"
        why = offer.why if offer.state == "ready" else f"{offer.state}: {offer.why}"
        table.add_row(mark.append(offer.id or offer.provider, style), Text(visible(why), "dim"))
    chat.console.print(table)
    chat.tell(f"now: {chat.seat.model or 'none'}; /model ID changes it", "dim")


async def _effort(chat: Chat, rest: str) -> None:
    session = chat.seat.session
    levels = f"{', '.join(EFFORTS)}, off or default"
    if session is None:
        raise UsageError("there is no session yet", cure="say something first")
    if not session.takes_effort:
        raise UsageError(f"{session.model_id} has no thinking effort to set", cure="/model chooses another model")
    if not rest:
        now = session.settings.get("thinking")
        chat.tell(f"effort: {'default' if now is None else 'off' if now is False else now}; one of {levels}")
    elif rest == "default":
        session.settings.pop("thinking", None)
        chat.tell("effort: the model's default")
    elif rest == "off" or rest in EFFORTS:
        session.settings["thinking"] = False if rest == "off" else rest  # type: ignore[typeddict-item]
        chat.tell(f"effort: {rest}, from the next call on")
    else:
        raise UsageError(f"there is no effort {rest!r}", cure=f"one of {levels}")


async def _budget(chat: Chat, rest: str) -> None:
    if rest:
        kind, _, amount = rest.partition(" ")
        chat.seat.allow(**_ceiling(kind.lower(), amount.strip()))
    view, keeper = chat.seat.view, chat.seat.keeper
    chat.tell(f"ceilings: {_ceilings(chat.seat.budget)}")
    if view is not None and keeper is not None:
        spent = f"{words.count(view.usage.tokens)} tokens, {words.dollars(view)}, {numbers.clock(view.wall_clock_s)}"
        chat.tell(f"spent:    {spent}")
        chat.tell(f"left:     {keeper.left().in_words}")
    if not rest:
        chat.tell("/budget usd 10, hours 2, tokens 500000, steps 100, or none instead of a number", "dim")


def _ceiling(kind: str, amount: str) -> dict[str, Any]:
    """The ceiling that `usd 10` or `hours none` sets."""
    units: Mapping[str, tuple[str, float]] = {
        "usd": ("usd", 1.0), "hours": ("wall_clock_s", 3600.0), "tokens": ("tokens", 1.0), "steps": ("steps", 1.0),
    }  # fmt: skip
    cure = "write /budget usd 10, hours 2, tokens 500000 or steps 100"
    if kind not in units:
        raise UsageError(f"there is no ceiling on {kind!r}", cure=cure)
    name, unit = units[kind]
    if amount in _NONE:
        return {name: None}
    try:
        number = float(amount.removeprefix("$")) * unit
    except ValueError:
        number = -1.0
    is_count = name in ("tokens", "steps")
    if not 0 <= number < float("inf") or (is_count and not number.is_integer()):
        said = f"{amount!r} is no ceiling" if amount else "the ceiling's number is missing"
        raise UsageError(said, where=kind, cure=cure)
    return {name: int(number) if is_count else number}


def _ceilings(budget: SessionBudget) -> str:
    parts = []
    if budget.usd is not None:
        parts.append(f"${budget.usd:.2f}")
    if budget.wall_clock_s is not None:
        parts.append(f"{budget.wall_clock_s / 3600:g} h")
    if budget.tokens is not None:
        parts.append(f"{budget.tokens:,} tokens")
    if budget.steps is not None:
        parts.append(f"{budget.steps} steps")
    return ", ".join(parts) or "none"


async def _approve(chat: Chat, rest: str) -> None:
    approvals = Approvals(chat.lab.ledger)
    approvals.expire()
    first, _, more = rest.partition(" ")
    if first in MODES:
        if more.strip():
            raise UsageError(f"/approve {first} takes nothing after it", cure="/approve ID yes answers one question")
        await chat.seat.ask_when(mode_of(first))
        chat.tell(f"asks: {first}")
        return
    if not first:
        _list_approvals(chat, approvals.open())
        return
    verb, _, tail = more.strip().partition(" ")
    asked = approvals.get(first.upper() if first[:1] == "a" else first)
    by = getpass.getuser()
    if asked.state != "open":
        raise UsageError(f"{asked.id} is {asked.state}", cure="/approve lists what is open")
    if verb in ("deny", "no", "n"):
        asked = approvals.answer(asked.id, "denied", by=by, why=tail.strip())
    elif verb in ("yes", "y"):
        if tail.strip():  # a condition that nobody would hold
            cure = f"/approve {asked.id} yes, {{…}} (changed arguments), or deny WHY"
            raise UsageError("yes takes nothing after it; nothing was answered", cure=cure)
        asked = approvals.answer(asked.id, "approved", by=by)
    elif more.strip().startswith("{"):
        asked = approvals.answer(asked.id, "approved", by=by, args=more.strip())
    elif verb:
        raise UsageError(f"{verb!r} is no answer", cure=f"/approve {asked.id}, then yes, deny WHY or {{…}} (arguments)")
    elif not await chat.put(asked):
        return
    asked = approvals.get(asked.id)
    if verb:
        chat.tell(f"{asked.id} {asked.state}")
    if asked.session_id == chat.seat.session_id:
        await chat.go_on()
    else:
        chat.tell(f"it belongs to another session: /resume {asked.session_id} goes on with it", "dim")


def _list_approvals(chat: Chat, found: Sequence[Approval]) -> None:
    if not found:
        chat.tell("nothing waits for an answer")
        return
    table = _table()
    for a in found:
        elsewhere = "" if a.session_id == chat.seat.session_id else f"  (session {a.session_id})"
        table.add_row(Text(a.id, "bold yellow"), Text(visible(one_line(a.what))), Text(elsewhere, "dim"))
    chat.console.print(table)
    chat.tell(
        "/approve ID shows it and asks; /approve ID deny WHY; /approve ask|auto|never changes when it asks", "dim"
    )


async def _compact(chat: Chat, _rest: str) -> None:
    if chat.seat.session is None:
        raise UsageError("there is nothing to compact yet", cure="say something first")
    done = await chat.seat.session.compact()
    (messages, fewer), (tokens, less) = done.messages, done.tokens
    if less >= tokens:
        chat.tell(f"nothing to leave out: {messages} messages, about {words.count(tokens)} tokens")
    else:
        chat.tell(f"compacted from about {words.count(tokens)} to {words.count(less)} tokens, "
                  f"{messages} to {fewer} messages")  # fmt: skip


async def _undo(chat: Chat, _rest: str) -> None:
    undone = chat.seat.session.undo() if chat.seat.session is not None else None
    if undone is None:
        raise UsageError("there is no turn to take back", cure="it is gone from the history, or was never there")
    chat.tell(f"took back: {one_line(undone.text, 70)} ({numbers.count_of(undone.messages, 'message')})")
    if undone.tools:
        named = ", ".join(dict.fromkeys(undone.tools))
        chat.tell(f"what its tools did is not undone: {named}", "yellow")
    chat.draft(undone.text, to_edit=True)


async def _new(chat: Chat, _rest: str) -> None:
    left = chat.seat.session_id
    await chat.seat.leave()
    kept = f"; {left} is kept: /resume {left}" if left else ""
    chat.tell(f"a new session begins with your next message{kept}")


async def _resume(chat: Chat, rest: str) -> None:
    if not rest:
        _list_sessions(chat)
        return
    await chat.seat.resume(rest)
    view = chat.seat.view
    assert view is not None
    chat.arrived(view)
    await take_up(chat, view)


async def take_up(chat: Chat, view: SessionView) -> None:
    """Put what is still open, and go on where a suspended session has its answers."""
    if view.state != "suspended":
        return
    for approval in view.open_approvals:
        if not await chat.put(approval):
            return
    await chat.go_on()


def _list_sessions(chat: Chat) -> None:
    found = [s for s in chat.lab.ledger.sessions() if s.id != chat.seat.session_id][-_MOST_SESSIONS:]
    if not found:
        chat.tell("there are no other sessions")
        return
    table = _table()
    for s in reversed(found):
        state = state_word(s) + (f", {s.open_approvals} open" if s.open_approvals else "")
        table.add_row(Text(s.id, "bold"), Text(state, "dim"), Text(visible(one_line(s.goal, 60))))
    chat.console.print(table)
    chat.tell("/resume ID goes on with one", "dim")


async def _attach(chat: Chat, rest: str) -> None:
    if not rest:
        raise UsageError("there is nothing to attach", cure="/attach FILE: a dataset of up to 100 MB")
    given = Path(rest.strip("'\"")).expanduser()
    taken = await asyncio.to_thread(take_in, given, attachments(chat.seat.workspace))
    chat.tell(f"{said_of(taken)}The next message names it.")
    chat.draft(said_of(taken))


async def _study(chat: Chat, rest: str) -> None:
    known = _studies(chat)
    if not rest and not known:
        chat.tell("no studies yet")
        return
    view = chat.lab.ledger.study_view(rest or known[-1])
    now = studies.activity(chat.lab.ledger, view)
    width, height = chat.console.size
    chat.console.print(screen(view, now, now=time.time(), width=min(width, 110), height=max(height, 24)))


async def _jobs(chat: Chat, rest: str) -> None:
    table = _table()
    for number, (view, made) in enumerate(studies.runs_of(chat.lab.ledger, [rest] if rest else _studies(chat))):
        if number == _MOST_RUNS:
            break
        took = (made.ended_at or 0.0) - made.started_at if made.started_at and made.ended_at else None
        table.add_row(
            Text(made.id, "bold"),
            Text(made.state.value, "cyan" if not made.state.is_final else "dim"),
            Text(made.purpose.value, "dim"),
            Text(numbers.clock(took) if took is not None else "", "dim"),
            Text(visible(one_line(_about(view, made), 60)), "dim"),
        )
    if table.row_count:
        chat.console.print(table)
    else:
        chat.tell("no runs yet")


def _about(view: StudyView, run: Run) -> str:
    """What a run tries, or why it came to nothing."""
    is_bad = run.state.is_final and run.state is not RunState.SUCCEEDED
    return run.reason if is_bad and run.reason else view.trial(run.trial_id).change


async def _quit(chat: Chat, _rest: str) -> None:
    chat.leave()


COMMANDS: Mapping[str, Command] = {
    "/help": Command("", "this list", _help),
    "/model": Command("[ID]", "list the models, or go on with another", _model),
    "/effort": Command("[LEVEL]", "how much the model thinks", _effort),
    "/budget": Command("[usd|hours|tokens|steps N]", "what is spent and left; set a ceiling", _budget),
    "/approve": Command("[ID [yes|deny WHY|{…}]]", "what waits for an answer; answer it", _approve),
    "/compact": Command("", "make the conversation shorter now", _compact),
    "/undo": Command("", "take the last turn out of the conversation", _undo),
    "/new": Command("", "begin a new session", _new),
    "/resume": Command("[ID]", "list the sessions, or go on with one", _resume),
    "/attach": Command("FILE", "give the agent a dataset: copied into its workspace", _attach),
    "/study": Command("[ID]", "how a study stands", _study),
    "/jobs": Command("[STUDY]", "training runs", _jobs),
    "/quit": Command("", "leave", _quit),
}


def offers_of(lab: Lab) -> tuple[Offer, ...]:
    """What can be used from here; asks the local servers."""
    return available(ModelAccess.of(lab.settings))


def _studies(chat: Chat) -> Sequence[str]:
    """The session's studies, or all where it has none."""
    view = chat.seat.view
    own = view.studies if view is not None else ()
    return own or [s.id for s in sorted(chat.lab.ledger.summaries(), key=lambda s: s.created_at)]


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
