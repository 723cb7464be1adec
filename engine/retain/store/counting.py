"""Counts for `status` and `rules stats`."""

from __future__ import annotations

from retain.model import Instant
from retain.store.database import Database, Session, Values
from retain.store.rows import RuleStats, StoreCounts, StoreHealth

_OF_RULE = {
    "started": "SELECT arm, count(*) FROM runs WHERE rule = ? GROUP BY arm",
    "states": "SELECT state, count(*) FROM runs WHERE rule = ? AND state != 'ended' GROUP BY state",
    "ended": "SELECT ended_by, count(*) FROM runs WHERE rule = ? AND ended_by != '' GROUP BY ended_by",
    "sent": ("SELECT action, count(*) FROM effects WHERE rule = ? AND arm = 'live' AND state = 'done' GROUP BY action"),
    "refused": "SELECT outcome, count(*) FROM decisions WHERE rule = ? AND kind = 'refusal' GROUP BY outcome",
    "effects": "SELECT state, count(*) FROM effects WHERE rule = ? GROUP BY state",
    "refused_effects": "SELECT reason, count(*) FROM effects WHERE rule = ? AND state = 'refused' GROUP BY reason",
}

_STARTED = "SELECT rule, count(*) FROM runs WHERE arm = 'live' AND started_at >= ? AND started_at < ? GROUP BY rule"
_SENT = (
    "SELECT rule, action, count(*) FROM effects WHERE arm = 'live' AND sent_at >= ? AND sent_at < ?"
    " GROUP BY rule, action ORDER BY rule, action"
)
_APPLIED = (
    "SELECT d.rule, r.revision, d.path, count(*) FROM decisions d JOIN runs r ON r.id = d.run"
    " WHERE d.kind = 'effect' AND d.outcome = 'applied' AND d.at >= ? AND d.at < ?"
    " GROUP BY d.rule, r.revision, d.path ORDER BY d.rule, r.revision, d.path"
)


class CountMethods:
    """The part of the store that counts."""

    _db: Database

    def counts(self) -> StoreCounts:
        """What the store holds."""
        with self._db.read() as session:
            return StoreCounts(
                customers=_count(session, "customers WHERE merged_into IS NULL"),
                events=_count(session, "events"),
                undecided=_count(session, f"events WHERE {self._db.dialect.undecided}"),
                rejects=_count(session, "rejects"),
                failed=_count(session, "failed_events"),
                runs=_grouped(session, "SELECT state, count(*) FROM runs GROUP BY state"),
                effects=_grouped(session, "SELECT state, count(*) FROM effects GROUP BY state"),
            )

    def health(self) -> StoreHealth:
        """How the database is: its version, and how much room it takes and has left."""
        with self._db.read() as session:
            return self._db.dialect.health(session.driver)

    def damage(self) -> list[str]:
        """What is wrong with what is stored; reads all of it."""
        with self._db.read() as session:
            return self._db.dialect.damage(session.driver)

    def event_names(self) -> dict[str, int]:
        """How many events of each name there are; reads all of them."""
        with self._db.read() as session:
            return _grouped(session, "SELECT name, count(*) FROM events WHERE name != '' GROUP BY name")

    def failed_looks(self, since: Instant) -> dict[tuple[str, str], int]:
        """Of how many customers a rule's look, planned start or backfill raised, by rule and reason; reads the log."""
        sql = (
            "SELECT rule, why, count(DISTINCT customer) FROM decisions"
            " WHERE kind = 'look' AND outcome = 'failed' AND run = '' AND at >= ? GROUP BY rule, why ORDER BY rule, why"
        )
        with self._db.read() as session:
            return {(rule, why): count for rule, why, count in session.rows(sql, (since,))}

    def timezones(self) -> dict[str, int]:
        """How many customers have each time zone, as it was sent; those without one are left out."""
        with self._db.read() as session:
            return {str(name): count for name, count in session.rows(self._db.dialect.timezones) if name is not None}

    def rule_stats(self, rule: str) -> RuleStats:
        """What came of one rule: starts, ends, sends and refusals.

        Refusals before `if` was true stand packed in the summaries; whoever knows their form counts them there.
        """
        with self._db.read() as session:
            counted = {name: _grouped(session, sql, (rule,)) for name, sql in _OF_RULE.items()}
        return RuleStats(**counted)

    def really_done(self, since: Instant, until: Instant) -> dict[str, dict[str, int]]:
        """By rule: how many live runs `started` in a time, and how often each action was sent; `until` is outside."""
        found: dict[str, dict[str, int]] = {}
        with self._db.read() as session:
            for rule, count in session.rows(_STARTED, (since, until)):
                found.setdefault(rule, {})["started"] = count
            for rule, action, count in session.rows(_SENT, (since, until)):
                found.setdefault(rule, {})[action] = count
        return found

    def really_applied(self, since: Instant, until: Instant) -> list[tuple[str, str, str, int]]:
        """Store actions of live runs in a time, as (rule, revision, path of the step, how often)."""
        with self._db.read() as session:
            return session.rows(_APPLIED, (since, until))


def _count(session: Session, what: str, values: Values = ()) -> int:
    row = session.row(f"SELECT count(*) FROM {what}", values)
    assert row is not None
    number: int = row[0]
    return number


def _grouped(session: Session, sql: str, values: Values = ()) -> dict[str, int]:
    return dict(sorted(session.rows(sql, values)))
