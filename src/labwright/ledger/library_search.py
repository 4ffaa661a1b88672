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

MARK: Final = "\x02"  # before and behind what was found, in a marked text
UNMARK: Final = "\x03"

_MOST_WORDS = 48  # of a question; a whole abstract that is pasted in has its first ones looked for
_LONGEST = 2_000  # letters of a word or a phrase
_MANY = 5_000  # papers; words that find more between them are not looked for one by one
_ALL = 1 << 62
_PHRASE = re.compile(r'"([^"]*)"')
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\x00": " "})
_COMMON_WORDS = (
    "a an and are as at be by can do does for from has have how in into is it its of on or that the their this to was "
    "we were what when which who why will with"
)
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True, slots=True)
class Words:
    """What a question asks for."""

    phrases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    any_word: bool = False  # else all of them

    def __bool__(self) -> bool:
        return bool(self.phrases or self.words)


def words_of(question: str) -> Words:
    """A question taken apart. Words that say nothing are left out, unless there are no others."""
    clean = question.encode("utf-8", "replace").decode().translate(_QUOTES)
    phrases = _telling(_PHRASE.findall(clean))
    words = _telling(_PHRASE.sub(" ", clean).replace('"', " ").split())
    rare = tuple(word for word in words if word.casefold().strip(".,;:!?()[]") not in _COMMON)
    return Words(phrases[:_MOST_WORDS], (rare if rare or phrases else words)[:_MOST_WORDS])


def _telling(pieces: Sequence[str]) -> tuple[str, ...]:
    """Those with a letter or a digit, once each: FTS5 finds nothing where it is asked for a sign."""
    kept = (" ".join(piece.split())[:_LONGEST] for piece in pieces)
    return tuple(dict.fromkeys(piece for piece in kept if any(c.isalnum() for c in piece)))


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How one kind of database is asked."""

    found: str  # rows of papers, best first
    counted: str  # how many papers have the words, at most :most
    marked: str  # the texts of the best, with what was found between marks


# The filters let papers pass whose year or citations nobody knows. CROSS JOIN keeps SQLite at the index's own order, in
# which it can stop at the limit.
_FILTERS = """
    AND (:since IS NULL OR papers.year IS NULL OR papers.year >= :since)
    AND (:until IS NULL OR papers.year IS NULL OR papers.year <= :until)
    AND (:citations IS NULL OR papers.citations IS NULL OR papers.citations >= :citations)
"""
_FTS5 = _Dialect(
    found=f"""
    SELECT papers.body AS body FROM paper_search CROSS JOIN papers ON papers.seq = paper_search.rowid
    WHERE paper_search MATCH :question {_FILTERS} ORDER BY paper_search.rank LIMIT :limit
    """,
    counted="SELECT count(*) FROM (SELECT 1 FROM paper_search WHERE paper_search MATCH :question LIMIT :most)",
    marked=f"""
    SELECT papers.body AS body, highlight(paper_search, 2, :mark, :unmark) AS abstract,
        highlight(paper_search, 3, :mark, :unmark) AS text, highlight(paper_search, 4, :mark, :unmark) AS notes
    FROM paper_search CROSS JOIN papers ON papers.seq = paper_search.rowid
    WHERE paper_search MATCH :question {_FILTERS} ORDER BY paper_search.rank LIMIT :limit
    """,
)
_TYPED = _FILTERS.replace(":since", "CAST(:since AS BIGINT)").replace(":until", "CAST(:until AS BIGINT)")
_TYPED = _TYPED.replace(":citations", "CAST(:citations AS BIGINT)")  # PostgreSQL does not guess what a lone null is
_HEADLINE = "ts_headline('english', {0}, CAST(:question AS TSQUERY), :headline)"
_TSVECTOR = _Dialect(
    found=f"""
    SELECT papers.body AS body FROM paper_search JOIN papers ON papers.seq = paper_search.rowid
    WHERE paper_search.document @@ CAST(:question AS TSQUERY) {_TYPED}
    ORDER BY ts_rank(paper_search.document, CAST(:question AS TSQUERY)) DESC, papers.seq DESC LIMIT :limit
    """,
    counted="""
    SELECT count(*) FROM
        (SELECT 1 FROM paper_search WHERE document @@ CAST(:question AS TSQUERY) LIMIT :most) AS counted
    """,
    marked=f"""
    SELECT papers.body AS body, {_HEADLINE.format("paper_search.abstract")} AS abstract,
        {_HEADLINE.format("paper_search.body")} AS text, {_HEADLINE.format("paper_search.notes")} AS notes
    FROM paper_search JOIN papers ON papers.seq = paper_search.rowid
    WHERE paper_search.document @@ CAST(:question AS TSQUERY) {_TYPED}
    ORDER BY ts_rank(paper_search.document, CAST(:question AS TSQUERY)) DESC, papers.seq DESC LIMIT :limit
    """,
)
_HEADLINE_OPTIONS = f'HighlightAll=true, StartSel="{MARK}", StopSel="{UNMARK}"'


def found(connection: Connection, query: Query) -> Sequence[Row[tuple[str]]]:
    """The rows of papers that a question with at least one word finds, best first."""
    return _asked(connection, _dialect(connection).found, query, {})


def marked(connection: Connection, query: Query) -> Sequence[Row[tuple[str, str, str, str]]]:
    """The same papers with their texts, in which what was found is marked."""
    if connection.dialect.name == "postgresql":
        more = {"headline": _HEADLINE_OPTIONS}
    else:
        more = {"mark": MARK, "unmark": UNMARK}
    return _asked(connection, _dialect(connection).marked, query, more)


def total(connection: Connection, query: Query) -> int | None:
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
    if rows or len(words.phrases) + len(words.words) < 2 or not words.words:
        return rows
    looser = _loosened(connection, words)
    return connection.execute(text(statement), {"question": _question(connection, looser), **given}).all()


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
    statement = _dialect(connection).counted
    count: int | None = connection.scalar(text(statement), {"question": _question(connection, words), "most": most})
    return count or 0


def _dialect(connection: Connection) -> _Dialect:
    return _TSVECTOR if connection.dialect.name == "postgresql" else _FTS5


def _question(connection: Connection, words: Words) -> str:
    """In the database's own language."""
    if connection.dialect.name != "postgresql":
        return fts5(words)
    phrases, others = ([_tsquery(connection, piece) for piece in pieces] for pieces in (words.phrases, words.words))
    return _joined([p for p in phrases if p], [o for o in others if o], " & ", " | " if words.any_word else " & ")


def fts5(words: Words) -> str:
    """As FTS5 takes it: every piece between quotes, in which nothing has a meaning."""
    phrases, others = ([f'"{piece}"' for piece in pieces] for pieces in (words.phrases, words.words))
    return _joined(phrases, others, " AND ", " OR " if words.any_word else " AND ")


def _joined(phrases: list[str], others: list[str], both: str, between: str) -> str:
    return both.join((*phrases, f"({between.join(others)})") if others else phrases)


def _tsquery(connection: Connection, piece: str) -> str:
    """A phrase as PostgreSQL writes it; empty where it holds nothing but words that say nothing."""
    phrase = text("SELECT CAST(phraseto_tsquery('english', :piece) AS TEXT)")
    written: str | None = connection.scalar(phrase, {"piece": piece})
    return f"({written})" if written else ""
