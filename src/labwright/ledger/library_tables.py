"""The library's tables: what is known of each kept paper, its names, the notes on it, and the index that is searched.

`papers`, `paper_names` and `paper_notes` are state like that of `tables.py`, folded from events alone. `paper_search`
is an index: its metadata columns follow the state, and its `body` holds the text of the object file that `text_hash`
names. It is an FTS5 table on SQLite and a table with a tsvector on PostgreSQL, so the migration makes it by hand; its
`rowid` is the paper's `seq`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Table, Text, column, table

from labwright.ledger.schema import SEQ, metadata

papers = Table(
    "papers",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),  # of the event that kept it first
    Column("key", Text, nullable=False, unique=True),
    Column("title_key", Text, nullable=False),
    Column("year", BigInteger),
    Column("citations", BigInteger),
    Column("text_hash", Text),
    Column("why", Text, nullable=False),  # a line for each reason
    Column("added_at", Double, nullable=False),
    Column("body", Text, nullable=False),  # the newest event that kept it
    Index("ix_papers_title", "title_key"),
    Index("ix_papers_filters", "year", "citations"),  # covers what a search is narrowed by
)

paper_names = Table(
    "paper_names",
    metadata,
    Column("name", Text, primary_key=True),  # arxiv:2305.18290, doi:10.…
    Column("paper_seq", SEQ, ForeignKey("papers.seq"), nullable=False),
    Index("ix_paper_names_paper", "paper_seq"),
)

paper_notes = Table(
    "paper_notes",
    metadata,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("paper_seq", SEQ, ForeignKey("papers.seq"), nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_paper_notes_paper", "paper_seq", "seq"),
)

paper_search = table(
    "paper_search",
    column("rowid", BigInteger),
    column("title", Text),
    column("authors", Text),
    column("abstract", Text),
    column("body", Text),
    column("notes", Text),  # with the reasons why it was kept
    column("text_hash", Text),  # of the text that `body` holds
)

# What `rebuild` empties and fills again, parents last.
LIBRARY_STATE: Final = (paper_notes, paper_names, papers)
