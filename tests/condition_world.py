"""A small shop to try conditions on: its schema, names, and random customers with gaps and odd values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from retain.instants import DAY, HOUR, from_datetime
from retain.language.checking.expressions import read_condition, read_value
from retain.language.environment import Environment
from retain.language.scope import History, Scope
from retain.language.syntax.ast import Node
from retain.language.syntax.source import TextSource
from retain.language.types import Schema, Type
from retain.registry import Function

ZONES = tuple(map(ZoneInfo, ("Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe", "Asia/Kolkata")))
MOMENTS = (
    datetime(2026, 3, 29, 0, 30),  # the night of the change to summer time in Berlin
    datetime(2026, 10, 25, 2, 30),  # and back
    datetime(2026, 2, 28, 23, 59, 59, 999_000),
    datetime(2026, 12, 31, 23, 30),
    datetime(2027, 1, 1),
    datetime(2028, 2, 29, 12),
    datetime(2026, 5, 31, 18, 45, 12, 345_000),
    datetime(2026, 8, 12, 9),
)
MONEY = Type("money", nullable=True, scale=100)
ORDER = {
    "total": MONEY,
    "weight": Type("number", nullable=True),
    "items": Type("int", nullable=True),
    "channel": Type("text", nullable=True, enum=("web", "app", "shop")),
    "gift": Type("bool", nullable=True),
    "shipped_at": Type("instant", nullable=True),
    "products.category": Type("text_set"),
    "ratings": Type("number_set"),
}
MESSAGE = {"channel": Type("text", nullable=True), "total": MONEY, "score": Type("int", nullable=True)}
SCHEMA = Schema(
    customer={
        "email": Type("text", nullable=True),
        "country": Type("text", nullable=True, enum=("DE", "AT", "FR")),
        "address.city": Type("text", nullable=True),
        "consent": Type("bool", nullable=True),
        "ltv": Type("number", nullable=True),
        "points": Type("int", nullable=True),
        "balance": MONEY,
        "rate": Type("money", nullable=True, scale=10_000),
        "birth_date": Type("date", nullable=True),
        "renews_at": Type("instant", nullable=True),
        "trial_ends_at": Type("instant", nullable=True),
        "tags": Type("text_set"),
        "sizes": Type("number_set"),
        "profile": Type("opaque", nullable=True),
    },
    events={"order": ORDER, "email_sent": MESSAGE, "email_opened": MESSAGE},
)
FUNCTIONS = {
    "spent": Function(
        name="spent",
        summary="What was spent lately.",
        parameters={"length": "duration"},
        body="default(sum(order.total in last length), 0)",
    ),
    "score": Function(
        name="score",
        summary="A score that falls with time.",
        parameters={"weight": "number"},
        body="100 - default(days_since(order), 100) * weight",
    ),
}
METRICS = {
    "spend": "sum(order.total in last 90d)",
    "recency": "days_since(order)",
    "opens": "ratio(email_opened, email_sent in last 60d)",
    "habit": "case when count(order) >= 3 then 'regular' when exists(order) then 'new' end",
}
SEGMENTS = {
    "rich": "customer.ltv > 80 or metrics.spend >= 100",
    "quiet": "metrics.recency > 30 and customer.consent",
    "german": "customer.country == 'DE'",
}
STEPS = {"coupon": {"code": Type("text", nullable=True), "percent": Type("int", nullable=True)}}


def environment() -> Environment:
    """Every root and name that a condition can use."""
    env = Environment(schema=SCHEMA, events=("order",), steps=STEPS, functions=FUNCTIONS, has_start=True)
    env = replace(env, metrics={name: checked_value(text, env) for name, text in METRICS.items()})
    return replace(env, segments={name: checked(text, env) for name, text in SEGMENTS.items()})


def checked(text: str, env: Environment) -> Node:
    """A condition without errors, typed."""
    node, problems = read_condition(TextSource(text), env)
    assert node is not None, "\n".join(problem.render() for problem in problems)
    return node


def checked_value(text: str, env: Environment) -> Node:
    """A value without errors, typed."""
    node, problems = read_value(TextSource(text), env)
    assert node is not None, "\n".join(problem.render() for problem in problems)
    return node


def population(random: Random, size: int) -> list[Scope]:
    """Customers with gaps, values that do not fit, events on the very edges of windows, and a few in the future."""
    return [_customer(random) for _ in range(size)]


def _customer(random: Random) -> Scope:
    def maybe(value: object, share: float = 0.3) -> object:
        return None if random.random() < share else value

    zone = random.choice(ZONES)
    now = from_datetime(random.choice(MOMENTS).replace(tzinfo=random.choice(ZONES))) + random.choice(
        (0, 0, 1, 3 * HOUR)
    )
    history = History(json.loads)
    for _ in range(random.choice((0, 0, 1, 2, 4, 8))):
        name = random.choice(("order", "order", "email_sent", "email_opened"))
        row = _row(random, maybe)
        history.add(name, _instant(random, now), json.dumps(row).encode() if random.random() < 0.5 else row)
    customer = {
        "email": maybe(random.choice(("ana@example.com", "BO@EXAMPLE.COM", "x", "", "ü@exämple.com", 5))),
        "country": maybe(random.choice(("DE", "AT", "FR", "de", 7))),
        "address": maybe({"city": maybe(random.choice(("Bonn", "Ulm", "DE")))}),
        "consent": maybe(random.choice((True, False, "yes", 1))),
        "ltv": maybe(random.choice((0, 20.5, 40, 83.25, 200, "40", True))),
        "points": maybe(random.choice((0, 1, 2, 5, 3.0, 3.5, "2"))),
        "balance": maybe(random.choice((0, 49.9, 20, 75.255, -3, 1e300, "20"))),
        "rate": maybe(random.choice((0.5, 19.99, 20.00005))),
        "birth_date": maybe(random.choice(("1996-02-29", "1990-05-31", "2008-08-13", "1990-05-31T00:00:00Z", "soon"))),
        "renews_at": maybe(_iso(random)),
        "trial_ends_at": maybe(_iso(random)),
        "tags": maybe(random.choice((["vip"], ["vip", "beta"], [], ["DE", 3], "vip"))),
        "sizes": maybe(random.choice(([38], [40.5, 38], [True], []))),
        "profile": maybe({"a": 1}),
    }
    event = maybe(_row(random, maybe), 0.1) or {}
    return Scope(
        now=now,
        customer=customer,
        history=history,
        first_seen=now - random.choice((1, 30 * DAY, 45 * DAY + 1, 400 * DAY)),
        event=event,
        steps={"coupon": {"code": maybe("X1"), "percent": maybe(10)}} if random.random() < 0.7 else {},
        trigger={"kind": "event", "planned_at": maybe(now - DAY)},
        changed=frozenset(random.sample(("country", "address.city", "email"), random.randint(0, 2))),
        started_at=maybe(now - random.choice((0, 10 * DAY))),
        zone=zone,
    )


def _row(random: Random, maybe: Callable[..., object]) -> dict[str, object]:
    return {
        "total": maybe(random.choice((49.9, 20, 19.99, 100, 0, 75.25, -10.5, "20"))),
        "weight": maybe(random.choice((0.5, 20.25, 60, 100))),
        "items": maybe(random.choice((1, 2, 3, 2.0))),
        "score": maybe(random.randint(0, 5)),
        "channel": maybe(random.choice(("web", "app", "shop", "WEB", 3))),
        "gift": maybe(random.random() < 0.5),
        "shipped_at": maybe(_iso(random)),
        "products": maybe(
            random.choice(([], [{"category": "shoes"}, {"category": "hats"}], [{"category": "shoes"}, 3, {}]))
        ),
        "ratings": maybe([5, 4.5]),
    }


def _iso(random: Random) -> object:
    return random.choice((
        "2026-09-01", "2026-03-29T02:30:00", "2026-10-25T02:30:00", "2026-08-30T12:00:00+02:00", "2026-04-01T00:00:00Z",
        "2027-01-15T08:00:00.250Z", "never", 5,
    ))  # fmt: skip


def _instant(random: Random, now: int) -> int:
    edge = now - random.choice((1, 3, 7, 30, 45, 60, 90)) * DAY
    return random.choice((
        edge, edge - 1, edge + 1, now - 36 * HOUR, now - 1, now, now + 1, now + 2 * DAY,
        now - random.randrange(120 * DAY), now - random.randrange(120 * DAY), now - random.randrange(20 * DAY),
    ))  # fmt: skip
