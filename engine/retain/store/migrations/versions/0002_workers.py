"""Several workers on one database: who they are, and which part of the customers each of them decides."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "workers",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "partitions",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("owner", _TEXT),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("watermark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.execute("INSERT INTO counters (name, value) VALUES ('merges', 0), ('records', 0)")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "INSERT INTO partitions (number, token, watermark)"
            " SELECT number, 0, (SELECT value FROM counters WHERE name = 'watermark')"
            " FROM generate_series(0, 63) AS number"
        )
