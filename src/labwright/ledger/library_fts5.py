"""Ranks what FTS5 finds in a bounded time, however many papers have the words.

FTS5 knows the best rows only when it has scored every row, at a microsecond or two each: of 50,000 papers, words that
nearly all have take 100 ms. So at most some thousand are scored, those that were kept last, and where more papers have
the words, and no filter narrows them, those that have them in the title come first. A phrase like "of the" is dear by
itself, since each of its words stands everywhere, and scoring looks for it a second time: such phrases, and questions
that hold nothing but such words, are looked for in titles, where they may tell something, and elsewhere only where no
title has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.engine import Row

from labwright.contracts.literature import Query

MOST: Final = 4_000  # papers that are scored

# As migration 0003 sets them for `rank`; sorting by the function itself keeps no more rows than the limit.
_SCORE = "bm25(paper_search, 10.0, 4.0, 4.0, 1.0, 3.0, 0.0)"
# The filters let papers pass whose year or citations nobody knows. Their index covers them, so that no paper's row is
# read for them; the plus keeps SQLite from asking the full-text index once for each paper that passes.
_FILTERED = """WHERE paper_search MATCH :question AND +paper_search.rowid IN (
    SELECT seq FROM papers WHERE (:since IS NULL OR year IS NULL OR year >= :since)
    AND (:until IS NULL OR year IS NULL OR year <= :until)
    AND (:citations IS NULL OR citations IS NULL OR citations >= :citations)
)"""
_UNFILTERED = "WHERE paper_search MATCH :question"
_SCORED = f"""
SELECT best.scored AS scored, papers.seq AS seq, papers.body AS body
FROM (
    SELECT seq, score, count(*) OVER () AS scored
    FROM (
        SELECT paper_search.rowid AS seq, {_SCORE} AS score FROM paper_search {{where}}
        ORDER BY paper_search.rowid DESC LIMIT :most
    )
    ORDER BY score, seq DESC LIMIT :limit
) AS best JOIN papers ON papers.seq = best.seq ORDER BY best.score, best.seq DESC
"""
_NEWEST = """
SELECT 0 AS scored, papers.seq AS seq, papers.body AS body
FROM (
    SELECT paper_search.rowid AS seq FROM paper_search {where} ORDER BY paper_search.rowid DESC LIMIT :limit
) AS newest JOIN papers ON papers.seq = newest.seq ORDER BY newest.seq DESC
"""
_COUNTED = f"SELECT count(*) FROM paper_search {_UNFILTERED}"
_MARKED = """
SELECT highlight(paper_search, 2, :mark, :unmark) AS abstract, highlight(paper_search, 3, :mark, :unmark) AS text,
    highlight(paper_search, 4, :mark, :unmark) AS notes
FROM paper_search WHERE paper_search MATCH :question AND rowid = :seq
"""

_Rows = Sequence[Row[tuple[int, int, str]]]


@dataclass(frozen=True, slots=True)
class Best:
    """What a question found."""

    question: str  # in FTS5's language
    rows: _Rows  # seq and body of papers, best first
    total: int | None = None  # papers that it finds; None where nobody counted them
    wide: bool = False  # more than were scored


def best(connection: Connection, question: str, query: Query, *, common: bool, most: int = MOST) -> Best:
    """The best papers for a question in FTS5's language, by the query's filters and limit.

    Args:
        connection: to SQLite.
        question: words and phrases, quoted.
        query: what the person asked.
        common: whether the question holds nothing but words that say nothing.
        most: papers that are scored.
    """
    if common:
        titled = _scored(connection, f"title : ({question})", query, most)
        rows = titled or connection.execute(text(_where(_NEWEST, query)), _given(question, query)).all()
        return Best(question, rows, len(rows) if len(rows) < query.limit else None)
    rows = _scored(connection, question, query, most)
    scored = rows[0].scored if rows else 0
    if scored <= most:
        return Best(question, rows, None if query.filters else scored)
    if query.filters:  # which have chosen already; looking twice for what passes them would take the time twice
        return Best(question, rows, wide=True)
    titled = _scored(connection, f"title : ({question})", query, most)
    first = {row.seq for row in titled}
    ranked = [*titled, *(row for row in rows if row.seq not in first)]
    total = connection.scalar(text(_COUNTED), {"question": question})
    return Best(question, ranked[: query.limit], total, wide=True)


def highlighted(connection: Connection, question: str, seq: int, mark: str, unmark: str) -> Row[tuple[str, str, str]]:
    """The abstract, text and notes of a paper that the question found, with marks around what was found."""
    return connection.execute(text(_MARKED), {"question": question, "seq": seq, "mark": mark, "unmark": unmark}).one()


def _scored(connection: Connection, question: str, query: Query, most: int) -> _Rows:
    """The best of the newest; `scored` is how many there were, one more than `most` where there are more."""
    given = {**_given(question, query), "most": most + 1}
    return connection.execute(text(_where(_SCORED, query)), given).all()


def _where(statement: str, query: Query) -> str:
    return statement.format(where=_FILTERED if query.filters else _UNFILTERED)


def _given(question: str, query: Query) -> dict[str, object]:
    filters = {"since": query.since, "until": query.until, "citations": query.min_citations}
    return {"question": question, "limit": query.limit, **filters}
