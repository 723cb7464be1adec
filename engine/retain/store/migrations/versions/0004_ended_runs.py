"""Indexes of live and of ended runs that a step leaves as they are: they go by a column that only an end changes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.drop_index("runs_live", "runs")
    op.drop_index("runs_ended", "runs")
    op.add_column("runs", sa.Column("has_ended", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.execute("UPDATE runs SET has_ended = true WHERE state = 'ended'")
    live, ended = sa.text("NOT has_ended"), sa.text("has_ended")
    op.create_index("runs_live", "runs", ["customer"], sqlite_where=live, postgresql_where=live)
    op.create_index("runs_ended", "runs", ["customer", "first_sent_at"], sqlite_where=ended, postgresql_where=ended)
