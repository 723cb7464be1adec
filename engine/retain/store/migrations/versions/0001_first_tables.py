"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go to this version."""
    _customers()
    _events()
    _runs()
    _effects()
    _log()
    _consents()
    _rules()
    op.execute("INSERT INTO counters (name, value) VALUES ('last_seq', 0), ('last_customer', 0), ('watermark', 0)")


def _only(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    return {"sqlite_where": condition, "postgresql_where": condition}


def _customers() -> None:
    op.create_table(
        "counters",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "customers",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("fields", _TEXT, nullable=False),
        sa.Column("stamps", _TEXT, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("watches", _TEXT),
        sa.Column("recheck_at", sa.BigInteger()),
        sa.Column("merged_into", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("customers_merged", "customers", ["merged_into"], **_only(sa.text("merged_into IS NOT NULL")))
    op.create_index("customers_recheck", "customers", ["recheck_at", "id"], **_only(sa.text("recheck_at IS NOT NULL")))
    op.create_table(
        "identities",
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_index("identities_customer", "identities", ["customer"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _ID, nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("message_id", _TEXT, nullable=False),
        sa.Column("depth", sa.SmallInteger(), nullable=False),
        sa.Column("historical", sa.Boolean(), nullable=False),
        sa.Column("origin", _TEXT),
        sa.Column("merged_from", sa.BigInteger()),
        sa.Column("cause_seq", sa.BigInteger()),
        sa.Column("former", sa.BigInteger()),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("events_history", "events", ["customer", "name", "occurred_at"])
    op.create_index("events_message", "events", ["source", "message_id"], unique=True)
    op.create_table(
        "summaries",
        sa.Column("event_seq", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("changes", _TEXT),
        sa.PrimaryKeyConstraint("event_seq"),
    )
    op.create_table(
        "failed_events",
        sa.Column("event_seq", _ID, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("event_seq"),
    )
    op.create_table(
        "rejects",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("revision", _TEXT, nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("arm", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("step", _TEXT, nullable=False),
        sa.Column("wake_at", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("started_seq", sa.BigInteger(), nullable=False),
        sa.Column("cause", _TEXT, nullable=False),
        sa.Column("context", _TEXT, nullable=False),
        sa.Column("effects", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", sa.BigInteger()),
        sa.Column("goal_until", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended_by", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_ended", "runs", ["customer", "first_sent_at"], **_only(sa.text("state = 'ended'")))
    op.create_index("runs_live", "runs", ["customer"], **_only(sa.text("state != 'ended'")))
    op.create_index("runs_rule", "runs", ["rule", "started_at"])
    op.create_index("runs_wake", "runs", ["wake_at", "id"], **_only(sa.text("wake_at IS NOT NULL")))


def _effects() -> None:
    op.create_table(
        "effects",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("run", _TEXT, nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("step", _TEXT, nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("inputs", _TEXT, nullable=False),
        sa.Column("arm", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("output", _TEXT, nullable=False),
        sa.Column("first_failed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("effects_due", "effects", ["due_at", "id"], **_only(sa.text("state = 'pending'")))
    op.create_index("effects_open", "effects", ["state"], **_only(sa.text("state IN ('sending', 'in_doubt', 'dead')")))
    op.create_index("effects_rule", "effects", ["rule", "created_at"])
    op.create_index("effects_run", "effects", ["run"])
    op.create_index(
        "effects_sends", "effects", ["customer", "channel", "sent_at"], **_only(sa.text("sent_at IS NOT NULL"))
    )


def _log() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("run", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("why", _TEXT, nullable=False),
        sa.Column("seen", _TEXT),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decisions_customer", "decisions", ["customer", "at"])
    op.create_index("decisions_rule", "decisions", ["rule", "at"])
    op.create_table(
        "audit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("what", _TEXT, nullable=False),
        sa.Column("details", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "records",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("customer", sa.BigInteger()),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("fields", _TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.create_index("records_customer", "records", ["customer", "kind"], **_only(sa.text("customer IS NOT NULL")))
    op.create_index("records_owner", "records", ["kind", "owner", "state"])


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", _ID, nullable=False),
        sa.Column("customer", sa.BigInteger(), nullable=False),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("consents_customer", "consents", ["customer", "purpose", "at"])
    op.create_table(
        "suppressions",
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("address", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address"),
        sqlite_with_rowid=False,
    )


def _rules() -> None:
    op.create_table(
        "rule_revisions",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", _TEXT, nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("rule_revisions_revision", "rule_revisions", ["revision", "rule"], unique=True)
    op.create_index("rule_revisions_rule", "rule_revisions", ["rule"])
    op.create_table(
        "schedules",
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("path", _TEXT, nullable=False),
        sa.Column("last_planned", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sweep_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("rule", "path"),
    )
    op.create_table(
        "watches",
        sa.Column("watch", _TEXT, nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("watch"),
    )
    op.create_table(
        "pauses",
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("by", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name"),
    )
