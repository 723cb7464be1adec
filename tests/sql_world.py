"""The shop of `condition_world` in a database: customers at one instant, odd numbers, events that do not count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

from sqlalchemy import Connection, create_engine, insert

from condition_world import population
from retain.instants import DAY
from retain.language.evaluation.interpreter import evaluate
from retain.language.scope import History, Scope
from retain.language.sql import statements
from retain.language.sql.conditions import Search, SqlCompiler
from retain.language.sql.setting import Setting
from retain.language.syntax.ast import Node
from retain.language.time.zones import start_of_day
from retain.store.store import Store
from retain.store.tables import customers, events, failed_events, metadata

ODD_NUMBERS = (5e-324, -0.0, 0.1 + 0.2, 1e308, -1e308, 2.0**53, 9007199254740991, 0.5, 1e-9, 20.499999999999996)
ODD_TEXTS = ("ß", "İ", "ü@exämple.com", "a%b_c", "'; --", "[x]", "{}")


@dataclass(frozen=True)
class World:
    """Customers, the first with id 1, and what conditions about them are compiled for."""

    people: Sequence[Scope]
    setting: Setting

    def whom(self, node: Node, want: bool) -> set[int]:
        """For whom the reference interpreter finds the condition true, or false."""
        meant = enumerate((evaluate(node, replace(scope, metrics={})) for scope in self.people), 1)
        return {number for number, verdict in meant if verdict is want}


def people_at_one_instant(seed: int, size: int, *, with_event: bool = True) -> World:
    """Customers of whom each has an own history and zone, all looked at at one instant, by one event or none."""
    random = Random(seed)
    first, *others = population(random, size)
    if not with_event:
        first = replace(first, event={}, steps={}, trigger={}, changed=frozenset(), started_at=None)
    people = [_odd(random, first), *(_odd(random, _moved(random, scope, first)) for scope in others)]
    events_in_all = sum(len(series.at) for scope in people for series in scope.history.series.values())
    given = {name: getattr(first, name) for name in ("now", "event", "steps", "trigger", "changed", "started_at")}
    return World(people, Setting(watermark=events_in_all, **given))


def _moved(random: Random, scope: Scope, first: Scope) -> Scope:
    """The same customer at another's instant, often with an event at midnight or just before."""
    away = first.now - scope.now
    history = History(json.loads)
    if random.random() < 0.5:
        midnight = start_of_day(first.now - random.choice((0, 1, 6)) * DAY, scope.zone)
        history.add("order", midnight - random.choice((0, 1)), {"total": 49.9, "channel": "web"})
    for name, series in scope.history.series.items():
        for index, at in enumerate(series.at):
            history.add(name, at + away, series.row(index))
    return replace(
        scope, now=first.now, history=history, first_seen=scope.first_seen + away, event=first.event,
        steps=first.steps, trigger=first.trigger, changed=first.changed, started_at=first.started_at,
    )  # fmt: skip


def _odd(random: Random, scope: Scope) -> Scope:
    fields = {name: value for name, value in scope.customer.items() if value is not None or random.random() < 0.5}
    if random.random() < 0.2:
        fields["ltv"] = random.choice(ODD_NUMBERS)
    if random.random() < 0.2:
        fields["email"] = random.choice(ODD_TEXTS)
    return replace(scope, customer=fields | {"timezone": str(scope.zone)})


@contextmanager
def stored(world: World, url: str = "sqlite://") -> Iterator[Connection]:
    """A database that holds the world; beside it undecided and failed events, and an absorbed customer."""
    engine = create_engine(url)
    with engine.connect() as connection:
        metadata.create_all(connection)
        put(connection, world)
        connection.commit()
        yield connection
    engine.dispose()


def fill(store: Store, world: World) -> None:
    """The same in a store."""
    with store._db.write() as session:
        put(session.core, world)
        mark = (world.setting.watermark,)
        session.change("UPDATE counters SET value = ? WHERE name = 'watermark'", mark)
        if store.database == "postgresql":
            session.change("UPDATE partitions SET watermark = ?", mark)


def put(connection: Connection, world: World) -> None:
    """Write the rows of a world."""
    absorbed = _customer(len(world.people) + 1, world.people[0]) | {"merged_into": 1}
    people = [_customer(number, scope) for number, scope in enumerate(world.people, 1)]
    connection.execute(insert(customers), [{"merged_into": None} | row for row in (*people, absorbed)])
    rows = list(_events(world))
    connection.execute(insert(events), rows)
    failed = [row["seq"] for row in rows if str(row["message_id"]).startswith("failed")]
    connection.execute(insert(failed_events), [{"event_seq": seq, "reason": "a test"} for seq in failed])


def _customer(number: int, scope: Scope) -> dict[str, object]:
    return {
        "id": number,
        "key": f"user:{number}",
        "fields": json.dumps(scope.customer, ensure_ascii=False, separators=(",", ":")),
        "stamps": "{}",
        "first_seen": scope.first_seen,
        "first_seq": 0,
    }


def _events(world: World) -> Iterator[dict[str, object]]:
    """Those of the histories, in the order of deciding; every fifth one is derived, with a number of its own."""
    seq, beyond = 0, world.setting.watermark + 1
    for number, scope in enumerate(world.people, 1):
        for name, series in scope.history.series.items():
            for index, at in enumerate(series.at):
                seq += 1
                body = json.dumps(series.row(index), ensure_ascii=False)
                is_derived = seq % 5 == 0
                row = _event(beyond if is_derived else seq, number, name, body, at, f"m{seq}")
                yield row | {"cause_seq": seq if is_derived else None}
                beyond += is_derived
        last = scope.now - 1000
        yield _event(beyond, number, "order", '{"total":500,"channel":"web"}', last, f"undecided{number}")
        yield _event(-number, number, "order", '{"total":500,"channel":"web"}', last, f"failed{number}")
        beyond += 1


def _event(seq: int, customer: int, name: str, body: str, at: int, message_id: str) -> dict[str, object]:
    return {
        "seq": seq, "customer": customer, "kind": 0, "name": name, "body": body, "occurred_at": at, "received_at": at,
        "source": 1, "message_id": message_id, "depth": 0, "historical": False, "cause_seq": None,
    }  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """For whom a database finds a condition true, or false, and for whom it cannot tell.

    Args:
        other: what it finds where it begins with events; None where the condition cannot be begun so.
    """

    surely: set[int]
    perhaps: set[int]
    is_exact: bool
    other: Answer | None = None

    def agrees(self, whom: set[int]) -> bool:
        """Whether with Python asked about the open ones exactly these are found."""
        same = self.surely <= whom <= self.surely | self.perhaps
        return same and (self.other is None or self.other.agrees(whom))


def ask(connection: Connection, world: World, node: Node, want: bool = True) -> Answer:
    """What a database says of a condition."""
    compiler = SqlCompiler(connection.dialect.name, world.setting)
    begun = compiler.search([node], from_events=True) if want else None
    other = None if begun is None or not begun.begun else _answer(connection, compiler, begun)
    return replace(_answer(connection, compiler, compiler.everybody([node], want)), other=other)


def _answer(connection: Connection, compiler: SqlCompiler, search: Search) -> Answer:
    found: dict[int, set[int]] = {statements.YES: set(), statements.PERHAPS: set()}
    for customer, how in connection.execute(statements.members(compiler, search)):
        found[how].add(customer)
    return Answer(found[statements.YES], found[statements.PERHAPS], search.verdict.is_exact)
