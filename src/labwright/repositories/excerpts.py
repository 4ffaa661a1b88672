"""A file by line range: numbered lines, how many there are, and what to ask for to see the rest."""

from __future__ import annotations

import re
from typing import Final

from labwright.contracts.errors import UsageError
from labwright.contracts.repositories import Excerpt, FileKind, FileText

MOST_LINES: Final = 400
MOST_CHARACTERS: Final = 30_000

_LONGEST_LINE: Final = 2_000
_RANGE = re.compile(r"L?(\d+)?\s*(?:([-–:])\s*L?(\d+)?)?", re.IGNORECASE)
_FORMS: Final = "write 10-80, 10- (to the end), -80 (from the start) or 10"


def line_range(lines: str, total: int) -> tuple[int, int]:
    """The first and last line that `10-80`, `10-`, `-80`, `10` or `L10-L80` mean in a file of so many lines.

    Raises:
        UsageError: it is none of these, or the file ends before.
    """
    found = _RANGE.fullmatch(lines.strip())
    if found is None or not (found[1] or found[3]):
        raise UsageError("this is no range of lines", where=lines, cure=_FORMS)
    first = int(found[1]) if found[1] else 1
    last = int(found[3]) if found[3] else total if found[2] else first
    if first < 1 or last < first:
        raise UsageError("a range begins at line 1 or later and ends where it began or later", where=lines, cure=_FORMS)
    if first > total:
        raise UsageError(f"the file has only {total} lines", where=lines, cure=f"ask for lines up to {total}")
    return first, min(last, total)


def excerpt(
    file: FileText, lines: str | None = None, *, most_lines: int = MOST_LINES, most_characters: int = MOST_CHARACTERS
) -> Excerpt:
    """Lines of a file, numbered; by default from the start. Whatever is not shown is said.

    Raises:
        UsageError: the range is none, or the file ends before it.
    """
    if file.kind is FileKind.BINARY:
        return Excerpt(file.place, f"[{file.remarks[0]}]" if file.remarks else "[binary]", 0, 0, 0, file.url)
    everything = file.text.split("\n")
    if everything[-1] == "":  # what follows the last newline is no line
        everything.pop()
    total = len(everything)
    if total == 0:
        return Excerpt(file.place, "[the file is empty]", 0, 0, 0, file.url, file.remarks)
    first, wanted = line_range(lines, total) if lines is not None else (1, total)
    width = len(str(min(wanted, first + most_lines)))
    shown: list[str] = []
    room = most_characters
    for number in range(first, min(wanted, first + most_lines - 1) + 1):
        line = f"{number:>{width}}  {_bounded(everything[number - 1])}".rstrip()
        room -= len(line) + 1
        if shown and room < 0:
            break
        shown.append(line)
    last = first + len(shown) - 1
    before = [f"[lines 1-{first - 1} before]"] if first > 1 else []
    return Excerpt(
        file.place,
        "\n".join([*before, *shown, _after(first, last, wanted, total)]),
        first,
        last,
        total,
        file.url,
        file.remarks,
    )


def _after(first: int, last: int, wanted: int, total: int) -> str:
    if last < wanted:
        end = f"{last + 1}-{wanted}"
        return f"[lines {first}-{last} of {total}; ask for lines {end} to see the rest of what was asked for]"
    if last < total:
        return f"[lines {first}-{last} of {total}; ask for lines {last + 1}-{total} to see the rest]"
    return f"[lines {first}-{last} of {total}: the end of the file]"


def _bounded(line: str) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[:_LONGEST_LINE]} … [{len(line) - _LONGEST_LINE} more characters in this line]"
