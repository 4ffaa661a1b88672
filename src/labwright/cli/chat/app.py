"""A chat at a terminal: a person types, sees what goes on, is asked, interrupts."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from pydantic_ai import CancellationToken
from pydantic_ai_harness.planning import PlanItem
from rich.console import Console
from rich.text import Text

from labwright import __version__
from labwright.agent.plan import read_plan
from labwright.agent.session import Outcome, Session
from labwright.assemble import Lab
from labwright.cli.chat import commands, status, studies
from labwright.cli.chat.asking import Asking, run_editor
from labwright.cli.chat.completing import Completions
from labwright.cli.chat.markdown import STYLES, Calm
from labwright.cli.chat.prompt import Prompt
from labwright.cli.chat.render import TurnScreen
from labwright.cli.chat.talk import Talk, Wishes
from labwright.cli.chat.terminal import Keyboard, Presses
from labwright.cli.visible import visible
from labwright.contracts.errors import LabwrightError
from labwright.contracts.sessions import Approval, SessionView
from labwright.guard.approvals import Approvals
from labwright.intern import Person, plan_file

HISTORY = "chat_history"
_ENDS = (signal.SIGTERM, signal.SIGHUP)  # somebody, or the terminal, wants this process gone
_STYLES = {"failed": "red", "budget": "yellow", "waiting": "yellow", "interrupted": "yellow"}


class AtTerminal(Talk):
    """A person types, and sees what goes on."""

    def __init__(self, lab: Lab, wishes: Wishes, model: str | None) -> None:
        super().__init__(
            lab, Console(theme=STYLES, highlight=False), wishes, Person(self._approve, self._answer), model
        )
        self._keyboard = Keyboard(sys.stdin)
        self._presses = Presses()
        self._prompt = Prompt(
            lab.home / HISTORY,
            Completions(lab),
            status=lambda: status.line(self.seat),
            clean=self.clean,
            on_clear=self._presses.again,
        )
        self._asking = Asking(
            self.console,
            Approvals(lab.ledger),
            self._prompt.line,
            aside=self._aside,
            environment=lab.settings.process_environment,
            edit=self._edit,
        )
        self._shown: TurnScreen | None = None
        self._interrupt: Callable[[], None] | None = None
        self._has_asked = False  # in this turn

    async def converse(self, wishes: Wishes) -> int:
        """Until the person leaves."""
        with self._keyboard.quiet():
            await self._converse(wishes)
        return 0

    async def _converse(self, wishes: Wishes) -> None:
        self.console.print(Text.assemble(("labwright", "bold"), (f" {__version__}", "dim")))
        self.tell("/help lists the commands · ctrl-c interrupts · ctrl-d leaves", "dim")
        try:
            await self.begin(wishes)
            if self.seat.view is not None:
                await commands.take_up(self, self.seat.view)
            while not self.is_over:
                text = await self._read()
                if text.strip():
                    await self.say(text)
        finally:
            await self.seat.leave()

    async def _read(self) -> str:
        """The next line; empty where there is none to act on."""
        draft, self._draft = self._draft, ""
        self.console.print()
        try:
            return await self._prompt.message(draft)
        except EOFError:
            self.leave()
        except KeyboardInterrupt:
            if self._presses.again():
                self.leave()
            else:
                self.tell("ctrl-c again leaves", "dim")
        return ""

    def arrived(self, view: SessionView) -> None:
        """With the newest exchange, so that the person knows where they are."""
        super().arrived(view)
        if view.said:
            self.console.print()
            self.console.print(Text.assemble(("› ", "bold"), visible(view.said[-1])))
        if view.reason and view.outcome == "done":
            self.console.print()
            self.console.print(Calm(visible(view.reason)))

    def remark(self, text: str) -> None:
        """Above what moves."""
        if self._shown is not None:
            self._shown.note(text)
        else:
            super().remark(text)

    # -- a turn --------------------------------------------------------------------------------------------------------

    async def turn(self, text: str | None) -> Outcome | None:
        """One turn on the screen."""
        try:
            session = await self._session(text)
            if session is None:
                return None
            outcome = await self._watched(session, text)
        except LabwrightError as error:
            commands.tell_error(self, error)
            self.draft(text or "")
            return None
        except asyncio.CancelledError:
            if not self.is_over:
                raise
            return None
        self._conclude(outcome)
        return outcome

    async def _session(self, text: str | None) -> Session | None:
        return self.seat.session if text is None else await self.seat.take(text)

    async def _watched(self, session: Session, text: str | None) -> Outcome:
        token = CancellationToken()
        self._has_asked = False
        shown = TurnScreen(
            self.console,
            clean=self.clean,
            plan=_changes_of(plan_file(self.lab, self.seat.session_id or "")),
            studies=lambda: studies.running(self.lab.ledger, self.seat.session_id or ""),
        )
        with self._interruptible(token.cancel):
            async with shown.during():
                self._shown = shown
                try:
                    outcome = await session.turn(text, shown, stream=True, cancellation=token)
                finally:
                    self._shown = None
        if outcome.kind == "done" and not shown.has_answered:
            self.console.print(Calm(visible(self.clean(outcome.text))))
        return outcome

    def _conclude(self, outcome: Outcome) -> None:
        """Say how it ended, where that is not the answer itself."""
        if outcome.kind == "waiting":
            if not self._has_asked:
                self.tell(f"{', '.join(a.id for a in outcome.approvals)} still open: /approve", "yellow")
        elif outcome.kind != "done":
            self.tell(visible(f"{outcome.kind}: {outcome.text}" if outcome.kind != "interrupted" else outcome.text),
                      _STYLES[outcome.kind])  # fmt: skip

    # -- Ctrl-C --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _interruptible(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Ctrl-C cancels the turn; once more, and soon, leaves the chat."""
        task = asyncio.current_task()

        def interrupt() -> None:
            if self._presses.again():
                self.leave()
                if task is not None:
                    task.cancel()
            cancel()

        def hang_up() -> None:
            self.leave()
            cancel()

        loop = asyncio.get_running_loop()
        self._interrupt = interrupt
        self._arm()
        for number in _ENDS:
            loop.add_signal_handler(number, hang_up)
        try:
            yield
        finally:
            for number in (signal.SIGINT, *_ENDS):
                loop.remove_signal_handler(number)
            self._interrupt = None

    def _arm(self) -> None:
        if self._interrupt is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)

    # -- questions -----------------------------------------------------------------------------------------------------

    async def _approve(self, asked: Sequence[Approval]) -> bool:
        return await self._asking.approve(asked)

    async def _answer(self, question: str, options: Sequence[str]) -> str:
        return await self._asking.answer(question, options)

    async def put(self, approval: Approval) -> bool:
        """Between two turns."""
        self.console.print()
        return await self._asking.put(approval)

    @asynccontextmanager
    async def _aside(self, why: str) -> AsyncIterator[None]:
        """A question in the middle of a turn: the screen and the session's clock stand still."""
        shown, session = self._shown, self.seat.session
        if shown is None or session is None:
            yield
            return
        self._has_asked = True
        self._draft += self._keyboard.typed_ahead()
        async with shown.aside():
            with session.paused(why):
                try:
                    yield
                finally:
                    self._arm()  # the prompt has taken it

    async def _edit(self, path: Path, command: Sequence[str]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)  # the editor's own
        try:
            with self._keyboard.loud():
                await run_editor(path, command)
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
            self._arm()


def _changes_of(path: Path) -> Callable[[], Sequence[PlanItem] | None]:
    """The plan, each time it is another than at the last look."""
    last = read_plan(path)

    def look() -> Sequence[PlanItem] | None:
        nonlocal last
        now = read_plan(path)
        changed, last = now != last, now
        return now if changed else None

    return look
