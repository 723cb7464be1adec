"""The shop that the benchmarks run: 100 rules over five events, 100,000 customers, one event in ten starts a run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC

from retain.deliver.loading import load_plugins
from retain.language.load.files import load_rules
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.schemas.fields import load_schema
from retain.model import Instant, Json, Message, MessageKind
from retain.store.rows import Batch, CustomerRow
from retain.store.store import Store

NOW: Instant = 1_790_000_000_000
EVENTS = ("order_completed", "checkout_started", "product_added", "product_viewed", "cart_viewed")
COUNTRIES = ("DE", "AT", "CH", "FR", "IT", "NL")
RULES_PER_EVENT = 20


def rules_text(*, indexed: bool = False) -> str:
    """100 live rules, 20 for each event; every tenth looks at history.

    An event passes a few clauses of most rules; only one that carries the rule's own coupon passes all.

    Args:
        indexed: whether the index can go by the coupon, as the rules ask for it; else all 20 are looked at.
    """
    asks = "==" if indexed else "starts with"
    lines = ["version: 1", "rules:"]
    for event in EVENTS:
        for number in range(RULES_PER_EVENT):
            barred = ", ".join(excluded(number))
            lines += [
                f"  {event.replace('_', '-')}-{number:02}:",
                f"    when: {{event: {event}}}",
                *(["    runs: {mode: restart}"] if number % 2 else []),
                "    if:",
                "      - customer.email is present",
                f"      - event.value >= {5 + number * 7}",
                f"      - customer.country not in [{barred}]",
                *(["      - count(order_completed in last 30d) < 1000"] if number % 10 == 0 else []),
                f"      - event.coupon {asks} 'go-{number:02}'",
                "    then:",
                "      - log.write: {message: 'order {{ event.order_id }} of {{ customer.first_name }}'}",
                "      - wait: 1d",
                "      - log.write: {message: a day later}",
            ]
    return "\n".join(lines) + "\n"


def excluded(number: int) -> tuple[str, str]:
    """The two countries that a rule leaves out."""
    return COUNTRIES[number % 6], COUNTRIES[(number + 1) % 6]


def make_shop(*, indexed: bool = False) -> Plan:
    """The plan of those rules; the five events declare the fields that the conditions read."""
    registry = load_plugins({}).registry
    schema, problems = load_schema([], registry)
    field_types = schema.events["order_completed"]
    names = {"value": field_types["total"], "coupon": field_types["coupon"], "order_id": field_types["order_id"]}
    for event in EVENTS:
        schema.events[event].update(names)
    ruleset, found = load_rules([("shop.yaml", rules_text(indexed=indexed))], schema, registry)
    errors = [problem.render() for problem in (*problems, *found) if problem.severity == "error"]
    assert not errors, "\n".join(errors[:3])
    assert len(ruleset.rules) == RULES_PER_EVENT * len(EVENTS)
    return make_plan(ruleset, schema, registry, Defaults(zone=UTC))


def fill(store: Store, count: int) -> None:
    """Customers as an import would have left them."""
    for start in range(0, count, 10_000):
        keys = [f"user:{number}" for number in range(start, min(start + 10_000, count))]
        ids = store.ensure_customers(keys, NOW)
        store.commit(Batch(customers=[_customer(ids[key], key) for key in keys]))


def _customer(customer: int, key: str) -> CustomerRow:
    fields = fields_of(int(key.removeprefix("user:")))
    return CustomerRow(id=customer, key=key, fields=fields, stamps=dict.fromkeys(fields, NOW), first_seen=NOW)


def introductions(count: int) -> Iterator[Message]:
    """The identifies by which customers become known, all at the first instant."""
    for number in range(count):
        yield Message(
            kind=MessageKind.IDENTIFY,
            name="customer_updated",
            fields=fields_of(number),
            occurred_at=NOW,
            received_at=NOW,
            source="shop",
            message_id=f"identify-{number:012}",
            user_id=str(number),
        )


def fields_of(number: int) -> dict[str, Json]:
    """What is known about a customer."""
    return {
        "email": f"user_{number}@example.test",
        "first_name": f"Name{number % 500}",
        "country": country_of(number),
        "timezone": "Europe/Berlin",
        "plan": "basic",
    }


def country_of(number: int) -> str:
    """Where a customer lives."""
    return COUNTRIES[number * 7 % 6 if number % 2 else number % 6]


def messages(count: int, customers: int, seed: int, start: int = 0, step: int = 5) -> Iterator[Message]:
    """Events, one every `step` milliseconds.

    Nine of ten are about random customers. Every tenth is about one of a tenth of them and carries the coupon of one
    rule, always the same for one customer, so that some runs are restarted and some starts are refused.
    """
    chance = random.Random(seed)
    for index in range(start, start + count):
        starts = index % 10 == 0
        number = chance.randrange(customers // 10 if starts else customers)
        rule = number % RULES_PER_EVENT
        while country_of(number) in excluded(rule):
            rule = (rule + 1) % RULES_PER_EVENT
        at = NOW + index * step
        fields: dict[str, Json] = {
            "order_id": f"o-{index}",
            "value": 190 if starts else chance.randrange(200),
            "coupon": f"go-{rule:02}" if starts else "none",
            "currency": "EUR",
            "products": [{"product_id": f"p-{index % 997}", "price": 19.9, "quantity": 2, "category": "shoes"}],
        }
        yield Message(
            kind=MessageKind.TRACK,
            name=EVENTS[(number // RULES_PER_EVENT if starts else index) % len(EVENTS)],
            fields=fields,
            occurred_at=at,
            received_at=at,
            source="shop",
            message_id=f"{seed:04}-{index:012}-0a1b2c3d4e5f",
            user_id=str(number),
        )
