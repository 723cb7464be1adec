"""Scopes: what a condition or a template of a rule is evaluated against."""

from __future__ import annotations

from collections.abc import Mapping

from retain.decide.facts import CustomerFacts, Moment
from retain.language.scope import Scope
from retain.model import Fields, Instant, Json, Run

NOTHING: Mapping[str, Json] = {}


def event_scope(
    customer: CustomerFacts, moment: Moment, event: Fields = NOTHING, changed: frozenset[str] = frozenset()
) -> Scope:
    """The scope of a rule that may start."""
    now = moment.now
    if customer.metrics_at != now:
        customer.metrics.clear()
        customer.metrics_at = now
    return Scope(
        now,
        customer.fields,
        customer.history,
        customer.first_seen,
        event,
        NOTHING,
        NOTHING,
        changed,
        None,
        customer.zone,
        customer.metrics,
    )


def run_scope(customer: CustomerFacts, run: Run, moment: Moment, event: Fields | None = None) -> Scope:
    """The scope of a run: its starting event and trigger are frozen, the customer and history are read now.

    Args:
        event: the event being decided, for the condition of an awaited trigger; None for the run's own.
    """
    context = run.context
    overlay = context.get("overlay")
    fields = {**customer.fields, **overlay} if overlay else customer.fields
    return Scope(
        now=moment.now,
        customer=fields,
        history=customer.history,
        first_seen=customer.first_seen,
        event=context.get("event", NOTHING) if event is None else event,
        steps=context.get("steps", NOTHING),
        trigger=context.get("trigger", NOTHING),
        started_at=run.started_at,
        zone=customer.zone,
        metrics={} if overlay else _metrics(customer, moment.now),
    )


def _metrics(customer: CustomerFacts, now: Instant) -> dict[str, Json]:
    if customer.metrics_at != now:
        customer.metrics.clear()
        customer.metrics_at = now
    return customer.metrics
