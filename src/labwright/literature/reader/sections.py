"""Finding a section, and reading a document page by page: what is not shown is always counted and never lost."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from labwright.contracts.errors import UsageError
from labwright.contracts.literature import Document, Reference, Section

MOST = 12_000  # characters of a page, unless asked otherwise
_LEAST_LIKE = 0.62
_SUMMARY = ("abstract", "summary")
_BIBLIOGRAPHY = ("references", "bibliography")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A page of a document, or of one section of it."""

    text: str
    where: str  # "3.2 Training", or the paper's title
    start: int  # characters from the beginning of what is paged
    end: int
    total: int

    @property
    def following(self) -> int | None:
        """The offset of the next page; None where this is the last."""
        return self.end if self.end < self.total else None

    @property
    def note(self) -> str:
        """What is shown and what is left, in one line."""
        if self.start == 0 and self.end == self.total:
            return f"all of {self.where}: {self.total} characters"
        shown = f"characters {self.start} to {self.end} of {self.total} of {self.where}"
        if self.following is None:
            return f"{shown}; this is its end"
        return f"{shown}; {self.total - self.end} are left: go on with offset={self.following}"


def page(document: Document, section: str | None = None, offset: int = 0, most: int = MOST) -> Excerpt:
    """A part of the whole text, or of one section with its subsections, of about `most` characters.

    Args:
        document: what was read.
        section: its number or title, about (`3.2`, `training details`), or `abstract` or `references`; None for all.
        offset: where to begin, as `Excerpt.following` of the page before says.
        most: the largest number of characters; a page ends at the end of a paragraph or line where one is near.

    Raises UsageError: no such section (it lists those there are), an offset beyond the end, or `most` below 1.
    """
    where, text = _paged(document, section)
    if most < 1:
        raise UsageError(f"a page of {most} characters holds nothing", cure="ask for at least 1, better some thousands")
    if not 0 <= offset <= len(text) or (offset == len(text) and offset > 0):
        what = f"offset {offset} is not within {where}, which has {len(text)} characters"
        raise UsageError(what, cure=f"give an offset from 0 to {max(len(text) - 1, 0)}")
    end = _end(text, offset, most)
    return Excerpt(text[offset:end], where, offset, end, len(text))


def is_bibliography(section: str | None) -> bool:
    """Whether a section that is asked for is the list of references."""
    return section is not None and _plain(section) in _BIBLIOGRAPHY


def find(document: Document, wanted: str) -> Section:
    """The section of a number or a title, or the one whose title is most like it. Raises UsageError that lists them."""
    return document.sections[_index(document, wanted)]


def within(document: Document, wanted: str) -> tuple[Section, ...]:
    """A section and its subsections. Raises UsageError as `find` does."""
    start = _index(document, wanted)
    level = document.sections[start].level
    end = start + 1
    while end < len(document.sections) and document.sections[end].level > level:
        end += 1
    return document.sections[start:end]


def outline(document: Document) -> str:
    """The headings, indented, each with the length of its text: what to ask for."""
    lines = [f"Abstract ({len(document.abstract)} characters)"] if document.abstract else []
    for section in document.sections:
        lines.append(f"{'  ' * (section.level - 1)}{heading(section)} ({len(section.text)} characters)")
    if document.references:
        count = len(document.references)
        lines.append(f"References ({count} {'entry' if count == 1 else 'entries'})")
    return "\n".join(lines)


def whole(document: Document) -> str:
    """The document as Markdown: title, abstract, sections, references."""
    parts = [f"# {document.title}"] if document.title else []
    if document.abstract:
        parts.append(f"## Abstract\n\n{document.abstract}")
    parts.extend(_written(document.sections))
    if document.references:
        parts.append(f"## References\n\n{_listed(document.references)}")
    return "\n\n".join(parts)


def heading(section: Section) -> str:
    """Number and title."""
    return f"{section.number} {section.title}".strip() or "(without a title)"


def _paged(document: Document, section: str | None) -> tuple[str, str]:
    if section is None:
        return f'"{document.title}"' if document.title else "the document", whole(document)
    name = _plain(section)
    if name in _SUMMARY and document.abstract:
        return "the abstract", document.abstract
    if is_bibliography(section) and document.references:
        return "the references", _listed(document.references)
    parts = within(document, section)
    return heading(parts[0]), "\n\n".join(_written(parts))


def _written(sections: Sequence[Section]) -> list[str]:
    parts: list[str] = []
    for section in sections:
        title = f"{'#' * min(section.level + 1, 6)} {heading(section)}"
        parts.append(f"{title}\n\n{section.text}" if section.text else title)
    return parts


def _listed(references: Sequence[Reference]) -> str:
    lines: list[str] = []
    for entry in references:
        key = entry.key if entry.key.startswith("[") else f"[{entry.key}]"
        lines.append(f"{key} {entry.text}" + (f" ({entry.ids.key})" if entry.ids.key else ""))
    return "\n".join(lines)


def _end(text: str, offset: int, most: int) -> int:
    """Where a page ends: after a paragraph, else a line, else a word, if one ends in its last third."""
    limit = offset + most
    if limit >= len(text):
        return len(text)
    for mark in ("\n\n", "\n", " "):
        at = text.rfind(mark, offset + max(most * 2 // 3, 1), limit)
        if at > offset:
            return at + len(mark)
    return limit


def _index(document: Document, wanted: str) -> int:
    sections = document.sections
    number = re.sub(r"^(?:section|sec\.?|appendix|app\.?|§)\s*", "", wanted.strip(), flags=re.I).strip(" .:")
    name = _plain(wanted)
    tests = (
        lambda section: bool(section.number) and section.number.lower() == number.lower(),
        lambda section: bool(name) and name in (_plain(section.title), _plain(heading(section))),
        lambda section: len(name) >= 3 and f" {name}" in f" {_plain(section.title)}",
    )
    for test in tests:
        fitting = [n for n, section in enumerate(sections) if test(section)]
        if fitting:
            return min(fitting, key=lambda n: (sections[n].level, n))
    likeness = [(_like(name, _plain(section.title)), -n) for n, section in enumerate(sections)]
    best, at = max(likeness, default=(0.0, 0))
    if name and best >= _LEAST_LIKE:
        return -at
    raise UsageError(
        f"there is no section {wanted!r}",
        where=document.title or document.ids.key or None,
        cure=f"ask for one of these, by number or title:\n{outline(document)}" if sections else "leave the section out",
    )


def _like(name: str, title: str) -> float:
    """How alike two titles are, from 0 to 1: by letters, or by words that begin alike."""
    if not title:
        return 0.0
    asked, there = name.split(), title.split()
    shared = sum(1 for word in asked if any(_stem(word) == _stem(other) for other in there))
    by_words = 0.9 * shared / len(asked) if asked else 0.0
    return max(difflib.SequenceMatcher(None, name, title).ratio(), by_words)


def _stem(word: str) -> str:
    return word[:5] if len(word) > 5 else word.rstrip("s")


def _plain(text: str) -> str:
    """In lower case, letters and digits only."""
    return re.sub(r"[\W_]+", " ", text.lower()).strip()
