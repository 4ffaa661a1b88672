"""What a piece of a paper cites: from `[bib.bib12]` or `[3, 7-9]` in its text to the entries of the bibliography.

A section names its sources by keys that mean nothing to whoever reads that section alone. With the entries, and their
ids, a citation can be followed at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from labwright.contracts.literature import Document, Reference

_ANCHOR = re.compile(r"(?<![\w.])bib\.[\w.:\-]*\w")  # as LaTeXML names entries
_BRACKETS = re.compile(r"\[([^\[\]\n]{1,200})\](?!\()")  # not the text of a link
_RANGE = re.compile(r"(\d{1,4})\s*[-–—]\s*(\d{1,4})")
_LONGEST_RANGE = 40


def cited_in(document: Document, text: str) -> tuple[Reference, ...]:
    """The entries that a text of this document cites, in the order in which it cites them first."""
    entries = {_bare(entry.key): entry for entry in document.references}
    found: dict[str, Reference] = {}
    for keys in _groups(text):
        if all(key in entries for key in keys):  # `[0, 1]` is an interval: nothing in it is taken for a citation
            found.update((key, entries[key]) for key in keys if key not in found)
    return tuple(found.values())


def _groups(text: str) -> Iterator[tuple[str, ...]]:
    """Keys that stand together, in the order of the text."""
    marks: list[tuple[int, tuple[str, ...]]] = [(hit.start(), (hit[0],)) for hit in _ANCHOR.finditer(text)]
    marks += [(hit.start(), tuple(_keys(hit[1]))) for hit in _BRACKETS.finditer(text)]
    for _, keys in sorted(marks, key=lambda mark: mark[0]):
        if keys:
            yield keys


def _keys(inside: str) -> Iterator[str]:
    for piece in re.split(r"[,;]", inside):
        hit = _RANGE.fullmatch(piece.strip())
        if hit is None:
            yield piece.strip()
            continue
        first, last = int(hit[1]), int(hit[2])
        yield from (str(n) for n in range(first, min(last, first + _LONGEST_RANGE) + 1))


def _bare(key: str) -> str:
    return key.removeprefix("[").removesuffix("]")


def line(entry: Reference) -> str:
    """An entry on one line: its key, its id, its title."""
    key = entry.key if entry.key.startswith("[") else f"[{entry.key}]"
    return f"{key} {entry.ids.key or 'without an id'}  {' '.join((entry.title or entry.text).split())}"
