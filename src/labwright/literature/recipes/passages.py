"""Where a quote stands in a text, and what stands there word for word.

Quotes are compared by their letters and digits alone: spaces, dashes, quotation marks, LaTeX and the pipes of tables
are written differently by every reader and model. What is found is the text's own passage, in whole words and whole
table rows with their head and caption, so that claims are held against what the paper says and not against the quote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from labwright.contracts.literature import Document
from labwright.literature.recipes.tables import Row, Table, tables

LONGEST_QUOTE = 1_500  # characters: in a long enough quote every number stands somewhere
_LONGEST_PASSAGE = 4_000  # with the head and the caption of a table
_MOST_PIECES = 24
_FEWEST_LETTERS = 8  # of a quote
_FEWEST_OF_PIECE = 3
_FURTHEST = 3_000  # characters from the first piece of a quote in prose to its last
_MOST_PLACES = 8
_LONGEST_WORD = 80

_TOKEN = re.compile(r"\\[A-Za-z]+|[^\W_]+|(?<=\d)\.(?=\d)")
_GREEK = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    for name in ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "mu", "pi", "rho", "sigma", "tau")
} | {"lambda": "λ"}
_FUNCTIONS = frozenset({"log", "exp", "min", "max", "argmax", "argmin", "ln"})
_BETWEEN_PIECES = re.compile(r"\n+|\[?\s?(?:\.{3}|…)\s?\]?")
_NO_BREAK = re.compile(r"[^\s|]")


@dataclass(frozen=True, slots=True)
class Passage:
    """What stands where a quote points: the text's own words, and the table rows among them."""

    place: str
    text: str
    rows: tuple[tuple[Table, tuple[Row, ...]], ...] = ()


@dataclass(frozen=True)
class Place:
    """A text that may be quoted: a section, or what a tool returned."""

    name: str
    text: str

    @cached_property
    def folded(self) -> tuple[str, tuple[int, ...]]:
        """Its letters and digits, and where each stands."""
        return _fold(self.text)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """Its tables."""
        return tuple(tables(self.text))

    def passages(self, quote: str) -> Iterator[Passage]:
        """Where the quote stands here: in one piece, else in pieces (lines, or around an ellipsis) that follow."""
        whole, _ = _fold(quote)
        if len(whole) < _FEWEST_LETTERS:
            return
        found = False
        for start in islice(_occurrences(self.folded[0], whole), _MOST_PLACES):
            found = True
            yield self._passage([self._span(start, len(whole))])
        if not found:
            spans = self._pieces(quote)
            if spans:
                yield self._passage(spans)

    def _pieces(self, quote: str) -> list[tuple[int, int]]:
        pieces = [folded for piece in _BETWEEN_PIECES.split(quote) if (folded := _fold(piece)[0])]
        if not 1 < len(pieces) <= _MOST_PIECES or min(map(len, pieces)) < _FEWEST_OF_PIECE:
            return []
        spans: list[tuple[int, int]] = []
        at = 0
        for piece in pieces:
            start = self.folded[0].find(piece, at)
            start = start if start >= 0 else self.folded[0].find(piece)  # a table's head may be quoted last
            if start < 0:
                return []
            spans.append(self._span(start, len(piece)))
            at = start + len(piece)
        in_one_table = any(all(_within(table, span) for span in spans) for table in self.tables)
        apart = max(end for _, end in spans) - min(start for start, _ in spans)
        return spans if in_one_table or apart <= _FURTHEST else []

    def _span(self, start: int, length: int) -> tuple[int, int]:
        """Of folded letters, in whole words of the text."""
        offsets = self.folded[1]
        first, after = offsets[start], offsets[start + length - 1] + 1
        least, most = max(0, first - _LONGEST_WORD), min(len(self.text), after + _LONGEST_WORD)
        while first > least and _NO_BREAK.match(self.text[first - 1]):
            first -= 1
        while after < most and _NO_BREAK.match(self.text[after]):
            after += 1
        return first, after

    def _passage(self, spans: Iterable[tuple[int, int]]) -> Passage:
        kept: set[tuple[int, int]] = set()
        rows: list[tuple[Table, tuple[Row, ...]]] = []
        spans = list(spans)
        for table in self.tables:
            quoted = {at for span in spans for at in table.between(*span)}
            if quoted:
                with_head = [table.rows[at] for at in sorted(quoted | set(range(table.heads)))]
                rows.append((table, tuple(with_head)))
                kept.update((row.start, row.end) for row in with_head)
                kept.update([table.caption] if table.caption else [])
        prose = [span for start, end in spans for span in self._outside(start, end)]
        places = _merged([*kept, *prose])
        return Passage(self.name, "\n".join(self.text[a:b].strip() for a, b in places), tuple(rows))

    def _outside(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What of a span lies outside tables, whose rows are kept whole."""
        for table in self.tables:
            first, after = table.rows[0].start, table.rows[-1].end
            if first < end and start < after:
                if start < first:
                    yield start, first
                start = max(start, after)
        if start < end:
            yield start, end


@dataclass(frozen=True)
class Text:
    """Everything that may be quoted."""

    places: Sequence[Place]

    @classmethod
    def of(cls, document: Document) -> Text:
        """The abstract and the sections of a document."""
        sections = [Place(f"{section.number} {section.title}".strip(), section.text) for section in document.sections]
        return cls([Place("Abstract", document.abstract), *sections] if document.abstract else sections)

    def passages(self, quote: str) -> Iterator[Passage]:
        """Where a quote stands, in order of appearance; nothing where it does not, or is too long or too short."""
        if len(quote) <= LONGEST_QUOTE:
            for place in self.places:
                yield from (p for p in place.passages(quote) if len(p.text) <= _LONGEST_PASSAGE)

    @cached_property
    def whole(self) -> str:
        """All of it, and the names of its places."""
        return "\n".join(f"{place.name}\n{place.text}" for place in self.places)


def _fold(text: str) -> tuple[str, tuple[int, ...]]:
    letters: list[str] = []
    offsets: list[int] = []
    for match in _TOKEN.finditer(text):
        token, start = match.group(), match.start()
        if token[0] == "\\":
            name = token[1:]
            token = _GREEK.get(name.casefold(), name if name in _FUNCTIONS else "")
            letters += token
            offsets += [start] * len(token)
        elif token.isascii():
            letters += token.lower()
            offsets += range(start, match.end())
        else:
            for at, character in enumerate(token, start):
                folded = unicodedata.normalize("NFKC", character).casefold()
                kept = [c for c in folded if c.isalnum()]
                letters += kept
                offsets += [at] * len(kept)
    return "".join(letters), tuple(offsets)


def _occurrences(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _within(table: Table, span: tuple[int, int]) -> bool:
    start = min(table.rows[0].start, table.caption[0] if table.caption else table.rows[0].start)
    end = max(table.rows[-1].end, table.caption[1] if table.caption else 0)
    return start <= span[0] and span[1] <= end


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, without overlaps: a caption may have been quoted as well."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
