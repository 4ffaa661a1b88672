"""An index over what a search in the library is narrowed by, so that no paper's row is read for it."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index; nothing that was there changes."""
    op.create_index("ix_papers_filters", "papers", ["year", "citations"], unique=False)
