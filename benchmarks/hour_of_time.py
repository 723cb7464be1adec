"""An hour passes over a million customers, three rules turn on time alone, and 500 changes are due in it.

Ours is a store opened anew, everything that is due decided, runs and effects committed. The peer asks the same file, on
a new connection, by SQL written by hand: who has turned in this hour? It stands below in three forms, and for each rule
the fastest counts; it writes nothing. Both find the same customers. The same hour is lived through with a tenth of the
customers and as many changes. Run: python benchmarks/hour_of_time.py [--quick]
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from report import Figure, arguments, median_ratio, report
from servers import make_project

from retain.app.projects.project import open_project
from retain.instants import DAY, HOUR
from retain.language.plan import Plan
from retain.model import Instant, Json, Message, MessageKind
from retain.pipeline import Pipeline
from retain.store.rows import Batch, CustomerRow
from retain.store.store import Store

NOW: Instant = 1_790_000_000_000
DUE = {"lapsed": 300, "slower": 150, "two-weeks": 50}  # changes in an hour, by rule
AIM, GROWTH = 1 / 20, 1.3
RULES = """version: 1
rules:
  lapsed:
    when:
      becomes: [customer.marketing_ok, days_since(order_completed) >= 30]
    then: [log.write: {message: come back}]
  slower:
    when:
      becomes: [count(order_completed in last 90d) < 2, count(order_completed in last 365d) >= 2]
    then: [log.write: {message: fewer orders}]
  two-weeks:
    when:
      becomes: [customer.plan == 'pro', known_days() >= 14]
    then: [log.write: {message: two weeks}]
"""
CUSTOMER = '{"type": "object", "properties": {"marketing_ok": {"type": "boolean"}, "plan": {"type": "string"}}}'

DELTA = "what has come of age"
AGREED = "json_extract(c.fields, '$.marketing_ok') AND c.merged_into IS NULL"
ORDERS = "FROM events e WHERE e.customer = c.id AND e.name = 'order_completed'"
GROUPS = "SELECT customer AS id, {columns} FROM events WHERE name = 'order_completed' AND occurred_at < :now + 1"
COUNTS = (
    "sum(occurred_at >= :now - 90 * :day) AS fewer, sum(occurred_at >= :before - 90 * :day) AS more,"
    " sum(occurred_at >= :now - 365 * :day) AS year"
)
LEFT = "SELECT DISTINCT customer AS id FROM events WHERE name = 'order_completed' AND occurred_at"
SWEEPS = {
    "lapsed": {
        "one look-up for each customer": f"SELECT c.id FROM customers c WHERE {AGREED}"
        f" AND (SELECT max(e.occurred_at) {ORDERS}) BETWEEN :before - 30 * :day + 1 AND :now - 30 * :day",
        "all orders grouped": f"SELECT c.id FROM ({GROUPS.format(columns='max(occurred_at) AS last')} GROUP BY 1) o"
        f" JOIN customers c ON c.id = o.id WHERE {AGREED} AND o.last BETWEEN :before - 30 * :day + 1"
        " AND :now - 30 * :day",
        DELTA: f"SELECT c.id FROM ({LEFT} BETWEEN :before - 30 * :day + 1 AND :now - 30 * :day) o"
        f" JOIN customers c ON c.id = o.id WHERE {AGREED}"
        f" AND NOT EXISTS (SELECT 1 {ORDERS} AND e.occurred_at > :now - 30 * :day)",
    },
    "slower": {
        "one look-up for each customer": "SELECT c.id FROM customers c WHERE c.merged_into IS NULL"
        f" AND (SELECT count(*) {ORDERS} AND e.occurred_at >= :now - 90 * :day) < 2"
        f" AND (SELECT count(*) {ORDERS} AND e.occurred_at >= :before - 90 * :day) >= 2"
        f" AND (SELECT count(*) {ORDERS} AND e.occurred_at >= :now - 365 * :day) >= 2",
        "all orders grouped": f"SELECT id FROM ({GROUPS.format(columns=COUNTS)} GROUP BY 1)"
        " WHERE fewer < 2 AND more >= 2 AND year >= 2",
        DELTA: f"SELECT c.id FROM ({LEFT} BETWEEN :before - 90 * :day AND :now - 90 * :day - 1) o"
        " JOIN customers c ON c.id = o.id WHERE c.merged_into IS NULL"
        f" AND (SELECT count(*) {ORDERS} AND e.occurred_at >= :now - 90 * :day) < 2"
        f" AND (SELECT count(*) {ORDERS} AND e.occurred_at >= :before - 90 * :day) >= 2"
        f" AND (SELECT count(*) {ORDERS} AND e.occurred_at >= :now - 365 * :day) >= 2",
    },
    "two-weeks": {
        DELTA: "SELECT c.id FROM customers c WHERE c.merged_into IS NULL"
        " AND c.first_seen BETWEEN :before - 14 * :day + 1 AND :now - 14 * :day"
        " AND json_extract(c.fields, '$.plan') = 'pro'",
    },
}


@dataclass
class World:
    """A store of customers whose watches have been looked at, ready for some hours."""

    path: Path
    plan: Plan
    people: int
    hours: int
    now: Instant = NOW
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    forms: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with Store.open(self.path) as store:
            for start in range(0, self.people, 5_000):
                self._fill(store, range(start, min(start + 5_000, self.people)))
            pipeline = Pipeline(store, self.plan, self.now)
            while pipeline.step(self.now).more:
                pass
            assert not store.list_runs(limit=1), "noting who is true already starts nothing"
        with closing(self._connected()) as connection:
            connection.execute("ANALYZE")

    def _fill(self, store: Store, numbers: range) -> None:
        people = [person(number, self.people, self.hours) for number in numbers]
        accepted = store.accept([order for one in people for order in one.orders], self.now)
        rows = [
            CustomerRow(
                id=accepted[2 * place].customer, key=f"user:{number}", fields=one.fields, first_seen=one.first_seen,
                stamps=dict.fromkeys(one.fields, one.first_seen),
            )
            for place, (number, one) in enumerate(zip(numbers, people, strict=True))
        ]  # fmt: skip
        store.commit(Batch(watermark=accepted[-1].seq, customers=rows))

    def hour(self) -> None:
        """Let one pass: the sweep asks, then ours decides; both must find the same."""
        swept, spent = self._sweep(self.now, self.now + HOUR)
        self.now += HOUR
        began = time.perf_counter()
        with Store.open(self.path) as store:
            pipeline = Pipeline(store, self.plan, self.now)
            while pipeline.step(self.now).more:
                pass
            self.ours.append(time.perf_counter() - began)
            for rule, found in swept.items():
                runs = store.list_runs(rule=rule, since=self.now, until=self.now + 1, limit=self.people)
                assert sorted(run.customer for run in runs) == found, f"{rule}: other customers are found"
                assert len(found) == DUE[rule], f"{rule}: {len(found)} changes"
        self.theirs.append(spent)

    def _sweep(self, before: Instant, now: Instant) -> tuple[dict[str, list[int]], float]:
        """Who has turned, by rule, and the seconds of the fastest form of each."""
        found, total = {}, 0.0
        for rule, forms in SWEEPS.items():
            times = {}
            for form, query in forms.items():
                with closing(self._connected()) as connection:
                    began = time.perf_counter()
                    ids = sorted(
                        row[0] for row in connection.execute(query, {"before": before, "now": now, "day": DAY})
                    )
                    times[form] = time.perf_counter() - began
                assert found.setdefault(rule, ids) == ids, f"{rule}: the forms differ"
                self.forms.setdefault(rule, {}).setdefault(form, []).append(times[form])
            total += min(times.values())
        return found, total

    def full_sweeps(self) -> list[float]:
        """Seconds by round of the forms that ask about everybody, not only about what has come of age."""
        asked = [
            [spent for form, spent in forms.items() if form != DELTA or len(forms) == 1]
            for forms in self.forms.values()
        ]
        return [sum(min(spent[turn] for spent in forms) for forms in asked) for turn in range(len(self.theirs))]

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA cache_size = -65536")
        return connection


@dataclass(frozen=True)
class Person:
    """A customer as imported."""

    fields: dict[str, Json]
    first_seen: Instant
    orders: tuple[Message, Message]


def person(number: int, people: int, hours: int) -> Person:
    """One customer. By number a few are due in a given hour; of the others nothing changes in the hours measured."""
    chance = Random(number)
    known = 500 * DAY if chance.random() < 0.95 else chance.randrange(1, 13) * DAY + _quietly(chance, hours)
    last = chance.randrange(1, 400) * DAY + _quietly(chance, hours)
    earlier = last + chance.randrange(40, 120) * DAY
    place, every = number % (people // (hours * sum(DUE.values()))), people // (hours * sum(DUE.values()))
    hour, rule = divmod(number // every, sum(DUE.values())) if place == 0 else (hours, 0)
    is_due = hour < hours
    turning = hour * HOUR + chance.randrange(1_000, HOUR - 1_000)  # from NOW on
    if is_due and rule < DUE["lapsed"]:
        last = 30 * DAY - turning
        earlier = last + 100 * DAY
    elif is_due and rule < DUE["lapsed"] + DUE["slower"]:
        last, earlier = 20 * DAY + _quietly(chance, hours), 90 * DAY - turning
    elif is_due:
        known = 14 * DAY - turning
    fields: dict[str, Json] = {"email": f"user_{number}@example.test", "country": "DE"}
    fields |= {"marketing_ok": is_due or number % 2 == 0, "plan": "pro" if is_due or number % 3 else "basic"}
    orders = (_order(number, "a", NOW - earlier), _order(number, "b", NOW - last))
    return Person(fields, NOW - known, orders)


def _quietly(chance: Random, hours: int) -> int:
    """A part of a day that is over only after the hours measured."""
    return chance.randrange(1 * HOUR, (23 - hours) * HOUR)


def _order(number: int, which: str, at: Instant) -> Message:
    fields: dict[str, Json] = {"order_id": f"o-{number}-{which}", "total": number % 90 + 10, "currency": "EUR"}
    return Message(
        kind=MessageKind.TRACK, name="order_completed", fields=fields, occurred_at=at, received_at=NOW - DAY,
        source="import", message_id=f"{number}-{which}", user_id=str(number), historical=True,
    )  # fmt: skip


def figures(small: World, large: World) -> Iterator[Figure]:
    """The hour against the sweep, against itself with fewer customers, and what each form took."""
    for _ in range(large.hours):
        small.hour()
        large.hour()
    ours, theirs = median(large.ours), median(large.theirs)
    what = f"an hour of time, {large.people:,} customers"
    told = f"{ours * 1000:,.0f} ms, {sum(DUE.values())} starts committed"
    is_full = large.people >= 1_000_000  # in a smaller store the sweep has less to do, ours as much
    bound, growth = (AIM, GROWTH) if is_full else (None, None)
    full = large.full_sweeps()
    against = f"best sweep that looks at everybody {median(full) * 1000:,.0f} ms"
    yield Figure(what, told, against, median_ratio(large.ours, full), bound)
    against = f"best that asks first what has come of age {theirs * 1000:,.0f} ms"
    yield Figure(f"{what} (no full sweep)", told, against, median_ratio(large.ours, large.theirs))
    against = f"{small.people:,} customers: {median(small.ours) * 1000:,.0f} ms"
    yield Figure(
        "the same hour with ten times the customers", told, against, median_ratio(large.ours, small.ours), growth
    )
    for rule, forms in large.forms.items():
        for form, spent in forms.items():
            seconds = median(spent)
            yield Figure(f"sweep, {rule}", f"{seconds * 1000:,.0f} ms", form, seconds)


def main() -> int:
    """Fill two stores and let hours pass."""
    args = arguments(__doc__)
    people, hours = (20_000, 3) if args.quick else (1_000_000, 5)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        folder = Path(parent)
        project = make_project(folder / "shop", RULES)
        (project / "schemas").mkdir()
        (project / "schemas" / "customer.json").write_text(CUSTOMER)
        opened = open_project(project)
        assert not opened.errors, "\n".join(problem.render() for problem in opened.errors)
        small, large = (World(folder / f"{size}.db", opened.plan(), size, hours) for size in (people // 10, people))
        return report(args, list(figures(small, large)))


if __name__ == "__main__":
    raise SystemExit(main())
