"""Searches the library's index: a person's words become a question that SQLite or PostgreSQL takes, whatever they are.

FTS5 has a language of its own (NEAR, *, -, ^, column names), in which a stray quote is an error. None of it is passed
on: words are quoted one by one, text in quotes is a phrase, and signs mean nothing. First every word must occur. Where
that finds nothing, the phrases are enough, or one of the words where there are none; the rarest are taken, for a word
that half of the papers have tells nothing and takes long to rank.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.engine import Row

from labwright.contracts.literature import Query
from labwright.ledger import library_fts5

MARK: Final = "\x02"  # before and behind what was found, in a marked text
UNMARK: Final = "\x03"

_MOST_WORDS = 32  # of a question; a whole abstract that is pasted in has its first ones looked for
_LONGEST = 2_000  # letters of a word or a phrase
_MANY = 2_500  # papers; words that find more between them are not looked for one by one
_ALL = 1 << 62
_PHRASE = re.compile(r'"([^"]*)"')
_MARKS = re.compile(f"([{MARK}{UNMARK}])")
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\x00": " "})
_COMMON_WORDS = (
    "a an and are as at be by can do does for from has have how in into is it its of on or our that the their these "
    "they this to was we were what when which who why will with"
)
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Words:
    """What a question asks for."""

    phrases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    any_word: bool = False  # else all of them
    common: bool = False  # nothing but words that say nothing

    def __bool__(self) -> bool:
        return bool(self.phrases or self.words)


def words_of(question: str) -> Words:
    """A question taken apart. Words that say nothing are left out, unless there are no others."""
    clean = question.encode("utf-8", "replace").decode().translate(_QUOTES)
    phrases = _telling(_PHRASE.findall(clean))
    words = _telling(_PHRASE.sub(" ", clean).replace('"', " ").split())
    rare = tuple(word for word in words if not _is_common(word))
    common = not rare and all(_is_common(word) for phrase in phrases for word in phrase.split())
    return Words(phrases[:_MOST_WORDS], (rare if rare or phrases else words)[:_MOST_WORDS], common=common)


def _is_common(word: str) -> bool:
    return word.casefold().strip(".,;:!?()[]") in _COMMON


def _telling(pieces: Sequence[str]) -> tuple[str, ...]:
    """Those with a letter or a digit, once each: FTS5 finds nothing where it is asked for a sign."""
    kept = (" ".join(piece.split())[:_LONGEST] for piece in pieces)
    return tuple(dict.fromkeys(piece for piece in kept if any(c.isalnum() for c in piece)))


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a question finds: rows of papers, best first."""

    bodies: tuple[str, ...]
    total: int | None = None  # papers with all the words; None where nobody counted them
    wide: bool = False  # more have them than were ranked


@dataclass(frozen=True, slots=True)
class Marked:
    """A row of papers with its texts, in which what was found stands between marks."""

    body: str
    abstract: str
    text: str
    notes: str


# The filters let papers pass whose year or citations nobody knows.
_FILTERS = """
    AND (:since IS NULL OR papers.year IS NULL OR papers.year >= :since)
    AND (:until IS NULL OR papers.year IS NULL OR papers.year <= :until)
    AND (:citations IS NULL OR papers.citations IS NULL OR papers.citations >= :citations)
"""
_TYPED = _FILTERS.replace(":since", "CAST(:since AS BIGINT)").replace(":until", "CAST(:until AS BIGINT)")
_TYPED = _TYPED.replace(":citations", "CAST(:citations AS BIGINT)")  # PostgreSQL does not guess what a lone null is
_HEADLINE = "ts_headline('labwright', labwright_words({0}), CAST(:question AS TSQUERY), :headline)"
_FOUND = f"""
    SELECT papers.body AS body FROM paper_search JOIN papers ON papers.seq = paper_search.rowid
    WHERE paper_search.document @@ CAST(:question AS TSQUERY) {_TYPED}
    ORDER BY ts_rank(paper_search.document, CAST(:question AS TSQUERY)) DESC, papers.seq DESC LIMIT :limit
"""
_MARKED = f"""
    SELECT papers.body AS body, {_HEADLINE.format("paper_search.abstract")} AS abstract,
        {_HEADLINE.format("paper_search.body")} AS text, {_HEADLINE.format("paper_search.notes")} AS notes,
        paper_search.abstract AS whole_abstract, paper_search.body AS whole_text, paper_search.notes AS whole_notes
    FROM paper_search JOIN papers ON papers.seq = paper_search.rowid
    WHERE paper_search.document @@ CAST(:question AS TSQUERY) {_TYPED}
    ORDER BY ts_rank(paper_search.document, CAST(:question AS TSQUERY)) DESC, papers.seq DESC LIMIT :limit
"""
_COUNTED = {  # how many papers have the words, at most :most
    "sqlite": "SELECT count(*) FROM (SELECT 1 FROM paper_search WHERE paper_search MATCH :question LIMIT :most)",
    "postgresql": """
    SELECT count(*) FROM
        (SELECT 1 FROM paper_search WHERE document @@ CAST(:question AS TSQUERY) LIMIT :most) AS counted
    """,
}
_HEADLINE_OPTIONS = f'HighlightAll=true, StartSel="{MARK}", StopSel="{UNMARK}"'


def found(connection: Connection, query: Query) -> Ranked:
    """The papers that a question with at least one word finds, best first."""
    if connection.dialect.name != "postgresql":
        best = _best(connection, query)
        return Ranked(tuple(row.body for row in best.rows), best.total, best.wide)
    bodies = tuple(row.body for row in _asked(connection, _FOUND, query, {}))
    return Ranked(bodies, len(bodies) if len(bodies) < query.limit else _total(connection, query))


def marked(connection: Connection, query: Query) -> tuple[Marked, ...]:
    """The same papers with their texts, in which what was found is marked."""
    if connection.dialect.name != "postgresql":
        best = _best(connection, query)
        texts = [library_fts5.highlighted(connection, best.question, row.seq, MARK, UNMARK) for row in best.rows]
        return tuple(
            Marked(row.body, each.abstract, each.text, each.notes) for row, each in zip(best.rows, texts, strict=True)
        )
    rows = _asked(connection, _MARKED, query, {"headline": _HEADLINE_OPTIONS})
    return tuple(
        Marked(
            row.body,
            _overlaid(row.abstract, row.whole_abstract),
            _overlaid(row.text, row.whole_text),
            _overlaid(row.notes, row.whole_notes),
        )
        for row in rows
    )


def _overlaid(words: str, whole: str) -> str:
    """The marks of a text without signs, put into the text with them: both are equally long but for the marks."""
    pieces, place = [], 0
    for piece in _MARKS.split(words):
        if piece in (MARK, UNMARK):
            pieces.append(piece)
        else:
            pieces.append(whole[place : place + len(piece)])
            place += len(piece)
    return "".join(pieces) if place == len(whole) else words


def _best(connection: Connection, query: Query) -> library_fts5.Best:
    """SQLite's answer."""
    words = words_of(query.text)
    best = library_fts5.best(connection, fts5(words), query, common=words.common)
    if best.rows or not _may_be_loosened(words):
        return best
    looser = fts5(_loosened(connection, words))
    return replace(library_fts5.best(connection, looser, query, common=False), total=None, wide=False)


def _total(connection: Connection, query: Query) -> int | None:
    """How many papers have all the words; None where a filter narrows them, or where it took fewer to find any."""
    if query.filters:
        return None
    return _count(connection, words_of(query.text), most=_ALL) or None


def _asked(connection: Connection, statement: str, query: Query, more: dict[str, str]) -> Sequence[Row]:  # type: ignore[type-arg]
    given = {
        "since": query.since,
        "until": query.until,
        "citations": query.min_citations,
        "limit": query.limit,
        **more,
    }
    words = words_of(query.text)
    rows = connection.execute(text(statement), {"question": _question(connection, words), **given}).all()
    if rows or not _may_be_loosened(words):
        return rows
    looser = _loosened(connection, words)
    return connection.execute(text(statement), {"question": _question(connection, looser), **given}).all()


def _may_be_loosened(words: Words) -> bool:
    return bool(words.words) and len(words.phrases) + len(words.words) > 1


def _loosened(connection: Connection, words: Words) -> Words:
    """Phrases alone are enough, else one of the words: the rarest of those that any paper has, one of them at least."""
    if words.phrases:
        return replace(words, words=())
    counts = [(_count(connection, Words(words=(word,)), most=_MANY), word) for word in words.words]
    chosen: list[str] = []
    papers = 0
    for count, word in sorted(counted for counted in counts if counted[0]):
        papers += count
        if chosen and papers > _MANY:
            break
        chosen.append(word)
    return Words(words=tuple(chosen) or words.words, any_word=True)


def _count(connection: Connection, words: Words, most: int) -> int:
    statement = _COUNTED[connection.dialect.name]
    count: int | None = connection.scalar(text(statement), {"question": _question(connection, words), "most": most})
    return count or 0


def _question(connection: Connection, words: Words) -> str:
    """In the database's own language."""
    if connection.dialect.name != "postgresql":
        return fts5(words)
    written = _tsqueries(connection, (*words.phrases, *words.words))
    phrases, others = written[: len(words.phrases)], written[len(words.phrases) :]
    return _joined([p for p in phrases if p], [o for o in others if o], " & ", " | " if words.any_word else " & ")


def fts5(words: Words) -> str:
    """As FTS5 takes it: every piece between quotes, in which nothing has a meaning."""
    phrases, others = ([f'"{piece}"' for piece in pieces] for pieces in (words.phrases, words.words))
    return _joined(phrases, others, " AND ", " OR " if words.any_word else " AND ")


def _joined(phrases: list[str], others: list[str], both: str, between: str) -> str:
    return both.join((*phrases, f"({between.join(others)})") if others else phrases)


def _tsqueries(connection: Connection, pieces: Sequence[str]) -> list[str]:
    """Phrases as PostgreSQL writes them; empty where one holds nothing but words that say nothing."""
    asked = text(
        "SELECT CAST(phraseto_tsquery('labwright', labwright_words(piece)) AS TEXT) "
        "FROM unnest(CAST(:pieces AS TEXT[])) WITH ORDINALITY AS given (piece, place) ORDER BY place"
    )
    return [f"({written})" if written else "" for written in connection.scalars(asked, {"pieces": list(pieces)})]
