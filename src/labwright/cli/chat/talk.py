"""What a chat at a terminal and one over a pipe share; commands see this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from labwright.agent.session import Outcome
from labwright.assemble import Lab
from labwright.cli import transcript
from labwright.cli.chat import commands
from labwright.cli.chat.seat import Seat
from labwright.cli.visible import visible
from labwright.contracts.sessions import Approval, ApproveMode, SessionBudget, SessionView
from labwright.guard.secrets import Redactor
from labwright.intern import Person


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for. `resume`: a session's id, or "" for the newest; None begins a new one."""

    model: str | None
    resume: str | None
    approve: ApproveMode
    budget: SessionBudget
    workspace: Path


class Talk:
    """What both kinds of chat share. Commands see this."""

    def __init__(self, lab: Lab, console: Console, wishes: Wishes, person: Person, model: str | None) -> None:
        self.lab = lab
        self.console = console
        self.seat = Seat(
            lab,
            person=person,
            say=self._say_once,
            model=model,
            workspace=wishes.workspace,
            approve=wishes.approve,
            budget=wishes.budget,
        )
        self.clean = Redactor(lab.settings.process_environment).redact
        self.is_over = False
        self._draft = ""
        self._said: set[str] = set()

    def tell(self, text: str, style: str = "") -> None:
        """A line for the person."""
        self.console.print(Text(text, style))

    def remark(self, text: str) -> None:
        """A line of the machinery."""
        self.tell(visible(text), "dim")

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.remark(text)

    def leave(self) -> None:
        """End the chat."""
        self.is_over = True

    def draft(self, text: str, *, to_edit: bool = False) -> None:  # noqa: ARG002 - matters where there is no prompt
        """For the next prompt."""
        self._draft = text

    async def say(self, text: str) -> Outcome | None:
        """A message or a command. None: no turn came of it."""
        if text.startswith("/"):
            await commands.run(self, text)
            return None
        return await self.turn(text)

    async def turn(self, text: str | None) -> Outcome | None:
        """One turn, or None where it could not begin."""
        raise NotImplementedError

    async def go_on(self) -> None:
        """A turn without a message."""
        await self.turn(None)

    async def put(self, approval: Approval) -> bool:
        """Ask the person now."""
        raise NotImplementedError

    def arrived(self, view: SessionView) -> None:
        """Say which session this is, and what was said last in it."""
        self.remark(f"session {view.id}: {transcript.one_line(view.goal, 70)}")

    async def begin(self, wishes: Wishes) -> None:
        """Sit down in the session that is to be resumed, if one is."""
        if wishes.resume is None:
            return
        known = self.lab.ledger.sessions()
        if not wishes.resume and not known:
            self.remark("there is no session to resume; this is a new one")
            return
        newest = max(known, key=lambda s: s.last_at).id if known else ""
        await self.seat.resume(wishes.resume or newest, wishes.model)
        assert self.seat.view is not None
        self.arrived(self.seat.view)
