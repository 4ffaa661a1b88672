"""From an output to the programs it may mean: models continue the given code, write it anew, or fence it in prose."""

from __future__ import annotations

import re

from labwright.referee.pack import Item

_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_LONGEST = 100_000  # characters of an output


def candidates(item: Item, output: str) -> tuple[str, ...]:
    """The programs to try, the likeliest first; the first that is Python is the one that counts.

    A fenced block that defines the entry point stands for itself, after the code that was given (for its imports and
    helpers); else the output continues the code that was given.
    """
    output = output[:_LONGEST]
    blocks = [match.group(1) for match in _FENCE.finditer(output)]
    defining = [block for block in blocks if _defines(block, item.entry_point)]
    chosen = defining[-1:] or blocks[:1]
    found = [program for block in chosen for program in _of_block(item, block)]
    if not found:
        found = [item.setup + output]
        if _defines(output, item.entry_point):
            found.append(output)
    return tuple(dict.fromkeys(found))


def _of_block(item: Item, block: str) -> tuple[str, ...]:
    if not item.setup:
        return (block,)
    if _defines(block, item.entry_point):
        return (f"{item.setup.rstrip()}\n\n{block}", block)
    return (item.setup + block, f"{item.setup.rstrip()}\n{block}")


def _defines(code: str, name: str) -> bool:
    """Whether the code gives that name a meaning at its top level; any code does where no name is asked for."""
    if not name:
        return bool(code.strip())
    return (
        re.search(rf"^(?:async[ \t]+def|def|class)[ \t]+{name}\b|^{name}[ \t]*(?::[^\n=]*)?=", code, re.M) is not None
    )
