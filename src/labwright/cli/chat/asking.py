"""Questions put to the person in the middle of a turn: approvals, and what the agent asks by `ask_user`.

Each approval is answered by a typed word and Enter. What was typed before the question stood on the screen is kept for
the next message and never taken for an answer; an answer given elsewhere meanwhile ends the question here.
"""

from __future__ import annotations

import asyncio
import difflib
import getpass
import shlex
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from labwright.cli.actions.approvals import cost_of
from labwright.cli.arguments import as_yaml, from_yaml
from labwright.cli.visible import visible
from labwright.contracts.errors import LabwrightError, UsageError
from labwright.contracts.sessions import Approval
from labwright.guard.approvals import Approvals
from labwright.guard.edits import checked

_MOST_LINES = 40
_KEYS = "y yes · n no, and why · e edit · v view all · l later"

ReadLine = Callable[..., Awaitable[str]]
"""Reads a line: `(prompt, default=…, until=…)`. Raises EOFError where the person leaves, and `Answered`."""


class AnsweredError(Exception):
    """The question was answered elsewhere while the person was typing."""


class Asking:
    """Who puts the questions. `aside` makes room on the screen and stops the session's clock."""

    def __init__(
        self,
        console: Console,
        approvals: Approvals,
        read_line: ReadLine,
        *,
        aside: Callable[[str], AbstractAsyncContextManager[None]],
        environment: Mapping[str, str],
        edit: Callable[[Path, Sequence[str]], Awaitable[None]],
    ) -> None:
        self._console = console
        self._approvals = approvals
        self._read_line = read_line
        self._aside = aside
        self._editor = environment.get("VISUAL") or environment.get("EDITOR") or ""
        self._edit_file = edit

    # -- approvals -----------------------------------------------------------------------------------------------------

    async def approve(self, asked: Sequence[Approval]) -> bool:
        """Put each; True once all are answered. Whoever says `later`, or leaves, leaves the rest open."""
        async with self._aside(f"waits for {', '.join(a.id for a in asked)}"):
            for approval in asked:
                if not await self.put(approval):
                    return False
        return True

    async def put(self, approval: Approval) -> bool:
        """One question, until it is answered; False where it stays open."""
        self._console.print(card(approval))
        args: dict[str, JsonValue] | None = None
        while True:
            answered = self._approvals.get(approval.id)
            if answered.state != "open":
                self._console.print(_settled(answered))
                return True
            try:
                word, _, rest = (await self._line(approval, f"{approval.id}? ")).strip().partition(" ")
            except AnsweredError:
                continue
            except (EOFError, KeyboardInterrupt):
                word, rest = "l", ""
            try:
                match word.lower().rstrip(","):
                    case "y" | "yes":
                        answered = self._approvals.answer(approval.id, "approved", by=getpass.getuser(), args=args)
                    case "n" | "no":
                        why = rest.strip() or await self._why(approval)
                        answered = self._approvals.answer(approval.id, "denied", by=getpass.getuser(), why=why)
                    case "l" | "later":
                        self._console.print(Text(f"{approval.id} stays open: /approve {approval.id}", "dim"))
                        return False
                    case "e" | "edit":
                        args = await self._edited(approval, args)
                        self._console.print(_changes(approval, args))
                        checked(args, approval)  # what does not fit is kept for the next `e`, and said now
                    case "v" | "view":
                        self._console.print(card(approval, whole=True))
                    case _:
                        self._console.print(Text(_KEYS, "dim"))
            except LabwrightError as error:
                self._console.print(Text(visible(error.one_line()), "red"))

    async def _why(self, approval: Approval) -> str:
        try:
            return (await self._line(approval, "why not? (it is told; Enter for nothing) ")).strip()
        except (EOFError, KeyboardInterrupt, AnsweredError):
            return ""

    async def _line(self, approval: Approval, prompt: str, default: str = "") -> str:
        return await self._read_line(
            prompt, default=default, hint=_KEYS, until=lambda: self._approvals.get(approval.id).state != "open"
        )

    async def _edited(self, approval: Approval, args: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
        """The arguments as the person changed them, in their editor or on the line."""
        text = as_yaml(approval.args if args is None else args)
        if self._editor:
            with tempfile.TemporaryDirectory(prefix="labwright-") as folder:
                path = Path(folder) / f"{approval.id}.yaml"
                path.write_text(text, encoding="utf-8")
                await self._edit_file(path, shlex.split(self._editor))
                text = path.read_text(encoding="utf-8")
        else:
            try:
                text = await self._line(approval, "", default=text.rstrip("\n"))
            except (EOFError, KeyboardInterrupt, AnsweredError):
                return dict(args or approval.args)
        return from_yaml(text, approval.id)

    # -- ask_user ------------------------------------------------------------------------------------------------------

    async def answer(self, question: str, options: Sequence[str]) -> str:
        """The person's answer in their words, or the option of the number that they typed."""
        async with self._aside("waits for an answer"):
            lines: list[RenderableType] = [Text(visible(question), "bold")]
            lines += [Text(f"  {n}  {visible(option)}") for n, option in enumerate(options, start=1)]
            self._console.print(Group(*lines))
            while True:
                try:
                    said = (await self._read_line("? ", hint="Enter sends; ctrl-d: no answer")).strip()
                except (EOFError, KeyboardInterrupt):
                    return "The person gives no answer. Decide yourself, and say what you assumed."
                if said.isdecimal() and 1 <= int(said) <= len(options):
                    return options[int(said) - 1]
                if said:
                    return said


def card(approval: Approval, *, whole: bool = False) -> RenderableType:
    """What is asked, with the diff or script, its cost and what is left."""
    lines = (approval.preview or as_yaml(approval.final_args)).splitlines()
    shown = lines if whole else lines[:_MOST_LINES]
    facts = f"effects {', '.join(approval.effects) or 'not declared'} · cost {cost_of(approval)}"
    parts: list[RenderableType] = [
        Rule(
            Text.assemble((approval.id, "bold yellow"), f"  {approval.tool}"),
            align="left",
            style="yellow",
            characters="─",
        ),
        Text(visible(approval.what.removeprefix(f"{approval.tool}: "))),
        Padding(_preview(visible("\n".join(shown))), (1, 0, 1, 2)),
    ]
    if len(shown) < len(lines):
        parts.append(Text(f"  … {len(lines) - len(shown)} more lines: v shows all", "yellow"))
    parts.append(Text(f"{facts} · left {approval.budget_left or 'no ceilings'}", "dim"))
    return Group(*parts)


def _preview(text: str) -> RenderableType:
    is_diff = text.startswith(("--- ", "diff ", "@@ ")) and "\n+" in f"\n{text}"
    if is_diff:
        return Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True)
    return Text(text)


def _settled(answered: Approval) -> Text:
    by = f" by {answered.by}" if answered.by else ""
    why = f": {answered.why}" if answered.why else ""
    style = "green" if answered.state == "approved" else "yellow"
    return Text(visible(f"{answered.id} {answered.state}{by}{why}"), style)


def _changes(approval: Approval, args: Mapping[str, JsonValue]) -> RenderableType:
    """What an edit changed, so that the last thing on the screen is what will run."""
    before, after = as_yaml(approval.args).splitlines(), as_yaml(args).splitlines()
    diff = [
        line
        for line in difflib.unified_diff(before, after, lineterm="", n=1)
        if not line.startswith(("---", "+++", "@@"))
    ]
    if not diff:
        return Text("nothing was changed", "dim")
    text = visible("\n".join(diff))
    return Padding(Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True), (0, 0, 0, 2))


async def run_editor(path: Path, command: Sequence[str]) -> None:
    """Open a file in the person's editor and wait. Raises UsageError where it cannot be started or fails."""
    try:
        process = await asyncio.create_subprocess_exec(*command, str(path))
        code = await process.wait()
    except OSError as error:
        raise UsageError(f"the editor does not start: {error.strerror}", where=command[0], cure="set EDITOR") from error
    if code != 0:
        raise UsageError(f"the editor ended with {code}", where=command[0], cure="edit again")
