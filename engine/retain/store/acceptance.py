"""Taking messages in: each once, in the order in which they came, at the customer whom they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from retain.errors import StoreError
from retain.model import Event, Instant, Message
from retain.store.codec import EVENT_COLUMNS, KIND_NUMBER, encode, event_of
from retain.store.database import Database, Row, Session
from retain.store.fresh import FreshEvents
from retain.store.identity import IdentityCache, Resolver, identities_of, identity_of_key
from retain.store.rows import Accepted
from retain.store.sharing import SharingMethods

INSERT_EVENT = f"INSERT INTO events ({EVENT_COLUMNS}) VALUES ({', '.join('?' * 14)})"
INSERT_NEW_EVENT = f"{INSERT_EVENT} ON CONFLICT (source, message_id) DO NOTHING"
COUNTER = "SELECT value FROM counters WHERE name = ?"


class Sources:
    """The names of sources and the numbers that stand for them in events."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._number: dict[str, int] = {}
        self.name: dict[int, str] = {}

    def number(self, names: Iterable[str]) -> Mapping[str, int]:
        """Numbers for all the names; new ones are made in a transaction of their own."""
        missing = [(name,) for name in sorted(set(names) - self._number.keys())]
        if missing:
            with self._db.write() as session:
                session.change_many("INSERT INTO sources (name) VALUES (?) ON CONFLICT (name) DO NOTHING", missing)
            self._load()
        number = self._number
        if missing and self._db.in_transaction:
            self._number = {}  # the transaction may be undone, and the new ones with it
        return number

    def names(self, session: Session, numbers: Iterable[int]) -> Mapping[int, str]:
        """Names for all the numbers."""
        if not self.name.keys() >= set(numbers):
            self._read(session)
        return self.name

    def _load(self) -> None:
        with self._db.read() as session:
            self._read(session)

    def _read(self, session: Session) -> None:
        self.name = dict(session.rows("SELECT id, name FROM sources"))
        self._number = {name: number for number, name in self.name.items()}


def events_of_rows(session: Session, sources: Sources, rows: Sequence[Row]) -> list[Event]:
    """Events from rows of EVENT_COLUMNS."""
    names = sources.names(session, {row[7] for row in rows})
    return [event_of(row, names) for row in rows]


def counter(session: Session, name: str) -> int:
    """A number that never falls: last_seq, last_customer or watermark."""
    row = session.row(COUNTER, (name,))
    assert row is not None
    value: int = row[0]
    return value


def raise_counter(session: Session, name: str, value: int) -> None:
    """Set a counter; it never falls."""
    session.change("UPDATE counters SET value = ? WHERE name = ? AND value < ?", (value, name, value))


class _KnownError(Exception):
    """A message that was taken for new is stored already; nothing is written, and who is known is asked."""


class AcceptanceMethods(SharingMethods):
    """The part of the store that takes messages in."""

    _db: Database
    _sources: Sources
    _identities: IdentityCache
    _fresh: FreshEvents

    def accept(self, messages: Sequence[Message], now: Instant) -> list[Accepted]:
        """Store messages durably, in one transaction; one result for each, in their order.

        A message whose (source, message id) is known is not stored again; its result names the event that is.

        Raises:
            StoreFullError: no space is left; none of the messages is stored.
        """
        if not messages:
            return []
        numbers = self._sources.number({message.source for message in messages})
        known = self._known(messages, numbers) if self._db.in_transaction else {}
        while True:  # nearly always all are new, so that they are asked for only after one was not
            try:
                return self._accept(messages, numbers, known)
            except _KnownError:
                known = self._known(messages, numbers)

    def _accept(
        self,
        messages: Sequence[Message],
        numbers: Mapping[str, int],
        known: dict[tuple[int, str], tuple[int, int]],
    ) -> list[Accepted]:
        with self._db.write(adds=True) as session:
            self._take_turn(session)
            new = messages
            if known:
                new = [message for message in messages if (numbers[message.source], message.message_id) not in known]
            resolver = Resolver(session, self._identities, counter(session, "last_customer"))
            resolver.load(identities_of(new))
            results, events = _place(messages, numbers, known, resolver, counter(session, "last_seq"))
            resolver.flush()
            rows = [event_values(event, event.seq, numbers[event.source], None) for event in events]
            if rows and session.change_many(INSERT_NEW_EVENT, rows) < len(rows):
                raise _KnownError
            if events:
                raise_counter(session, "last_seq", events[-1].seq)
            raise_counter(session, "last_customer", resolver.last_customer)
            self._count_merges(session, sum(event.merged_from is not None for event in events))
            self._tell_others(session)
        self._identities.update(resolver.known.items())
        self._fresh.add(events)
        return results

    def _known(self, messages: Sequence[Message], numbers: Mapping[str, int]) -> dict[tuple[int, str], tuple[int, int]]:
        """Place and customer of those that are stored, by source and message id."""
        by_source: dict[int, list[str]] = {}
        for message in messages:
            by_source.setdefault(numbers[message.source], []).append(message.message_id)
        found = {}
        sql = "SELECT message_id, seq, customer FROM events WHERE source = ? AND message_id IN {wanted}"
        with self._db.read() as session:
            for source, ids in by_source.items():
                for message_id, seq, customer in session.rows_in(sql, ids, before=(source,)):
                    found[source, message_id] = seq, customer
        return found

    def ensure_customers(self, keys: Sequence[str], now: Instant) -> dict[str, int]:
        """The customer of each key (`user:17`, `anonymous:…`, `email:…`); unknown ones are made, first seen now.

        Raises:
            StoreError: a text is no key.
        """
        wanted = {}
        for key in keys:
            identity = identity_of_key(key)
            if identity is None:
                raise StoreError(f"{key!r} is no customer key", cure="write user:ID, anonymous:ID or email:ADDRESS")
            wanted[key] = identity
        with self._db.write() as session:
            self._take_turn(session)
            resolver = Resolver(session, self._identities, counter(session, "last_customer"))
            resolver.load(wanted.values())
            for identity in wanted.values():
                if identity not in resolver.known:
                    resolver.create(identity, now, 0)
            resolver.flush()
            raise_counter(session, "last_customer", resolver.last_customer)
        self._identities.update(resolver.known.items())
        return {key: resolver.known[identity] for key, identity in wanted.items()}


def _place(
    messages: Sequence[Message],
    numbers: Mapping[str, int],
    known: dict[tuple[int, str], tuple[int, int]],
    resolver: Resolver,
    last_seq: int,
) -> tuple[list[Accepted], list[Event]]:
    results: list[Accepted] = []
    events: list[Event] = []
    for message in messages:
        name = numbers[message.source], message.message_id
        before = known.get(name)
        if before is not None:
            results.append(Accepted(before[0], before[1], duplicate=True))
            continue
        last_seq += 1
        customer, absorbed = resolver.place(message, last_seq)
        results.append(Accepted(last_seq, customer))
        known[name] = last_seq, customer
        events.append(
            Event(
                last_seq,
                customer,
                message.kind,
                message.name,
                message.fields,
                message.occurred_at,
                message.received_at,
                message.source,
                message.message_id,
                0,
                "",
                message.historical,
                absorbed,
            )
        )
    return results, events


def event_values(event: Event, seq: int, source: int, cause_seq: int | None) -> Row:
    """An event as its EVENT_COLUMNS."""
    return (
        seq,
        event.customer,
        KIND_NUMBER[event.kind],
        event.name,
        encode(event.fields),
        event.occurred_at,
        event.received_at,
        source,
        event.message_id,
        event.depth,
        event.historical,
        event.origin or None,
        event.merged_from,
        cause_seq,
    )
