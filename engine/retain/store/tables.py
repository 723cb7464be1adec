"""The tables, as SQLAlchemy Core metadata: the one description that migrations, hot statements and tests agree with.

Instants are integers of milliseconds UTC. JSON stands as text, so that SQL can look inside. Nothing personal stands in
ids, in `why` or in names of columns: a person can be erased by emptying columns and deleting rows. There are no
foreign keys: rows are written in batches by one writer that knows their order, and merges renumber whole customers.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    text,
)

from retain.store.worker_tables import Text, metadata

__all__ = ["SCHEMA_VERSION", "metadata"]

SCHEMA_VERSION = "0004"  # the newest migration

_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite makes the row number of an INTEGER key only


def _index(name: str, *columns: str, only: str) -> Index:
    """An index of the rows for which a condition holds."""
    return Index(name, *columns, sqlite_where=text(only), postgresql_where=text(only))


schema_version = Table("alembic_version", metadata,
    Column("version_num", String(32), nullable=False, comment="the migration that these tables are at"),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),  # named as alembic names it
)  # fmt: skip

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True, comment="last_seq, watermark, breaker:RULE = its reset, starts:RULE, …"),
    Column("value", BigInteger, nullable=False, comment="never falls, so that no number is given twice"),
)

sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True, comment="stands for the name in every event"),
    Column("name", Text, nullable=False, unique=True, comment="a write key's name, import:FILE, retain"),
)

customers = Table(
    "customers",
    metadata,
    Column("id", _ID, primary_key=True, comment="given once, never again"),
    Column("key", Text, nullable=False, comment="first identity, e.g. user:17; what hashes go by; never rewritten"),
    Column("fields", Text, nullable=False, comment="JSON object of the present fields"),
    Column("stamps", Text, nullable=False, comment="JSON object: occurred_at of each field's last writer"),
    Column("first_seen", BigInteger, nullable=False, comment="occurred_at of the first event that was accepted"),
    Column("first_seq", BigInteger, nullable=False, comment="that event; 0 before it, where an import made the row"),
    Column("watches", Text, comment="packed state of becomes and date triggers; NULL where there is none"),
    Column("recheck_at", BigInteger, comment="the earliest instant at which a watch must be looked at"),
    Column("merged_into", BigInteger, comment="the customer that absorbed this one"),
    _index("customers_recheck", "recheck_at", "id", only="recheck_at IS NOT NULL"),
    _index("customers_merged", "merged_into", only="merged_into IS NOT NULL"),
)

identities = Table(
    "identities",
    metadata,
    Column("kind", SmallInteger, primary_key=True, comment="1 user id, 2 anonymous id, 3 e-mail address"),
    Column("value", Text, primary_key=True, comment="as sent; an address casefolded"),
    Column("customer", BigInteger, nullable=False, comment="whose it is; moves with a merge"),
    Index("identities_customer", "customer"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("seq", _ID, primary_key=True, comment="order of acceptance"),
    Column("customer", BigInteger, nullable=False, comment="whose it is now; moves with a merge"),
    Column("kind", SmallInteger, nullable=False, comment="place in MessageKind"),
    Column("name", Text, nullable=False, comment="slug; empty where the kind says it all"),
    Column("body", Text, nullable=False, comment="JSON object: properties or traits"),
    Column("occurred_at", BigInteger, nullable=False, comment="when it happened, never after received_at"),
    Column("received_at", BigInteger, nullable=False, comment="when it was known"),
    Column("source", Integer, nullable=False, comment="sources.id"),
    Column("message_id", Text, nullable=False, comment="unique within its source, for ever"),
    Column("depth", SmallInteger, nullable=False, comment="0 from outside; one more than its cause"),
    Column("historical", Boolean, nullable=False, comment="imported history: known, but starts nothing"),
    Column("origin", Text, comment="the run, effect or command that made it"),
    Column("merged_from", BigInteger, comment="the customer that this event says is the same person"),
    Column("cause_seq", BigInteger, comment="of a derived event: the accepted event in whose wake it was decided"),
    Column("former", BigInteger, comment="the customer it was accepted for, where a merge moved it"),
    Index("events_message", "source", "message_id", unique=True),
    Index("events_history", "customer", "name", "occurred_at"),
)

summaries = Table(
    "summaries",
    metadata,
    Column("event_seq", _ID, primary_key=True, comment="the event that was decided"),
    Column("at", BigInteger, nullable=False, comment="the instant of its decision"),
    Column("packed", LargeBinary, nullable=False, comment="outcome and clause of each rule looked at, packed"),
    Column("changes", Text, comment="JSON list of [field, before, after]; NULL where nothing changed"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True, comment="hash of rule, key and cause: one cause never starts a rule twice"),
    Column("rule", Text, nullable=False, comment="id of the rule"),
    Column("revision", Text, nullable=False, comment="the text that it is pinned to"),
    Column("customer", BigInteger, nullable=False, comment="whose it is; moves with a merge"),
    Column("key", Text, nullable=False, comment="value of `per`, as text, within its customer"),
    Column("arm", Text, nullable=False, comment="live, shadow or holdout"),
    Column("state", Text, nullable=False, comment="a RunState"),
    Column("step", Text, nullable=False, comment="path of the step it stands at"),
    Column("wake_at", BigInteger, comment="when it must be looked at; NULL where only an event or a person moves it"),
    Column("started_at", BigInteger, nullable=False, comment="the instant of the start"),
    Column("started_seq", BigInteger, nullable=False, comment="the event that started it; 0 for a timer"),
    Column("cause", Text, nullable=False, comment="identity of the event or planned occurrence"),
    Column("context", Text, nullable=False, comment="JSON: frozen event and trigger, outputs of steps"),
    Column("effects", Integer, nullable=False, comment="how many effects it has made"),
    Column("first_sent_at", BigInteger, comment="its first effect was claimed for sending: what at_most counts"),
    Column("goal_until", BigInteger, comment="its goal is looked for until then"),
    Column("ended_at", BigInteger, comment="when it ended"),
    Column("ended_by", Text, nullable=False, comment="what ended it; empty while it lives"),
    Column("has_ended", Boolean, nullable=False, server_default=text("false"), comment="whether its state is ended"),
    _index("runs_live", "customer", only="NOT has_ended"),
    _index("runs_ended", "customer", "first_sent_at", only="has_ended"),
    _index("runs_wake", "wake_at", "id", only="wake_at IS NOT NULL"),
    Index("runs_rule", "rule", "started_at"),
)

effects = Table(
    "effects",
    metadata,
    Column("id", Text, primary_key=True, comment="the idempotency key: run id and a counter"),
    Column("run", Text, nullable=False, comment="runs.id"),
    Column("rule", Text, nullable=False, comment="id of the rule"),
    Column("step", Text, nullable=False, comment="path of the step"),
    Column("customer", BigInteger, nullable=False, comment="whose it is; moves with a merge"),
    Column("action", Text, nullable=False, comment="e.g. email.send"),
    Column("channel", Text, nullable=False, comment="empty where the action is no message"),
    Column("inputs", Text, nullable=False, comment="JSON, as decided"),
    Column("arm", Text, nullable=False, comment="of its run"),
    Column("state", Text, nullable=False, comment="an EffectState"),
    Column("created_at", BigInteger, nullable=False, comment="when it was decided"),
    Column("due_at", BigInteger, nullable=False, comment="not to be claimed before"),
    Column("attempt", Integer, nullable=False, comment="how often it was claimed"),
    Column("sent_at", BigInteger, comment="when it was claimed for sending: what caps count"),
    Column("reason", Text, nullable=False, comment="code of a refusal, a failure or a delay"),
    Column("output", Text, nullable=False, comment="JSON, what the action answered"),
    Column("first_failed_at", BigInteger, comment="since when it is retried"),
    _index("effects_due", "due_at", "id", only="state = 'pending'"),
    _index("effects_open", "state", only="state IN ('sending', 'in_doubt', 'dead')"),
    _index("effects_sends", "customer", "channel", "sent_at", only="sent_at IS NOT NULL"),
    Index("effects_run", "run"),
    Index("effects_rule", "rule", "created_at"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", _ID, primary_key=True, comment="order of writing"),
    Column("at", BigInteger, nullable=False, comment="the instant of the decision"),
    Column("event_seq", BigInteger, nullable=False, comment="its event; 0 where none caused it"),
    Column("rule", Text, nullable=False, comment="id of the rule; empty where no rule decided"),
    Column("customer", BigInteger, nullable=False, comment="as it was then: a merge does not rewrite the log"),
    Column("run", Text, nullable=False, comment="runs.id; empty for a refusal"),
    Column("kind", Text, nullable=False, comment="start, refusal, effect, end, move or look"),
    Column("outcome", Text, nullable=False, comment="what came of it"),
    Column("path", Text, nullable=False, comment="of the clause or step"),
    Column("why", Text, nullable=False, comment="paths and codes only"),
    Column("seen", Text, comment="JSON: the values that were read, which erasure empties; NULL where none"),
    Index("decisions_customer", "customer", "at"),
    Index("decisions_rule", "rule", "at"),
)

records = Table(
    "records",
    metadata,
    Column("kind", Text, primary_key=True, comment="declared by a plugin"),
    Column("id", Text, primary_key=True, comment="unique within its kind"),
    Column("customer", BigInteger, comment="whose it is; moves with a merge; NULL where nobody's"),
    Column("owner", Text, nullable=False, comment="a team member"),
    Column("state", Text, nullable=False, comment="one of the kind's states"),
    Column("due_at", BigInteger, comment="by when"),
    Column("fields", Text, nullable=False, comment="JSON object"),
    Column("version", Integer, nullable=False, comment="compared and raised by every change"),
    _index("records_customer", "customer", "kind", only="customer IS NOT NULL"),
    Index("records_owner", "kind", "owner", "state"),
)

consents = Table(
    "consents",
    metadata,
    Column("id", _ID, primary_key=True, comment="order of writing"),
    Column("customer", BigInteger, nullable=False, comment="whose answer; moves with a merge"),
    Column("purpose", Text, nullable=False, comment="e.g. marketing"),
    Column("granted", Boolean, nullable=False, comment="false is a withdrawal"),
    Column("at", BigInteger, nullable=False, comment="the newest counts, of equal ones the withdrawal"),
    Column("source", Text, nullable=False, comment="form, page, import, person"),
    Column("text", Text, nullable=False, comment="what the person was told"),
    Index("consents_customer", "customer", "purpose", "at"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("channel", Text, primary_key=True, comment="e.g. email"),
    Column("address", Text, primary_key=True, comment="normalised; a keyed hash once the person is erased"),
    Column("reason", Text, nullable=False, comment="code"),
    Column("at", BigInteger, nullable=False, comment="since when"),
    sqlite_with_rowid=False,
)

rule_revisions = Table(
    "rule_revisions",
    metadata,
    Column("number", Integer, primary_key=True, comment="stands for the revision in summaries"),
    Column("revision", Text, nullable=False, comment="hash of the text"),
    Column("rule", Text, nullable=False, comment="id of the rule"),
    Column("source", Text, nullable=False, comment="JSON of the text with all that it names"),
    Column("at", BigInteger, nullable=False, comment="when it was first loaded"),
    Column("language", SmallInteger, nullable=False, comment="version of the rule language"),
    Index("rule_revisions_revision", "revision", "rule", unique=True),
    Index("rule_revisions_rule", "rule"),
)

candidate_lists = Table("candidate_lists", metadata,
    Column("number", Integer, primary_key=True, comment="stands for the list in summaries"),
    Column("members", Text, nullable=False, comment="JSON: numbers of the texts that one event can start, in order"),
    Column("digest", Text, nullable=False, unique=True, comment="hash of the members"),
)  # fmt: skip

schedules = Table(
    "schedules",
    metadata,
    Column("rule", Text, primary_key=True, comment="id of the rule"),
    Column("path", Text, primary_key=True, comment="of the trigger"),
    Column("last_planned", BigInteger, nullable=False, comment="high-water mark: no planned start is used twice"),
    Column("position", BigInteger, nullable=False, comment="last customer of the sweep in progress; 0 when none is"),
    Column("sweep_at", BigInteger, comment="planned instant of the sweep in progress"),
)

watches = Table(
    "watches",
    metadata,
    Column("watch", Text, primary_key=True, comment="hash of the normalised condition, with the rule"),
    Column("rule", Text, nullable=False, comment="id of the rule"),
    Column("since", BigInteger, nullable=False, comment="when it was first seen"),
    Column("position", BigInteger, nullable=False, comment="customers up to this id are looked at"),
    Column("done", Boolean, nullable=False, comment="whether its backfill has ended"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True, comment="all, rule or channel"),
    Column("name", Text, primary_key=True, comment="of the rule or channel; empty for all"),
    Column("reason", Text, nullable=False, comment="why"),
    Column("by", Text, nullable=False, comment="a person, or breaker"),
    Column("at", BigInteger, nullable=False, comment="since when"),
)

rejects = Table(
    "rejects",
    metadata,
    Column("id", _ID, primary_key=True, comment="order of refusal"),
    Column("at", BigInteger, nullable=False, comment="when it came"),
    Column("source", Text, nullable=False, comment="who sent it"),
    Column("reason", Text, nullable=False, comment="code"),
    Column("body", Text, nullable=False, comment="as it came"),
)

failed_events = Table(
    "failed_events",
    metadata,
    Column("event_seq", _ID, primary_key=True, comment="the event that could not be decided"),
    Column("reason", Text, nullable=False, comment="what the decision raised"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _ID, primary_key=True, comment="order of writing"),
    Column("at", BigInteger, nullable=False, comment="when"),
    Column("who", Text, nullable=False, comment="the person, or the part of the engine"),
    Column("what", Text, nullable=False, comment="the command"),
    Column("details", Text, nullable=False, comment="JSON object"),
)
