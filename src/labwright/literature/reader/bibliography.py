"""Entries of a bibliography: their ids, their titles, and where one entry ends and the next begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from labwright.contracts.literature import PaperIds, Reference
from labwright.literature.ids import joined, mentioned

_MOST_CHARACTERS = 4_000
_QUOTED = re.compile(r"[“\"‘']{1,2}(?P<title>[^“”\"]{8,300}?)[,.]?[”\"’']{1,2}(?=[\s,.]|$)")
_AFTER_YEAR = re.compile(r"\(?\b(?:19|20)\d\d[a-z]?\)?[.,:]\s+(?P<title>[^.?!]{8,300}[.?!])")
_ENDS = re.compile(
    r"(?<=[a-z\d)’”\"]{2})[.?!]\s+(?=[A-Z\d“\"]|arXiv|https?:|doi)"
    r"|(?<=\b[A-Z])\.\s+(?=[A-Z][a-z]+ (?!et\b|and\b)[a-z])"  # after an author's initial, before a title
)
_VENUE = re.compile(
    r"(?:In |arXiv|CoRR|Advances in|Proceedings|Journal|Transactions|URL|https?:|doi|ICLR|NeurIPS|ICML|ACL|EMNLP)", re.I
)
_NUMBERED = re.compile(r"\[(\d{1,4})\]\s*")
_DOTTED = re.compile(r"(\d{1,4})\.\s+(?=\S)")
_LABELLED = re.compile(r"\[([A-Z][\w+’'\-*. ]{1,30}\d\d[a-z]?)\]\s*")


def reference(key: str, text: str, *, links: Iterable[str] = (), title: str = "") -> Reference:
    """An entry with the ids that its links and its text give it; links are surer than text."""
    ids, by = PaperIds(), ""
    for link in links:
        found = mentioned(link[:_MOST_CHARACTERS])
        if found.key:
            ids, by = joined(ids, found), "link"
    found = mentioned(text[:_MOST_CHARACTERS])
    if found.key:
        ids, by = joined(ids, found), by or "text"
    return Reference(key=key, text=text, ids=ids, title=title or title_of(text), by=by)


def title_of(text: str) -> str:
    """The title in an entry that is mere text; empty where no rule finds one. A guess: compare before trusting it."""
    line = text[:_MOST_CHARACTERS]
    quoted = _QUOTED.search(line)
    if quoted and " " in quoted["title"]:
        return quoted["title"].strip(" ,.")
    dated = _AFTER_YEAR.search(line)
    if dated and not _VENUE.match(dated["title"]):
        return dated["title"].strip(" ,.")
    parts = [part.strip(" ,.") for part in _ENDS.split(line)]
    for part in parts[1:]:
        if len(part) >= 8 and " " in part and not _VENUE.match(part) and not part.endswith(" et al"):
            return re.sub(r",\s*(?:19|20)\d\d[a-z]?$", "", part)
    return ""


def entries(lines: Sequence[str], starts: Sequence[bool] | None = None) -> tuple[Reference, ...]:
    """The entries in the lines of a printed bibliography.

    Args:
        lines: as they stand on the pages.
        starts: for each line, whether it stands at the left margin while others are indented; None where that is
            unknown. Serves where entries carry no number.
    """
    for pattern, counted in ((_NUMBERED, True), (_LABELLED, False), (_DOTTED, True)):
        marks = _marks(lines, pattern, counted=counted)
        if len(marks) >= 2 or (len(marks) == 1 and marks[0][0] == 0):
            return _cut(lines, marks, pattern)
    begins = (
        starts
        if starts is not None and any(starts) and not all(starts)
        else [_opens(lines, n) for n in range(len(lines))]
    )
    marks = [(n, f"ref.{order}") for order, n in enumerate((n for n, begin in enumerate(begins) if begin), start=1)]
    return _cut(lines, marks, None)


def _marks(lines: Sequence[str], pattern: re.Pattern[str], *, counted: bool) -> list[tuple[int, str]]:
    """The lines that begin with a key, and the keys; numbers must count up, so that a line's own numbers are none."""
    marks: list[tuple[int, str]] = []
    last = 0
    for n, line in enumerate(lines):
        hit = pattern.match(line)
        if hit is None:
            continue
        if counted:
            number = int(hit[1])
            if not (number == last + 1 or (last and last < number <= last + 3) or (not marks and number == 0)):
                continue
            last = number
        marks.append((n, f"[{hit[1]}]"))
    return marks


def _opens(lines: Sequence[str], n: int) -> bool:
    """Whether a line looks like the first of an entry: the one before it is over, and this one begins with a name."""
    if n == 0:
        return True
    over = re.search(r"(?:\.|\.\)|\d{4}[a-z]?\)?|/\S+)$", lines[n - 1].rstrip()) is not None
    named = re.match(r"(?:[A-Z][\w’'\-]+,? (?:[A-Z]|and\b|et\b)|[A-Z]\. ?[A-Z]|[A-Z][\w\-]+\. )", lines[n]) is not None
    return over and named


def _cut(
    lines: Sequence[str], marks: Sequence[tuple[int, str]], pattern: re.Pattern[str] | None
) -> tuple[Reference, ...]:
    found: list[Reference] = []
    for order, (start, key) in enumerate(marks):
        end = marks[order + 1][0] if order + 1 < len(marks) else len(lines)
        text = _joined(lines[start:end])
        if pattern is not None:
            text = pattern.sub("", text, count=1)
        if text:
            found.append(reference(key, text))
    return tuple(found)


def _joined(lines: Iterable[str]) -> str:
    """The lines of one entry as one; an address or a word that was broken at a line's end is made whole."""
    text = ""
    for line in (line.strip() for line in lines):
        if re.search(r"[a-z]-$", text) and line[:1].islower() and "/" not in text.rpartition(" ")[2]:
            text = text[:-1] + line
        elif re.search(r"https?://\S*[/\-._=]$|\b10\.\d{4,9}/\S*[/\-._]?$", text) and re.match(r"[\w%]", line):
            text += line if not text.endswith(".") else f" {line}"
        else:
            text = f"{text} {line}" if text else line
    return re.sub(r"\s+", " ", text).strip()
