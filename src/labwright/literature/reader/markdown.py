"""A document out of Markdown, as Hugging Face serves papers at `/papers/ID.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labwright.contracts.errors import ServiceError
from labwright.contracts.http import Page
from labwright.contracts.literature import Document, PaperIds, Section
from labwright.literature.reader.bibliography import entries

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*")
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_NUMBERED = re.compile(r"(?:Appendix\s+)?(\d{1,2}(?:\.\d{1,2})*|[A-Z](?:\.\d{1,2})*)[.:]?\s+(\S.*)")
_REFERENCES = re.compile(r"(?:references|bibliography)", re.IGNORECASE)
_MATTER = re.compile(r"---\n.*?\n---\n", re.DOTALL)
_LEAST = 200  # characters of a text that is worth reading


def check(page: Page) -> None:
    """Raises ServiceError where a page that was served as a paper's Markdown is something else."""
    text = page.text.lstrip("\ufeff \n")
    if "html" in page.headers.get("content-type", "").lower() or re.match(
        r"<(?:!doctype|html|head|body)\b", text, re.I
    ):
        raise ServiceError(f"{page.service} answered a web page instead of the paper's text", where=page.url)
    if text.startswith("{"):
        raise ServiceError(f"{page.service} answered JSON instead of the paper's text", where=page.url)
    if len(text) < _LEAST:
        raise ServiceError(f"{page.service} has no text of it: {len(text)} characters", where=page.url)


def document(page: Page, ids: PaperIds, origin: str) -> Document:
    """The paper that the Markdown holds. Raises ServiceError where there is none."""
    check(page)
    parts = list(_parts(_MATTER.sub("", page.text.lstrip("\ufeff \n").replace("\r\n", "\n"), count=1)))
    title = abstract = ""
    references = entries([])
    if parts and parts[0][0] == 1 and sum(1 for level, _, _ in parts if level == 1) == 1:
        title = parts[0][1]
        parts[0] = (0, "", parts[0][2])  # what follows the title is front matter
    top = min((level for level, _, _ in parts if level > 0), default=1)
    sections: list[Section] = []
    for level, name, text in parts:
        if level == 0 and not text:
            continue
        hit = _NUMBERED.fullmatch(name)
        number, plain = (hit[1], hit[2]) if hit else ("", name)
        if plain.lower() == "abstract" and not abstract:
            abstract = text
        elif _REFERENCES.fullmatch(plain) and (found := entries(_items(text))):
            references = (*references, *found)
        else:
            sections.append(Section(number, plain or "Front matter", max(level - top + 1, 1), text))
    return Document(ids, title, abstract, tuple(sections), references, origin)


def _parts(text: str) -> Iterator[tuple[int, str, str]]:
    """Level, title and text of each heading, in order; level 0 is what stands before the first. Code is no heading."""
    level, title, lines = 0, "", list[str]()
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        hit = None if fence or mark else _HEADING.fullmatch(line)
        if hit is None:
            lines.append(line)
            continue
        if title or "".join(lines).strip():
            yield level, title, "\n".join(lines).strip()
        level, title, lines = len(hit[1]), hit[2].strip(" *"), []
    if title or "".join(lines).strip():
        yield level, title, "\n".join(lines).strip()


def _items(text: str) -> list[str]:
    """The lines of a bibliography without list marks."""
    return [re.sub(r"^\s*[-*]\s+", "", line) for line in text.split("\n") if line.strip()]
