"""Markdown that arrives piece by piece: what is finished is printed once and for all, the rest is redrawn.

So the screen never flickers over what was read already, and an answer may be longer than the screen.
"""

from __future__ import annotations

import re
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown
from rich.padding import Padding
from rich.segment import Segment
from rich.syntax import Syntax
from rich.theme import Theme

STYLES = Theme(
    {
        "markdown.h1": "bold",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.h4": "bold dim",
        "markdown.code": "cyan",
        "markdown.item.bullet": "dim",
        "markdown.item.number": "dim",
        "markdown.block_quote": "dim italic",
        "markdown.hr": "dim",
        "markdown.link_url": "dim underline",
        "markdown.table.border": "dim",
        "markdown.table.header": "bold",
    }
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r" {0,3}([-*+]|\d{1,9}[.)])(\s|$)")
_ENOUGH = 12  # characters of an unfinished line after which it is clear that it begins no list item and no fence


class _Code(CodeBlock):
    """Code in the terminal's own colours, on its own background, indented so that it can be copied as it is."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Syntax(
            str(self.text).rstrip(), self.lexer_name, theme="ansi_dark", word_wrap=True, background_color="default"
        )
        yield Padding(code, (0, 0, 0, 2))


class _Heading(Heading):
    """Every heading at the left."""

    LEVEL_ALIGN: ClassVar = {**Heading.LEVEL_ALIGN, "h1": "left"}


class _Plain(Markdown):
    elements: ClassVar = {**Markdown.elements, "fence": _Code, "code_block": _Code, "heading_open": _Heading}


class Calm:
    """Markdown in few colours, without boxes and without blank lines around it. Links show where they lead."""

    def __init__(self, text: str) -> None:
        self._drawn = _Plain(text, hyperlinks=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        drawn = console.render_lines(self._drawn, options, pad=False)
        lines = [line if any(s.text.strip() for s in line) else [] for line in drawn]
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        for line in lines:
            yield from line
            yield Segment.line()


class Blocks:
    """A growing text, split where a block of Markdown is over."""

    def __init__(self) -> None:
        self.rest = ""

    def feed(self, text: str) -> str:
        """Take more text. Returns what is finished by it, often nothing."""
        self.rest += text
        place = _end_of_finished(self.rest)
        done, self.rest = self.rest[:place], self.rest[place:]
        return done.strip("\n")

    def finish(self) -> str:
        """What is left when nothing more comes."""
        done, self.rest = self.rest.strip("\n"), ""
        return done


def _end_of_finished(text: str) -> int:
    """Where the last block begins: after a blank line, outside of code, and not in the middle of a list."""
    place, found = 0, 0
    fence: str | None = None
    after_blank = in_list = False
    for line in text.splitlines(keepends=True):
        words = line.strip()
        marker = _FENCE.match(line)
        if fence is not None:
            if marker is not None and words.startswith(fence) and not words.strip(fence[0]) and line.endswith("\n"):
                fence = None
        else:
            is_sure = line.endswith("\n") or len(words) >= _ENOUGH
            if words and is_sure and not line[0].isspace() and (after_blank or place == 0):
                is_item = _ITEM.match(line) is not None
                found = found if place == 0 or (in_list and is_item) else place
                in_list = is_item
            fence = marker.group(1) if marker is not None else None
            after_blank = not words
        place += len(line)
    return found
