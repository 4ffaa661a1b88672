"""The library: kept papers, their names and notes, and the full-text index over them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A hit in the title says most. A tsvector of PostgreSQL's takes 1 MB: of a longer text the first part is indexed.
SEARCH = {
    "sqlite": (
        "CREATE VIRTUAL TABLE paper_search USING fts5(title, authors, abstract, body, notes, text_hash UNINDEXED, "
        'tokenize = "porter unicode61 remove_diacritics 2")',
        "INSERT INTO paper_search (paper_search, rank) VALUES ('rank', 'bm25(10.0, 4.0, 4.0, 1.0, 3.0, 0.0)')",
    ),
    "postgresql": (
        "CREATE TABLE paper_search (rowid BIGINT PRIMARY KEY, title TEXT NOT NULL, authors TEXT NOT NULL, "
        "abstract TEXT NOT NULL, body TEXT NOT NULL, notes TEXT NOT NULL, text_hash TEXT, "
        "document TSVECTOR GENERATED ALWAYS AS ("
        "setweight(to_tsvector('english', title), 'A') || "
        "setweight(to_tsvector('english', authors || ' ' || abstract), 'B') || "
        "setweight(to_tsvector('english', notes), 'C') || "
        "setweight(to_tsvector('english', left(body, 500000)), 'D')) STORED)",
        "CREATE INDEX ix_paper_search_document ON paper_search USING GIN (document)",
    ),
}


def upgrade() -> None:
    """Add everything; nothing that was there changes."""
    create_papers()
    for statement in SEARCH.get(op.get_context().dialect.name, ()):
        op.execute(statement)


def create_papers() -> None:
    """Papers, the names that they are found under, and notes."""
    op.create_table(
        "papers",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=True),
        sa.Column("citations", sa.BigInteger(), nullable=True),
        sa.Column("text_hash", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_papers")),
        sa.UniqueConstraint("key", name=op.f("uq_papers_key")),
    )
    op.create_index("ix_papers_title", "papers", ["title_key"], unique=False)
    op.create_table(
        "paper_names",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paper_seq", SEQ, nullable=False),
        sa.ForeignKeyConstraint(["paper_seq"], ["papers.seq"], name=op.f("fk_paper_names_paper_seq")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_paper_names")),
    )
    op.create_index("ix_paper_names_paper", "paper_names", ["paper_seq"], unique=False)
    op.create_table(
        "paper_notes",
        sa.Column("seq", SEQ, autoincrement=False, nullable=False),
        sa.Column("paper_seq", SEQ, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["paper_seq"], ["papers.seq"], name=op.f("fk_paper_notes_paper_seq")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_paper_notes")),
    )
    op.create_index("ix_paper_notes_paper", "paper_notes", ["paper_seq", "seq"], unique=False)
