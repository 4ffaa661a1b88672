"""What the check finds in a script: each with its place, what is wrong, and what there is instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ProblemKind(StrEnum):
    """What can be wrong."""

    SYNTAX = "syntax"
    MISSING_MODULE = "missing-module"
    MISSING_NAME = "missing-name"
    MISSING_ATTRIBUTE = "missing-attribute"
    UNKNOWN_ARGUMENT = "unknown-argument"
    MISSING_ARGUMENT = "missing-argument"
    TOO_MANY_ARGUMENTS = "too-many-arguments"
    ARGUMENT_TWICE = "argument-given-twice"
    SWALLOWED = "unread-argument"
    DEPRECATED = "deprecated"
    NOT_INSTALLED = "not-installed"
    UNCHECKED = "unchecked"


WARNINGS = frozenset((ProblemKind.SWALLOWED, ProblemKind.DEPRECATED, ProblemKind.NOT_INSTALLED, ProblemKind.UNCHECKED))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A mistake that would end the script with an error, or (`is_error` False) something to look at."""

    line: int
    column: int  # from 1
    kind: ProblemKind
    what: str
    cure: str = ""
    name: str = ""  # the module, argument or attribute that it is about

    @property
    def is_error(self) -> bool:
        return self.kind not in WARNINGS

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.kind}: {self.what}" + (f" ({self.cure})" if self.cure else "")


def nearest(name: str, names: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """Those that it was probably meant to be, the best first."""
    known = [one for one in dict.fromkeys(names) if one != name]
    lower = {one.lower(): one for one in reversed(known)}
    close = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=most, cutoff=0.66)]
    if close:
        return tuple(close)
    parts = _parts(name)
    sharing = [one for one in known if len(parts & _parts(one)) >= max(2, len(parts) - 1)]
    return tuple(sharing[:most])


def quoted(names: Iterable[str]) -> str:
    """`a`, `b` or `c`."""
    shown = [f"`{name}`" for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}" if shown else ""


def _parts(name: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)}
