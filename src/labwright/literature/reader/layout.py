"""A document out of a PDF's lines, by rules: what is a heading, what is a paragraph, where the references begin.

Two witnesses speak for a heading: its number follows the one before, and its type is larger or bolder than the text.
Where the type says nothing (all of one size) the number alone decides; a numbered list therefore does not become
sections where headings are set in bold, as they are in nearly every paper.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from labwright.contracts.literature import Document, PaperIds, Reference, Section
from labwright.literature.reader.bibliography import entries
from labwright.literature.reader.prints import Line, Print

_NUMERIC = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})\.?:?\s+(\S.*)")
_LETTER = re.compile(r"(?:Appendix\s+)?([A-Z](?:\.\d{1,2}){0,3})[.:]?\s+(\S.*)")
_ROMAN = re.compile(r"([IVX]{1,5})\.\s+(\S.*)")
_BARE = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3}|[A-Z](?:\.\d{1,2}){0,3})\.?")
_NAMED = re.compile(
    r"(?:abstract|summary|introduction|background|related works?|preliminaries|methods?|methodology|approach"
    r"|experiments?|experimental (?:setup|results)|results?(?: and discussion)?|evaluation|analysis|discussion"
    r"|limitations?"
    r"|(?:discussion and )?conclusions?(?: and future work)?|future work|acknowledge?ments?|references|bibliography"
    r"|appendix|appendices|supplementary materials?|supplement|ethics statement|reproducibility(?: statement)?"
    r"|impact statement|broader impacts?|contributions|author contributions|contents|table of contents)[.:]?",
    re.IGNORECASE,
)
_REFERENCES = re.compile(r"(?:references|bibliography|literature cited)[.:]?", re.IGNORECASE)
_ABSTRACT = re.compile(r"abstract\s*[—–.:-]+\s*(?=\S)", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*\d*$")
_CAPTION = re.compile(r"(Table|Figure|Fig\.|Algorithm|Listing)\s+[A-Z]?\.?\d+(?:\.\d+)?\s*[:.|—]", re.IGNORECASE)
_BULLET = re.compile(r"(?:[•◦▪–‣∙]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)])\s+\S")
_NUMBERS = re.compile(r"[-+−±]?\$?\d[\d.,]*(?:[%kKMB]|e[-−+]?\d+)?(?:±\d[\d.]*)?")
_LETTERS_FROM = 100  # appendix A counts as 101, after every number


@dataclass(frozen=True, slots=True)
class _Heading:
    at: int  # the line
    after: int  # the first line of its text
    number: str
    title: str
    level: int


def document(content: Print, ids: PaperIds, origin: str = "pdf") -> Document:
    """The paper, with remarks on what a PDF does not tell."""
    lines = content.lines
    body = _body_size(lines)
    headings = _headings(lines, body)
    whole = _Words(lines)
    title, after_title = _title(lines, content.title, body)
    sections: list[Section] = []
    references: tuple[Reference, ...] = ()
    abstract = ""
    first = headings[0].at if headings else len(lines)
    front = lines[after_title:first]
    inline = next((n for n, line in enumerate(front) if _ABSTRACT.match(line.text)), None)
    if inline is not None:
        abstract = _ABSTRACT.sub("", whole.text(front[inline:]), count=1)
        front = front[:inline]
    if front:
        sections.append(Section("", "Front matter" if headings else "Text", 1, whole.text(front)))
    for order, heading in enumerate(headings):
        end = headings[order + 1].at if order + 1 < len(headings) else len(lines)
        part = lines[heading.after : end]
        if heading.title.lower().rstrip(".:") == "abstract" and not abstract:
            abstract = whole.text(part)
            continue
        if _REFERENCES.fullmatch(heading.title):
            found = entries([line.text for line in part], _outdented(part))
            references = (*references, *found)
            if found:
                continue
        sections.append(Section(heading.number, heading.title, heading.level, whole.text(part)))
    remarks = (*content.remarks, *_remarks(lines, headings, references))
    return Document(ids, title, abstract, tuple(sections), references, origin, remarks)


def _body_size(lines: Sequence[Line]) -> float:
    """The size of most of the type."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _title(lines: Sequence[Line], said: str, body: float) -> tuple[str, int]:
    """The title and the first line after it: the largest type at the top of page one, else what the file says."""
    top = [line for line in lines[:40] if line.page == 0]
    largest = max((line.size for line in top), default=0.0)
    if largest > body * 1.15:
        start = next(n for n, line in enumerate(top) if line.size == largest)
        end = start
        while end < len(top) and end - start < 5 and top[end].size >= largest * 0.95:
            if end > start and _NAMED.fullmatch(re.sub(r"^\d\.?\s+", "", top[end].text)):
                break  # the first heading, in type as large as the title's
            end += 1
        text = " ".join(line.text for line in top[start:end])
        if len(text) >= 8 and not re.fullmatch(r"[\d\W]+", text):
            return text, end if start == 0 else 0
    if 4 < len(said) < 300 and not re.search(r"\.(?:dvi|tex|pdf|docx?)$|^(?:untitled|microsoft word)", said, re.I):
        return said, 0
    return (top[0].text[:300], 1) if top else ("", 0)


# Headings


def _headings(lines: Sequence[Line], body: float) -> list[_Heading]:
    contents = _contents_pages(lines)
    striking = [line.size > body * 1.07 or line.bold for line in lines]
    numbered = [
        n
        for n, line in enumerate(lines)
        if striking[n] and (_NUMERIC.fullmatch(line.text) or _BARE.fullmatch(line.text))
    ]
    by_type = len(numbered) >= 2 or any(striking[n] and _NAMED.fullmatch(line.text) for n, line in enumerate(lines))
    found: list[_Heading] = []
    last: tuple[int, ...] = ()
    n = 0
    while n < len(lines):
        heading = None
        if lines[n].page not in contents and (striking[n] or not by_type):
            heading = _heading(lines, n, last, by_type=by_type)
        if heading is None:
            n += 1
            continue
        number = _order(heading.number)
        last = number or last
        after = heading.after
        title = heading.title
        while by_type and after < len(lines) and after - n < 3 and _goes_on(lines, n, after, title):
            title = f"{title} {lines[after].text}"
            after += 1
        found.append(_Heading(heading.at, after, heading.number, title, heading.level))
        n = after
    return found


def _heading(lines: Sequence[Line], n: int, last: tuple[int, ...], *, by_type: bool) -> _Heading | None:
    """The heading that begins on a line, if it is one."""
    text = lines[n].text
    if _NAMED.fullmatch(text) and (by_type or text[:1].isupper()):
        return _Heading(n, n + 1, "", text.rstrip(".:"), 1)
    bare = _BARE.fullmatch(text)
    if bare and by_type and n + 1 < len(lines) and lines[n + 1].page == lines[n].page:
        split = lines[n + 1]
        if abs(split.size - lines[n].size) < 0.6 and split.bold == lines[n].bold and _is_title(split.text):
            return _numbered(n, n + 2, bare[1], split.text, last, lenient=by_type)
        return None
    for pattern in (_NUMERIC, _ROMAN, _LETTER):
        hit = pattern.fullmatch(text)
        if hit and _is_title(hit[2]):
            made = _numbered(n, n + 1, hit[1], hit[2], last, lenient=by_type)
            if made is not None:
                return made
    return None


def _numbered(at: int, after: int, number: str, title: str, last: tuple[int, ...], *, lenient: bool) -> _Heading | None:
    order = _order(number)
    if not order or not _follows(order, last, lenient=lenient):
        return None
    return _Heading(at, after, number, title.rstrip("."), len(order))


def _order(number: str) -> tuple[int, ...]:
    """A number as what it counts: 3.2 is (3, 2), B.1 is (102, 1), IV is (4,)."""
    if not number:
        return ()
    head, *rest = number.split(".")
    if head.isdigit():
        first = int(head)
    elif re.fullmatch(r"[IVX]{2,}|[IVX]", head) and not rest and head in _ROMANS:
        first = _ROMANS[head]
    else:
        first = _LETTERS_FROM + ord(head[0]) - ord("A") + 1
    return (first, *(int(part) for part in rest))


_ROMANS = {
    numeral: value
    for value, numeral in enumerate(["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"], start=1)
}


def _follows(order: tuple[int, ...], last: tuple[int, ...], *, lenient: bool) -> bool:
    """Whether a number comes next. Lenient: one may have been missed, as type says that this is a heading."""
    gap = 2 if lenient else 1
    if not last:
        return order in ((1,), (0,)) or (lenient and order == (2,))
    if order[0] > _LETTERS_FROM > last[0]:
        return order == (_LETTERS_FROM + 1,) or (lenient and order == (_LETTERS_FROM + 1, 1))
    if len(order) == len(last) + 1 and order[:-1] == last:
        return order[-1] in range(1 + gap)
    if len(order) > len(last):
        return lenient and len(order) == len(last) + 1 and order[-1] == 1 and 0 < order[0] - last[0] <= 1
    step = order[-1] - last[len(order) - 1]
    return order[:-1] == last[: len(order) - 1] and 0 < step <= gap


def _is_title(text: str) -> bool:
    words = text.split()
    return (
        len(text) <= 130
        and len(words) <= 18
        and (words[0][0].isupper() or words[0][0].isdigit() or words[0][0] in '“"(µαβ' or len(words) == 1)
        and sum(letter.isalpha() for letter in text) >= 3
        and sum(letter.isdigit() for letter in text) <= len(text) * 0.3
        and text[-1] not in ",;"
        and not (text[-1] == "." and len(words) > 8)
        and not _LEADERS.search(text)
    )


def _goes_on(lines: Sequence[Line], first: int, at: int, title: str) -> bool:
    """Whether a line continues a heading: it is set as the heading is, and is none itself."""
    one, other = lines[first], lines[at]
    same = abs(one.size - other.size) < 0.3 and one.bold == other.bold and one.page == other.page
    full = len(title) >= 40
    return (
        same and full and not (_NUMERIC.match(other.text) or _LETTER.match(other.text) or _NAMED.fullmatch(other.text))
    )


def _contents_pages(lines: Sequence[Line]) -> frozenset[int]:
    """The pages of a table of contents: its lines look like headings and are none."""
    leaders = Counter(line.page for line in lines if _LEADERS.search(line.text))
    return frozenset(page for page, times in leaders.items() if times >= 4)


def _outdented(lines: Sequence[Line]) -> list[bool] | None:
    """For each line whether it stands at the left margin of its column while the next ones are indented."""
    if len(lines) < 4:
        return None
    places = Counter(round(line.x) for line in lines)
    margins = [place for place, times in places.items() if times >= max(2, len(lines) * 0.04)]
    hanging = {place for place in margins if any(4 <= other - place <= 30 for other in margins)}
    if not hanging:
        return None
    return [any(abs(line.x - place) < 2 for place in hanging) for line in lines]


# Text


class _Words:
    """Joins lines to paragraphs. Knows all words of the print, to tell `fine-` + `tuning` from `exam-` + `ple`."""

    def __init__(self, lines: Sequence[Line]) -> None:
        text = "\n".join(line.text for line in lines)
        self._words = Counter(re.findall(r"[A-Za-z]+(?:-[A-Za-z]+)*", text.lower()))
        longest = sorted(len(line.text) for line in lines)
        self._full = longest[int(len(longest) * 0.7)] if longest else 0

    def text(self, lines: Sequence[Line]) -> str:
        """Paragraphs, with an empty line between; rows of numbers stay lines."""
        paragraphs: list[str] = []
        current = ""
        for n, line in enumerate(lines):
            before = lines[n - 1].text if n else ""
            if current and self._begins(before, line.text):
                paragraphs.append(current)
                current = line.text
            else:
                current = self._join(current, line.text) if current else line.text
        return "\n\n".join([*paragraphs, current] if current else paragraphs).replace("\n\n| ", "\n| ")

    def _begins(self, before: str, text: str) -> bool:
        if _CAPTION.match(text) or _BULLET.match(text) or _is_row(text) or _is_row(before):
            return True
        return bool(re.search(r"[.?!:][)”\"]?$", before)) and len(before) < self._full * 0.85 and not text[:1].islower()

    def _join(self, before: str, text: str) -> str:
        broken = re.search(r"([A-Za-z]+(?:-[A-Za-z]+)*)-$", before)
        rest = re.match(r"[a-z]+", text)
        if broken is None or rest is None:
            return f"{before} {text}"
        joined, kept = (broken[1] + rest[0]).lower(), f"{broken[1]}-{rest[0]}".lower()
        if self._words[kept] > self._words[joined]:
            return before + text
        return before[:-1] + text


def _is_row(text: str) -> bool:
    """Whether a line looks like the row of a table: mostly numbers."""
    words = text.split()
    numbers = sum(1 for word in words if _NUMBERS.fullmatch(word.strip("()|[]")))
    return numbers >= 3 and numbers * 2 >= len(words)


def _remarks(lines: Sequence[Line], headings: Sequence[_Heading], references: Sequence[Reference]) -> list[str]:
    said = ["read from a PDF: headings, paragraphs and references are found by rules, formulas are as printed"]
    tables = {
        hit[0].rstrip(" :.|—") for line in lines if (hit := _CAPTION.match(line.text)) and hit[1].lower() == "table"
    }
    if tables:
        names = ", ".join(sorted(tables, key=lambda name: (len(name), name))[:12])
        said.append(f"tables were not recovered: their cells stand as lines of text ({names})")
    if not headings:
        said.append("no headings were found: the whole text is one section")
    if not references:
        said.append("no list of references was found")
    return said
