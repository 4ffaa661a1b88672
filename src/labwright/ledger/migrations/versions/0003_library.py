"""The library: kept papers, their names and notes, and the full-text index over them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# A hit in the title says most. PostgreSQL's parser takes precision/recall for a file, and GPT-4 for a word and a number
# below zero; so signs become spaces, one for one, and a hit's place in the text stays what it is. Accents count where
# the server has no unaccent, or this user may not use it.
SIGNS = r"\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u2190-\u22ff"
SEARCH = {
    "sqlite": (
        "CREATE VIRTUAL TABLE paper_search USING fts5(title, authors, abstract, body, notes, text_hash UNINDEXED, "
        'tokenize = "porter unicode61 remove_diacritics 2")',
        "INSERT INTO paper_search (paper_search, rank) VALUES ('rank', 'bm25(10.0, 4.0, 4.0, 1.0, 3.0, 0.0)')",
    ),
    "postgresql": (
        "CREATE TEXT SEARCH CONFIGURATION labwright (COPY = pg_catalog.english)",
        "DO $$ BEGIN CREATE EXTENSION IF NOT EXISTS unaccent; "
        "ALTER TEXT SEARCH CONFIGURATION labwright ALTER MAPPING FOR word WITH unaccent, english_stem; "
        "EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file OR undefined_object THEN "
        "NULL; END $$",
        "CREATE FUNCTION labwright_words(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ "
        rf"SELECT regexp_replace($1, '[{SIGNS}]', ' ', 'g') $$",
        "CREATE TABLE paper_search (rowid BIGINT PRIMARY KEY, title TEXT NOT NULL, authors TEXT NOT NULL, "
        "abstract TEXT NOT NULL, body TEXT NOT NULL, notes TEXT NOT NULL, text_hash TEXT, "
        "document TSVECTOR GENERATED ALWAYS AS ("
        "setweight(to_tsvector('labwright', labwright_words(title)), 'A') || "
        "setweight(to_tsvector('labwright', labwright_words(authors || ' ' || abstract)), 'B') || "
        "setweight(to_tsvector('labwright', labwright_words(notes)), 'C') || "
        "setweight(to_tsvector('labwright', labwright_words(body)), 'D')) STORED)",
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
