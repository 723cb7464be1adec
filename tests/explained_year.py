"""A year of a shop on a virtual clock, and what the engine wrote down about every start that it judged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from decide_help import engine, instant
from retain.app.reports.outcomes import outcomes_of
from retain.decide.starts import SUMMARY_ONLY
from retain.instants import DAY, HOUR, MINUTE
from retain.model import Fields, Instant, Message, MessageKind, Outcome
from retain.testing.virtual import VirtualEngine

BEGIN = instant("2026-01-01T00:00:00Z")
CUSTOMERS = 40
RULES = """
policies: {email: {unknown: allow, caps: [2 per 7d], quiet: "22:00-07:00"}}
segments: {buyers: {if: [count(order_completed) >= 2]}}
rules:
  a-stage:
    when: {event: order_completed}
    then: [{set: {stage: 2}}, {emit: {event: x, data: {k: made}}}]
  b-reads-stage:
    when: {event: order_completed}
    if: [customer.stage >= 2, event.total >= 20]
    then: [{note.write: {text: staged}}]
  cart:
    when: [{event: cart_updated}, {event: product_added, if: [event.quantity >= 2]}]
    if: [customer.email is present, "not exists(order_completed in last 1d)"]
    runs: {per: event.cart_id, mode: restart, at_most: 1 per 7d}
    exit_when: [{event: order_completed, same: [cart_id]}]
    goal: {event: order_completed, within: 3d}
    holdout: 20%
    then: [{wait: 1h}, {email.send: {template: one}}, {wait: 1d}, {email.send: {template: two}}]
  once:
    when: {event: page_viewed}
    if: [count(page_viewed in last 7d) >= 1]
    runs: {mode: single}
    then: [{wait: 2d}, {post.it: {text: seen}}]
  in-turn:
    when: {event: signed_in}
    runs: {mode: queue}
    then: [{wait: 3d}, {post.it: {text: in}}]
  at-once:
    when: {event: signed_in}
    runs: {mode: parallel, at_most: 2 per 10d}
    then: [{post.it: {text: hello}}]
  left:
    when: {event: signed_out}
    exit_when: [{becomes: [customer.plan == 'gold']}]
    then: [{wait: 5d}, {email.send: {template: left}}]
  quiet:
    when: {becomes: [days_since(order_completed) >= 20]}
    if: [customer.plan is present]
    then: [{post.it: {text: quiet}}]
  falling:
    when: {becomes: [customer.score < 40], for: 2d}
    then: [{post.it: {text: low}}]
  often-or-now:
    when: [{becomes: ["count(order_completed in last 30d) >= 2"]}, {event: nps_answered}]
    runs: {at_most: 3 per 30d}
    then: [{post.it: {text: often}}]
  renewal:
    when: {schedule: {date: customer.renews_at, before: 7d, at: "09:00"}}
    if: ["customer.plan in [gold, silver]"]
    then: [{email.send: {template: renew}}]
  mondays:
    when: {schedule: {cron: "0 9 * * 1", each: [customer in segment buyers]}}
    if: [customer.score is present]
    then: [{post.it: {text: monday}}]
  changed:
    when: {event: customer_updated, if: [customer.plan changed]}
    if: [customer.plan == 'gold']
    then: [{note.write: {text: gold}}]
  welcome:
    when: {event: customer_created}
    if: [customer.email is present]
    then: [{email.send: {template: hello}}]
  careful:
    when: {event: x}
    breaker: 3 per 2d
    then: [{wait: 1h}, {note.write: {text: x}}]
  asleep: {status: "off", when: {event: order_completed}, then: [{note.write: {text: never}}]}
  shadow: {status: shadow, when: {event: order_completed}, runs: {at_most: 1 per 20d}, then: [{post.it: {text: maybe}}]}
"""
NAMES = (
    "cart_updated", "product_added", "order_completed", "page_viewed", "page_viewed", "signed_in", "signed_out",
    "nps_answered", "update", "update",
)  # fmt: skip


@dataclass
class Year:
    """The engine at the end of the year, and every verdict that it wrote down, by rule and customer, in order."""

    engine: VirtualEngine
    days: int
    verdicts: dict[tuple[str, str], list[tuple[Instant, Outcome]]] = field(default_factory=dict)

    def newest(self, rule: str, customer: str, at: Instant) -> tuple[Instant, Outcome] | None:
        """The last one up to an instant."""
        found = [verdict for verdict in self.verdicts.get((rule, customer), ()) if verdict[0] <= at]
        return found[-1] if found else None


@cache
def year(days: int = 365, events: int = 2_500, seed: int = 1) -> Year:
    """The year, lived once."""
    world = engine(RULES, start=BEGIN)
    for message in sorted(_messages(days, events, random.Random(seed)), key=lambda message: message.received_at):
        world.move_to(message.received_at - 1)
        world.now = message.received_at
        world.send(message)
    world.move_to(BEGIN + days * DAY)
    return Year(world, days, _verdicts(world))


def _messages(days: int, events: int, rng: random.Random) -> Iterator[Message]:
    received, customer = BEGIN, 0
    for number in range(events):
        if rng.random() < 0.8:  # the others come in the same millisecond as the one before
            received = BEGIN + rng.randrange(days * DAY // MINUTE // 10) * 10 * MINUTE
            customer = rng.randrange(CUSTOMERS)
        name, late = rng.choice(NAMES), rng.choice((0, 0, 0, 0, HOUR, 2 * DAY))
        yield Message(
            kind=MessageKind.IDENTIFY if name == "update" else MessageKind.TRACK,
            name="customer_updated" if name == "update" else name,
            fields=_fields(name, number, rng),
            occurred_at=received - late,
            received_at=received,
            source="test",
            message_id=f"m{number}",
            user_id=f"c{customer}",
        )


def _fields(name: str, number: int, rng: random.Random) -> Fields:
    if name == "update":
        known = {
            "email": f"c{number}@example.test", "plan": rng.choice(("gold", "silver", "free", None)),
            "score": rng.choice((20, 30, 50, 80, None)), "renews_at": f"2026-{rng.randrange(1, 13):02}-15",
            "timezone": rng.choice(("Asia/Tokyo", "America/New_York", "Europe/Berlin")),
        }  # fmt: skip
        return {key: known[key] for key in rng.sample(sorted(known), 2)}
    if name == "nps_answered":
        return {"score": rng.randrange(11)}
    cart = rng.choice(("k1", "k2", "k2", None))
    return {"cart_id": cart, "total": rng.randrange(60), "quantity": rng.randrange(4), "order_id": f"o{number}"}


def _verdicts(world: VirtualEngine) -> dict[tuple[str, str], list[tuple[Instant, Outcome]]]:
    """From the summaries what an event came to, from the log what time alone brought; in the order of deciding."""
    store = world.store
    keys = {row.id: row.key for row in store.customers(range(1, CUSTOMERS + 1)).values()}
    rules = {row.number: row.rule for row in store.list_revisions()}
    found: list[tuple[Instant, int, tuple[int, int], str, str, Outcome]] = []
    for event in store.events_after(0, 1_000_000, from_outside=False):
        summary = store.summary_of(event.seq)
        assert summary is not None
        came: dict[str, list[Outcome]] = {}
        for number, outcome, _ in outcomes_of(store, summary):
            came.setdefault(rules[number], []).append(outcome)
        place = (event.cause_seq or event.seq, event.seq)
        for rule, outcomes in came.items():
            told = [outcome for outcome in outcomes if outcome not in SUMMARY_ONLY]
            found.append((summary.at, 0, place, rule, keys[event.customer], told[0] if told else outcomes[-1]))
    waited: set[str] = set()  # runs that waited for their turn: that they begin is no verdict on a start
    for row in store.decisions_of(limit=1_000_000)[::-1]:
        if row.kind == "start" and row.outcome in (Outcome.QUEUED, Outcome.PARKED):
            waited.add(row.run)
        elif row.run in waited:
            continue
        if row.kind in ("start", "refusal") and row.event_seq == 0 and row.customer in keys:
            found.append((row.at, 1, (0, 0), row.rule, keys[row.customer], Outcome(row.outcome)))
    verdicts: dict[tuple[str, str], list[tuple[Instant, Outcome]]] = {}
    for at, _, _, rule, customer, outcome in sorted(found, key=lambda entry: entry[:3]):
        verdicts.setdefault((rule, customer), []).append((at, outcome))
    return verdicts
