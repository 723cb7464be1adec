"""Who is in a segment: conditions as SQL against the best SQL that a person would write, on SQLite and PostgreSQL.

Four conditions over a million customers and 3.5 million events (`--quick`: a twentieth). The queries written by hand
stand below in both forms, with correlated subqueries and with one grouped join; the faster of the two counts. All find
the same customers. Each figure is the median of pairs measured in turns, all rows fetched; "cold" is the first run on a
new connection. On PostgreSQL both go without `jit`, as all connections of the store do.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from statistics import median

import pytest
from report import Figure, arguments, median_ratio, report
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from retain.instants import DAY
from retain.language.checking.expressions import read_condition
from retain.language.environment import Environment
from retain.language.sql import statements
from retain.language.sql.conditions import SqlCompiler
from retain.language.sql.setting import Setting
from retain.language.syntax.ast import Node
from retain.language.syntax.source import TextSource
from retain.language.types import Schema, Type
from retain.store.tables import metadata

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from postgres_help import binaries, new_server

NOW = 1_790_000_000_000
COUNTRIES = ("DE", "AT", "CH", "FR", "IT", "NL", "BE", "DK")
AIM = 1.15  # at the full size; a small one shows what compiling costs
# SQLite answers in this process, so that its CPU can be told from that of others on the machine.
CLOCKS = {"SQLite": time.process_time, "PostgreSQL": time.perf_counter}
SCHEMA = Schema(
    customer={
        "email": Type("text", nullable=True),
        "country": Type("text", nullable=True),
        "email_consent": Type("bool", nullable=True),
        "age": Type("int", nullable=True),
        "ltv": Type("number", nullable=True),
        "tags": Type("text_set"),
    },
    events={"order": {"total": Type("money", nullable=True, scale=100), "channel": Type("text", nullable=True)}},
)


@dataclass(frozen=True)
class Segment:
    """A condition, and the same written by hand, its parts filled in by the database and the form."""

    name: str
    condition: str
    by_hand: str


PEOPLE_COLUMNS = "id, key, fields, stamps, first_seen, first_seq"
EVENT_COLUMNS = "seq, customer, kind, name, body, occurred_at, received_at, source, message_id, depth, historical"
encode = json.JSONEncoder(separators=(",", ":")).encode
SEGMENTS = (
    Segment(
        "six clauses",
        "customer.email_consent and customer.age >= 18 and customer.country in [DE, AT] and"
        " customer.tags contains 'vip' and count(order in last 90d) >= 3 and days_since(order) > 10",
        "{consent} AND {age} >= 18 AND {country} IN ('DE', 'AT') AND {vip} AND {count90} >= 3 AND {last} < :ago10",
    ),
    Segment(
        "four clauses",
        "customer.email_consent and customer.age >= 18 and count(order in last 365d) >= 2 and days_since(order) > 30",
        "{consent} AND {age} >= 18 AND {count365} >= 2 AND {last} < :ago30",
    ),
    Segment(
        "no order in 90 days",
        "customer.email_consent and not exists(order in last 90d)",
        "{consent} AND NOT {exists90}",
    ),
    Segment(
        "sum of a year",
        "sum(order.total where channel == 'web' in last 365d) >= 200 and customer.ltv > 100",
        "{ltv} > 100 AND {sum365} >= 200",
    ),
)
OF_CUSTOMER = "FROM events e WHERE e.customer = c.id AND e.name = 'order' AND e.occurred_at < :now"
JOINED = {
    "count90": "coalesce(o.count90, 0)",
    "count365": "coalesce(o.count365, 0)",
    "last": "o.last",
    "exists90": "EXISTS (SELECT 1 " + OF_CUSTOMER + " AND e.occurred_at >= :ago90)",
    "sum365": "coalesce(o.sum365, 0)",
}
CORRELATED = {
    "count90": f"(SELECT count(*) {OF_CUSTOMER} AND e.occurred_at >= :ago90)",
    "count365": f"(SELECT count(*) {OF_CUSTOMER} AND e.occurred_at >= :ago365)",
    "last": f"(SELECT max(e.occurred_at) {OF_CUSTOMER})",
    "exists90": JOINED["exists90"],
}
FIELDS = {
    "sqlite": {
        "consent": "json_extract(c.fields, '$.email_consent')",
        "age": "json_extract(c.fields, '$.age')",
        "country": "json_extract(c.fields, '$.country')",
        "ltv": "json_extract(c.fields, '$.ltv')",
        "vip": "EXISTS (SELECT 1 FROM json_each(c.fields, '$.tags') WHERE value = 'vip')",
        "total": "json_extract(e.body, '$.total')",
        "channel": "json_extract(e.body, '$.channel')",
    },
    "postgresql": {
        "consent": "(c.fields::jsonb ->> 'email_consent')::boolean",
        "age": "(c.fields::jsonb ->> 'age')::integer",
        "country": "c.fields::jsonb ->> 'country'",
        "ltv": "(c.fields::jsonb ->> 'ltv')::float8",
        "vip": "(c.fields::jsonb -> 'tags') @> '\"vip\"'",
        "total": "(e.body::jsonb ->> 'total')::numeric",
        "channel": "e.body::jsonb ->> 'channel'",
    },
}
COLUMNS = {
    "count90": "count(*) FILTER (WHERE e.occurred_at >= :ago90) AS count90",
    "count365": "count(*) FILTER (WHERE e.occurred_at >= :ago365) AS count365",
    "last": "max(e.occurred_at) AS last",
    "sum365": "sum({total}) FILTER (WHERE e.occurred_at >= :ago365 AND {channel} = 'web') AS sum365",
}


def written_by_hand(segment: Segment, database: str, *, join: bool) -> str:
    """The query as a person would write it."""
    fields = FIELDS[database]
    total = f"(SELECT coalesce(sum({fields['total']}), 0) {OF_CUSTOMER} AND e.occurred_at >= :ago365"
    correlated = {**CORRELATED, "sum365": f"{total} AND {fields['channel']} = 'web')"}
    where = segment.by_hand.format(**fields, **(JOINED if join else correlated))
    source = "customers c"
    wanted = [column.format(**fields) for name, column in COLUMNS.items() if f"{{{name}}}" in segment.by_hand]
    if join and wanted:
        grouped = f"SELECT e.customer, {', '.join(wanted)} FROM events e WHERE e.name = 'order'"
        grouped += " AND e.occurred_at < :now GROUP BY e.customer"
        source += f" LEFT JOIN ({grouped}) o ON o.customer = c.id"
    return f"SELECT c.id FROM {source} WHERE c.merged_into IS NULL AND {where} ORDER BY c.id"


def rows_of_customers(count: int) -> Iterator[tuple[object, ...]]:
    """Customers with a few missing fields, as PEOPLE_COLUMNS."""
    chance = random.Random(1)
    for number in range(1, count + 1):
        fields: dict[str, object] = {
            "email": f"user_{number}@example.test",
            "first_name": f"Name{number % 500}",
            "country": chance.choice(COUNTRIES),
            "email_consent": chance.random() < 0.5,
            "age": chance.randrange(12, 80),
            "ltv": round(chance.random() * 400, 2),
            "tags": ["vip"] if chance.random() < 0.05 else ["beta"] if chance.random() < 0.3 else [],
            "timezone": "Europe/Berlin",
        }
        if chance.random() < 0.1:
            del fields[chance.choice(("country", "age", "ltv", "email_consent"))]
        yield number, f"user:{number}", encode(fields), "{}", NOW - 500 * DAY, 0


def rows_of_events(count: int, people: int) -> Iterator[tuple[object, ...]]:
    """Orders, and other events between them, over 500 days, as EVENT_COLUMNS."""
    chance = random.Random(2)
    for seq in range(1, count + 1):
        at = NOW - int(chance.random() * 500 * DAY)
        total, channel = int(chance.random() * 20_000) / 100, ("web", "app", "shop")[seq % 3]
        body = f'{{"order_id":"o-{seq}","total":{total},"channel":"{channel}","currency":"EUR"}}'
        name = ("order", "order", "product_viewed", "cart_viewed")[int(chance.random() * 4)]
        yield seq, 1 + int(chance.random() * people), 0, name, body, at, at, 1, f"m{seq}", 0, True


def fill(connection: Connection, people: int) -> None:
    """Make the tables and their rows, in the way that is fastest for each database."""
    metadata.create_all(connection)
    for table, columns, rows in (
        ("customers", PEOPLE_COLUMNS, rows_of_customers(people)),
        ("events", EVENT_COLUMNS, rows_of_events(people * 7 // 2, people)),
    ):
        driver = connection.connection.dbapi_connection
        assert driver is not None
        cursor = driver.cursor()
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * (columns.count(",") + 1))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
        else:
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:  # type: ignore[attr-defined]
                for row in rows:
                    copy.write_row(row)
    connection.commit()


def checked(condition: str) -> Node:
    """The condition as the language reads it."""
    node, problems = read_condition(TextSource(condition), Environment(schema=SCHEMA))
    assert node is not None, "\n".join(problem.render() for problem in problems)
    return node


def ours(connection: Connection, segment: Segment, last: int) -> Callable[[], list[int]]:
    """Parse, compile and ask, as `retain segments show NAME --ids` does."""

    def run() -> list[int]:
        compiler = SqlCompiler(
            connection.dialect.name, Setting(now=NOW, watermark=last, is_settled=True, has_failed=False)
        )
        query = statements.members(compiler, compiler.search([checked(segment.condition)], from_events=True))
        return [row[0] for row in connection.execute(query)]

    return run


def theirs(connection: Connection, segment: Segment, *, join: bool) -> Callable[[], list[int]]:
    """The query written by hand."""
    query = text(written_by_hand(segment, connection.dialect.name, join=join))
    spans = {f"ago{days}": NOW - days * DAY for days in (10, 30, 90, 365)} | {"now": NOW}
    values = {name: value for name, value in spans.items() if f":{name}" in str(query)}
    return lambda: [row[0] for row in connection.execute(query, values)]


def seconds(run: Callable[[], list[int]], clock: Callable[[], float]) -> tuple[float, list[int]]:
    """How long a query takes, and what it finds."""
    gc.collect()
    started = clock()
    found = run()
    return clock() - started, found


def measure(url: str, name: str, people: int, rounds: int) -> Iterator[Figure]:
    """All segments on one database, which is filled first."""
    engine = create_engine(url, poolclass=NullPool)
    clock = CLOCKS[name]
    with engine.connect() as connection:
        fill(connection, people)
        if name == "SQLite":
            connection.exec_driver_sql("ANALYZE")
        connection.commit()
    if name == "PostgreSQL":
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    for segment in SEGMENTS:
        with engine.connect() as connection:
            cold, _ = seconds(ours(connection, segment, people * 7 // 2), clock)
        with engine.connect() as connection:
            cold_hand, _ = seconds(theirs(connection, segment, join=False), clock)
        with engine.connect() as connection:
            if name == "SQLite":
                connection.exec_driver_sql("PRAGMA cache_size = -65536")
            for figure in _one(connection, name, segment, people, rounds, cold / cold_hand):
                print(
                    f"{figure.what}: {figure.ours}; {figure.against}; {figure.value:.2f}", file=sys.stderr, flush=True
                )
                yield figure
    engine.dispose()


def _one(
    connection: Connection, name: str, segment: Segment, people: int, rounds: int, cold: float
) -> Iterator[Figure]:
    clock = CLOCKS[name]
    mine = ours(connection, segment, people * 7 // 2)
    hands = {form: theirs(connection, segment, join=form == "join") for form in ("correlated", "join")}
    meant = mine()
    tries = {form: min((seconds(run, clock) for _ in range(2)), key=itemgetter(0)) for form, run in hands.items()}
    assert all(found == meant for _, found in tries.values()), f"{segment.name}: other customers are found"
    best = min(tries, key=lambda form: tries[form][0])
    mine_s, hand_s = [], []
    for _ in range(rounds):
        mine_s.append(seconds(mine, clock)[0])
        hand_s.append(seconds(hands[best], clock)[0])
    yield Figure(
        what=f"segment, {segment.name}, {name}, {people:,} customers",
        ours=f"{median(mine_s) * 1000:,.0f} ms, {len(meant):,} found",
        against=f"by hand ({best}) {median(hand_s) * 1000:,.0f} ms; cold {cold:.2f} times",
        value=median_ratio(mine_s, hand_s),
        bound=AIM if people >= 1_000_000 else None,
    )


@contextmanager
def postgres() -> Iterator[str | None]:
    """The URL of a server of our own; None where none is installed."""
    try:
        binaries()
    except pytest.skip.Exception:
        yield None
        return
    server = new_server(shared_buffers="512MB", work_mem="256MB", jit="off")
    try:
        yield server.url().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.remove()


def main() -> int:
    """Run it; 1 where an aim is missed."""
    args = arguments(__doc__)
    people, rounds = (50_000, 7) if args.quick else (1_000_000, 5)
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="retain-bench-"))
        figures += measure(f"sqlite:///{folder}/store.db", "SQLite", people, rounds)
        url = stack.enter_context(postgres())
        if url is None:
            figures.append(Figure("segment, PostgreSQL", "not run", "no PostgreSQL is installed here", 0.0))
        else:
            figures += measure(url, "PostgreSQL", people, rounds)
    return report(args, figures)


if __name__ == "__main__":
    raise SystemExit(main())
