"""What is kept between decisions: records of plugins, texts of rules, schedules, watches, pauses, imported consents."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from retain.errors import NotFoundError
from retain.model import Instant, Record, digest
from retain.store.codec import RECORD_COLUMNS, record_of
from retain.store.committing import INSERT_CONSENT, INSERT_SUPPRESSION
from retain.store.database import Database
from retain.store.rows import ConsentRow, PauseRow, RevisionRow, ScheduleRow, SuppressionRow, WatchRow

_REVISION = "SELECT number, revision, rule, source, at, language FROM rule_revisions"
_INSERT_REVISION = (  # asked first, because a conflict would use up a number on PostgreSQL
    "INSERT INTO rule_revisions (revision, rule, source, at, language) SELECT ?, ?, ?, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM rule_revisions WHERE revision = ? AND rule = ?) ON CONFLICT DO NOTHING"
)
_LISTS = "SELECT digest, number FROM candidate_lists WHERE digest IN {wanted}"
_INSERT_LIST = (
    "INSERT INTO candidate_lists (members, digest) SELECT ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM candidate_lists WHERE digest = ?) ON CONFLICT DO NOTHING"
)
_BREAKER = "breaker:"  # before the rule's id, among the counters


class KeepingMethods:
    """The part of the store for what is neither an event nor a run."""

    _db: Database

    def record(self, kind: str, record_id: str) -> Record | None:
        """One record."""
        sql = f"SELECT {RECORD_COLUMNS} FROM records WHERE kind = ? AND id = ?"
        with self._db.read() as session:
            row = session.row(sql, (kind, record_id))
        return None if row is None else record_of(row)

    def records_of(self, customer_ids: Collection[int], kinds: Collection[str]) -> list[Record]:
        """The customers' records of these kinds, ordered by (customer, kind, id)."""
        sql = f"SELECT {RECORD_COLUMNS} FROM records WHERE customer IN {{wanted}}"
        with self._db.read() as session:
            rows = [row for row in session.rows_in(sql, customer_ids) if row[0] in kinds]
        return sorted(map(record_of, rows), key=lambda record: (record.customer, record.kind, record.id))

    def shared_records(self, kinds: Collection[str]) -> list[Record]:
        """All records of these kinds that belong to no customer, ordered by (kind, id)."""
        sql = f"SELECT {RECORD_COLUMNS} FROM records WHERE kind IN {{wanted}} AND customer IS NULL ORDER BY kind, id"
        with self._db.read() as session:
            return [record_of(row) for row in session.rows_in(sql, kinds)]

    def count_by_owner(self, kind: str) -> dict[tuple[str, str], int]:
        """How many records of a kind each (owner, state) has."""
        sql = "SELECT owner, state, count(*) FROM records WHERE kind = ? GROUP BY owner, state"
        with self._db.read() as session:
            return {(owner, state): number for owner, state, number in session.rows(sql, (kind,))}

    def save_revisions(self, rows: Sequence[tuple[str, str, str]], at: Instant, *, language: int = 1) -> None:
        """Keep texts of rules, (revision, rule, source as JSON) each; known ones are left as they are."""
        values = [(revision, rule, source, at, language, revision, rule) for revision, rule, source in rows]
        with self._db.write() as session:
            session.change_many(_INSERT_REVISION, values)

    def revision_number(self, rule: str, revision: str) -> int:
        """The number that stands for a text in summaries.

        Raises:
            NotFoundError: it was never saved.
        """
        with self._db.read() as session:
            row = session.row("SELECT number FROM rule_revisions WHERE revision = ? AND rule = ?", (revision, rule))
        if row is None:
            raise NotFoundError("revision", f"{rule} {revision}")
        number: int = row[0]
        return number

    def number_lists(self, lists: Sequence[Sequence[int]]) -> list[int]:
        """The number of each list of texts, in summaries; those that are new are kept."""
        rows = [
            (members, digest(members, size=32)) for members in (json.dumps(one, separators=(",", ":")) for one in lists)
        ]
        with self._db.write() as session:
            session.change_many(_INSERT_LIST, [(*row, row[1]) for row in rows])
            known = dict[str, int](session.rows_in(_LISTS, [hashed for _, hashed in rows]))
        return [known[hashed] for _, hashed in rows]

    def members_of(self, number: int) -> list[int]:
        """The texts that a list in a summary names, by their numbers.

        Raises:
            NotFoundError: there is no such list.
        """
        with self._db.read() as session:
            row = session.row("SELECT members FROM candidate_lists WHERE number = ?", (number,))
        if row is None:
            raise NotFoundError("list of candidates", str(number))
        members: list[int] = json.loads(row[0])
        return members

    def load_revision(self, revision: str) -> tuple[str, str] | None:
        """The (rule, source) that waiting runs are pinned to."""
        with self._db.read() as session:
            row = session.row(f"{_REVISION} WHERE revision = ?", (revision,))
        return None if row is None else (row[2], row[3])

    def list_revisions(self, rule: str | None = None) -> list[RevisionRow]:
        """The texts of one rule or of all, oldest first."""
        with self._db.read() as session:
            if rule is None:
                rows = session.rows(f"{_REVISION} ORDER BY number")
            else:
                rows = session.rows(f"{_REVISION} WHERE rule = ? ORDER BY number", (rule,))
        return [RevisionRow(*row) for row in rows]

    def schedule_rows(self) -> list[ScheduleRow]:
        """How far each cron trigger has been worked off."""
        sql = "SELECT rule, path, last_planned, position, sweep_at FROM schedules ORDER BY rule, path"
        with self._db.read() as session:
            return [ScheduleRow(*row) for row in session.rows(sql)]

    def watch_rows(self) -> list[WatchRow]:
        """The watches and how far their backfills have gone."""
        sql = "SELECT watch, rule, since, position, done FROM watches ORDER BY watch"
        with self._db.read() as session:
            return [WatchRow(row[0], row[1], row[2], row[3], bool(row[4])) for row in session.rows(sql)]

    def pauses(self) -> list[PauseRow]:
        """What a person or a breaker has stopped."""
        sql = 'SELECT scope, name, reason, "by", at FROM pauses ORDER BY scope, name'
        with self._db.read() as session:
            return [PauseRow(row[0], row[1], True, *row[2:]) for row in session.rows(sql)]

    def parked_rules(self) -> list[str]:
        """The rules of which runs are parked, those that are gone too."""
        sql = "SELECT DISTINCT rule FROM runs WHERE NOT has_ended AND state = 'parked' ORDER BY rule"
        with self._db.read() as session:
            return [row[0] for row in session.rows(sql)]

    def reset_breakers(self, rules: Collection[str], now: Instant) -> None:
        """Keep when a person let the breakers of these rules count anew."""
        sql = "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        with self._db.write() as session:
            session.change_many(sql, [(_BREAKER + rule, now) for rule in sorted(rules)])

    def breaker_resets(self) -> dict[str, Instant]:
        """When a person last let each rule's breaker count anew."""
        with self._db.read() as session:
            rows = session.rows("SELECT name, value FROM counters WHERE name LIKE ?", (_BREAKER + "%",))
        return {name.removeprefix(_BREAKER): at for name, at in rows}

    def add_consents(self, rows: Sequence[ConsentRow]) -> None:
        """Keep answers from elsewhere, in one transaction."""
        values = [(row.customer, row.purpose, row.granted, row.at, row.source, row.text) for row in rows]
        self._write_many(INSERT_CONSENT, values)

    def consents_from_outside(self) -> list[ConsentRow]:
        """Answers that no event gave, such as imported ones, in the order in which they count."""
        sql = (
            "SELECT customer, purpose, granted, at, source, text FROM consents c WHERE NOT EXISTS"
            " (SELECT 1 FROM events e WHERE e.customer = c.customer AND e.occurred_at = c.at)"
            " ORDER BY at, granted DESC, id"
        )
        with self._db.read() as session:
            return [ConsentRow(row[0], row[1], bool(row[2]), *row[3:]) for row in session.rows(sql)]

    def suppressions(self) -> list[SuppressionRow]:
        """Every address that must not be written to."""
        with self._db.read() as session:
            rows = session.rows("SELECT channel, address, reason, at FROM suppressions ORDER BY channel, address")
        return [SuppressionRow(*row) for row in rows]

    def suppressions_of(self, addresses: Collection[str]) -> list[SuppressionRow]:
        """Those of these normalised addresses that must not be written to, with the reason."""
        sql = "SELECT channel, address, reason, at FROM suppressions WHERE address IN {wanted}"
        with self._db.read() as session:
            found = [SuppressionRow(*row) for row in session.rows_in(sql, addresses)]
        return sorted(found, key=lambda row: (row.channel, row.address))

    def add_suppressions(self, rows: Sequence[SuppressionRow]) -> None:
        """Keep addresses that must not be written to, in one transaction; known ones keep their first reason."""
        self._write_many(INSERT_SUPPRESSION, [(row.channel, row.address, row.reason, row.at) for row in rows])

    def _write_many(self, sql: str, values: Sequence[tuple[object, ...]]) -> None:
        with self._db.write() as session:
            session.change_many(sql, values)
