"""A turn as it is seen: the answer as it comes, each tool call folded to a line, and one line of what goes on.

What is finished is printed and never touched again; only the last lines are drawn anew, some ten times a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_ai.messages import (
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai_harness.planning import PlanItem
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment, Segments
from rich.text import Text

from labwright.cli.chat.markdown import Blocks, Calm
from labwright.cli.chat.words import args_line
from labwright.cli.screen import screen
from labwright.cli.transcript import one_line
from labwright.cli.visible import visible
from labwright.contracts.progress import Activity
from labwright.contracts.views import StudyView
from labwright.study.report import numbers

Kind = Literal["text", "tool", "plan", "note", ""]
Studies = Callable[[], tuple[StudyView, Activity] | None]

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_REDRAW_S = 0.1
_LOOK_S = 1.0  # between two looks at a running study
_PATIENCE_S = 1.5  # a tool that takes longer is shown with the study that it may be waiting for
_RESULT_LINES = 3
_PANEL_LINES = 20
_MARKS = {"success": ("●", "green"), "failed": ("✗", "red"), "denied": ("◌", "yellow"), "retried": ("↻", "yellow")}
_PLAN = {
    "completed": ("✓", "green", "dim"),
    "in_progress": ("▸", "cyan", "bold"),
    "cancelled": ("–", "dim", "dim strike"),
    "blocked": ("!", "yellow", ""),
}


@dataclass(slots=True)
class _Call:
    part: ToolCallPart
    since: float


class TurnScreen:
    """Takes the events of a run. Use it as `async with shown.during(): …`."""

    def __init__(
        self,
        console: Console,
        *,
        clean: Callable[[str], str] = lambda text: text,
        plan: Callable[[], Sequence[PlanItem] | None] = lambda: None,
        studies: Studies = lambda: None,
        hint: str = "ctrl-c interrupts",
    ) -> None:
        """`clean` takes secrets out; `plan` gives the plan where it changed; `studies` what runs right now."""
        self._console = console
        self._clean = clean
        self._plan = plan
        self._studies = studies
        self._hint = hint
        self._blocks = Blocks()
        self._calls: dict[str, _Call] = {}
        self._last: Kind = ""
        self._doing = ""
        self._since = time.monotonic()
        self._study: tuple[StudyView, Activity] | None = None
        self._live: Live | None = None
        self.has_answered = False

    # -- events --------------------------------------------------------------------------------------------------------

    def __call__(self, event: Any) -> None:
        """One event of the run."""
        match event:
            case PartStartEvent(part=TextPart(content=text)):
                self._finish_text()  # a second answer, as after a reminder of the plan, is a paragraph of its own
                self._say(text)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                self._say(text)
            case PartStartEvent(part=ThinkingPart()) | PartDeltaEvent(delta=ThinkingPartDelta()):
                self._now("thinking")
            case PartStartEvent(part=ToolCallPart(tool_name=name)):
                self._finish_text()
                self._now(f"writing {name}")
            case FunctionToolCallEvent(part=part):
                self._finish_text()
                self._calls.setdefault(part.tool_call_id, _Call(part, time.monotonic()))
            case FunctionToolResultEvent(part=part):
                self._end(part)
            case _:
                pass

    def note(self, text: str) -> None:
        """A remark of the machinery."""
        self._finish_text()
        self._print(Text(visible(self._clean(text)), "dim"), "note")

    def _say(self, text: str) -> None:
        self._now("answering")
        self.has_answered = self.has_answered or bool(text.strip())
        self._print_markdown(self._blocks.feed(text))

    def _finish_text(self) -> None:
        self._print_markdown(self._blocks.finish())

    def _end(self, part: ToolReturnPart) -> None:
        call = self._calls.pop(part.tool_call_id, None)
        plan = self._plan()
        name = part.tool_name or (call.part.tool_name if call else "")
        mark, style = _MARKS.get(part.outcome, _MARKS["failed"])
        head = self._headline(mark, style, name, call.part.args if call and not plan else "")
        self._print(Group(head, *(_plan_lines(plan) if plan else self._result(part))), "tool")
        self._now("thinking")

    def _headline(self, mark: str, style: str, name: str, args: Any) -> Text:
        room = max(10, self._console.width - len(name) - 5)
        line = Text.assemble((f"{mark} ", style), (one_line(name, 60), "bold"))
        line.append(f"  {args_line(self._clean_args(args), room)}", "dim")
        line.truncate(self._console.width - 1, overflow="ellipsis")
        return line

    def _clean_args(self, args: Any) -> Any:
        return self._clean(args) if isinstance(args, str) else args

    def _result(self, part: ToolReturnPart) -> list[Text]:
        """The first lines of what came back, and how many more there are."""
        content = part.content if isinstance(part.content, str) else part.model_response_str()
        lines = [line for line in visible(self._clean(content)).splitlines() if _tells(line)]
        width = max(20, self._console.width - 4)
        style = "dim" if part.outcome == "success" else "dim red" if part.outcome == "failed" else "dim yellow"
        shown = [Text(f"  {one_line(line, width)}", style) for line in lines[:_RESULT_LINES]]
        hidden = len(lines) - len(shown)
        if hidden > 0:
            shown.append(Text(f"  … {numbers.count_of(hidden, 'more line')}", "dim"))
        return shown

    # -- printing ------------------------------------------------------------------------------------------------------

    def _print_markdown(self, text: str) -> None:
        if text.strip():
            self._print(Calm(visible(self._clean(text))), "text")

    def _print(self, what: RenderableType, kind: Kind) -> None:
        """Print for good. A blank line between things of different kinds, and between paragraphs."""
        if self._last and (self._last != kind or kind == "text"):
            self._console.print()
        self._last = kind
        self._console.print(what)

    def _now(self, doing: str) -> None:
        if doing != self._doing:
            self._doing = doing
            self._since = time.monotonic()

    # -- the moving part -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def during(self) -> AsyncIterator[None]:
        """Draw while the turn runs; leave what was said and take the rest away."""
        self._console.print()
        self._now("thinking")
        self._show()
        tasks = [asyncio.create_task(self._redraw()), asyncio.create_task(self._look())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._finish_text()
            self._hide()
            for call in self._calls.values():
                self._print(self._headline("◌", "yellow", call.part.tool_name, call.part.args), "tool")
            self._calls.clear()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Take the moving part away, for a question to the person."""
        self._finish_text()
        self._hide()
        if self._last:
            self._console.print()
        try:
            yield
        finally:
            self._last = ""
            self._console.print()
            self._show()

    def _show(self) -> None:
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stderr=False)
        self._live.start()

    def _hide(self) -> None:
        if self._live is not None:
            self._live.update(Text(), refresh=True)
            self._live.stop()
            self._live = None

    async def _redraw(self) -> None:
        drawn: object = None
        while True:
            moving = None if self._blocks.rest.strip() and not self._calls else time.monotonic()
            shown = (self._live, self._blocks.rest, self._last, moving)
            if self._live is not None and shown != drawn:
                self._live.update(self._picture(), refresh=True)
                drawn = shown
            await asyncio.sleep(_REDRAW_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            oldest = min((c.since for c in self._calls.values()), default=time.monotonic())
            if time.monotonic() - oldest > _PATIENCE_S:
                with suppress(OSError):
                    self._study = await asyncio.to_thread(self._studies)
            else:
                self._study = None

    def _picture(self) -> RenderableType:
        width, height = self._console.size
        parts: list[RenderableType] = []
        if self._last and (self._blocks.rest.strip() or self._calls):
            parts.append(Text())
        if self._blocks.rest.strip():
            parts += [self._tail(self._blocks.rest, height - 4), Text()]
        now = time.monotonic()
        for call in self._calls.values():
            line = self._headline(_frame(now), "cyan", call.part.tool_name, call.part.args)
            parts.append(_timed(line, now - call.since, width))
        if self._study is not None and self._calls:
            view, activity = self._study
            room = min(_PANEL_LINES, height - len(self._calls) - 3)
            parts.append(screen(view, activity, now=time.time(), width=min(width, 110), height=room))
        if not self._calls and not self._blocks.rest.strip():
            parts.append(
                _timed(Text.assemble((f"{_frame(now)} ", "cyan"), (self._doing, "dim")), now - self._since, width)
            )
        parts.append(Text(self._hint, "dim"))
        return Group(*parts)

    def _tail(self, text: str, most: int) -> RenderableType:
        """The last lines of a block that still grows."""
        lines = self._console.render_lines(Calm(visible(self._clean(text))), pad=False)
        segments: list[Segment] = []
        for line in lines[-max(1, most) :]:
            segments += [*line, Segment.line()]
        return Segments(segments[:-1])


def _tells(line: str) -> bool:
    """Whether a line of a result says anything; `[stdout]` alone does not."""
    words = line.strip()
    return bool(words) and not (words.startswith("[") and words.endswith("]") and words[1:-1].isalpha())


def _frame(now: float) -> str:
    return _FRAMES[int(now / _REDRAW_S) % len(_FRAMES)]


def _timed(line: Text, took_s: float, width: int) -> Text:
    if took_s >= 1:
        line.append(f"  {numbers.clock(took_s)}", "dim")
    line.truncate(width - 1, overflow="ellipsis")
    return line


def _plan_lines(plan: Sequence[PlanItem]) -> list[Text]:
    lines = []
    for item in plan:
        mark, style, words = _PLAN.get(item.status.value, ("○", "dim", ""))
        lines.append(Text.assemble("  ", (f"{mark} ", style), (one_line(item.content), words)))
    return lines
