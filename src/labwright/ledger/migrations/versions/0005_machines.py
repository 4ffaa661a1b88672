"""Which machine's process took a session up last: its number alone says nothing where several share a ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add columns that may be empty; nobody knows the machine of what was recorded before."""
    op.add_column("agent_sessions", sa.Column("host", sa.Text(), nullable=True))
    op.add_column("agent_sessions", sa.Column("boot", sa.Text(), nullable=True))
    op.add_column("agent_sessions", sa.Column("ticks", sa.BigInteger(), nullable=True))
