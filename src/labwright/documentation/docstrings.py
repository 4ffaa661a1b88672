"""What a docstring says of each argument.

Hugging Face's docstrings put groups (`> Parameters that control the model`) and blocks (`<Deprecated>`) between the
arguments, which the general parsers of griffe do not take; theirs serve for numpy's and Sphinx's styles.
"""

from __future__ import annotations

import inspect
import logging
import re
from functools import lru_cache

_HEADER = re.compile(r"^(\s*)(Args|Arguments|Parameters|Params|Attributes|Keyword Args)\s*:\s*$", re.M)
_ENTRY = re.compile(r"^(\s*)\*{0,2}`?(\w+)`?\s*(?:\((.*?)\))?\s*:(?:\s+(.*))?$")


@lru_cache(maxsize=256)
def arguments(doc: str) -> dict[str, str]:
    """Each argument's description, by its name."""
    found: dict[str, str] = {}
    lines = inspect.cleandoc(doc).splitlines()
    at = 0
    while at < len(lines):
        header = _HEADER.match(lines[at])
        at += 1
        if header is not None:
            at = _section(lines, at, len(header.group(1)), found)
    return found or _by_griffe(doc)


def without_arguments(doc: str) -> str:
    """A docstring without the sections that describe its arguments."""
    lines = inspect.cleandoc(doc).splitlines()
    kept: list[str] = []
    at = 0
    while at < len(lines):
        header = _HEADER.match(lines[at])
        found: dict[str, str] = {}
        after = _section(lines, at + 1, len(header.group(1)), found) if header is not None else at
        if found:
            at = after
        else:
            kept.append(lines[at])
            at += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def summary(doc: str) -> str:
    """Its first paragraph on one line."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(doc).strip(), maxsplit=1)
    return " ".join(paragraphs[0].split())


def _section(lines: list[str], at: int, outer: int, found: dict[str, str]) -> int:
    """Reads the entries under a header; gives the line after them."""
    indent = -1
    name, described = "", list[str]()
    while at < len(lines):
        line = lines[at]
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth <= outer:
            break
        entry = _ENTRY.match(line)
        if indent < 0 and entry is not None:
            indent = depth
        if entry is not None and depth == indent:
            _keep(name, described, found)
            name, described = entry.group(2), [entry.group(4) or ""]
        elif line.strip() and depth <= indent:  # a group's title, between arguments
            _keep(name, described, found)
            name, described = "", []
        else:
            described.append(line)
        at += 1
    _keep(name, described, found)
    return at


def _keep(name: str, described: list[str], found: dict[str, str]) -> None:
    if name:
        found.setdefault(name, inspect.cleandoc("\n".join(described)).strip())


def _by_griffe(doc: str) -> dict[str, str]:
    if not re.search(r"^\s*(Parameters\s*\n\s*-{3,}|:param )", doc, re.M):
        return {}
    import griffe  # noqa: PLC0415  (a fifth of a second, for docstrings that our own reading does not take)

    logging.getLogger("griffe").setLevel(logging.CRITICAL)  # it warns of every docstring that is not as it likes
    style = griffe.parse_numpy if "---" in doc else griffe.parse_sphinx
    sections = style(griffe.Docstring(inspect.cleandoc(doc)))
    return {
        one.name: one.description
        for section in sections
        if isinstance(section, griffe.DocstringSectionParameters)
        for one in section.value
    }
