"""A chat over a pipe: one turn a line, and nobody there to be asked."""

from __future__ import annotations

import signal
from typing import TextIO

from rich.console import Console

from labwright.agent.session import EXIT_CODES, Outcome
from labwright.assemble import Lab
from labwright.cli.actions.intern import interruptible
from labwright.cli.calls import Lines
from labwright.cli.chat.talk import Talk, Wishes
from labwright.cli.visible import visible
from labwright.contracts.sessions import Approval
from labwright.intern import Person


class Piped(Talk):
    """One turn a line: answers on stdout, what goes on on stderr, no control codes. Nobody is there to be asked."""

    def __init__(self, lab: Lab, wishes: Wishes, model: str, out: TextIO, aside: TextIO) -> None:
        plain = Console(file=out, force_terminal=False, no_color=True, highlight=False, width=110)
        super().__init__(lab, plain, wishes, Person(), model)
        self._out = out
        self._side = aside
        self._lines = Lines(aside)
        self._code = 0

    async def converse(self, wishes: Wishes, given: TextIO) -> int:
        """Until the input ends. The exit code of the first turn that was not done, else 0."""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio's own would not end the reading of a line
        try:
            await self.begin(wishes)
            while not self.is_over and (line := given.readline()):
                if line.strip():
                    await self.say(line.rstrip("\r\n"))
        finally:
            await self.seat.leave()
        return self._code

    async def turn(self, text: str | None) -> Outcome | None:
        """One turn; its answer when it is over."""
        if text is not None:  # after what a command put on the next prompt
            text, self._draft = self._draft + text, ""
        session = self.seat.session if text is None else await self.seat.take(text)
        if session is None:
            return None
        outcome = await interruptible(session, text, self._lines, stream=False)
        if outcome.kind == "interrupted":
            self.leave()
        self._code = self._code or EXIT_CODES[outcome.kind]
        is_answer = outcome.kind == "done"
        print(visible(self.clean(outcome.text)), file=self._out if is_answer else self._side, flush=True)
        return outcome

    def draft(self, text: str, *, to_edit: bool = False) -> None:
        """Before the next line; what would have to be edited first is left out, since nobody can."""
        if not to_edit:
            super().draft(text)

    async def put(self, approval: Approval) -> bool:
        """Nobody is there; it stays open."""
        self.remark(f"{approval.id} is open: {approval.what}; /approve {approval.id} yes, or deny WHY")
        return False

    def remark(self, text: str) -> None:
        """On stderr."""
        print(visible(text), file=self._side, flush=True)
