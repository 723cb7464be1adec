"""One timer of an agenda decided, where it is still to be."""

from __future__ import annotations

from retain.decide.facts import Facts, Moment
from retain.decide.timers import decide_due_effect, decide_look, decide_wake
from retain.model import Instant
from retain.pipeline.agenda import EFFECT, RUN, Agenda, Key


def decide_timer(facts: Facts, agenda: Agenda, key: Key, at: Instant) -> int:
    """Decide a run, an effect or a customer whose instant has come; 0 where an earlier decision has moved it."""
    moment = Moment.of_timer(at)
    if key[1] == RUN:
        run = facts.changes.runs.get(key[3])
        if run is None:
            run = facts.customer(agenda.run_customers[key[3]]).runs.get(key[3])
        if run is None or run.wake_at is None or run.wake_at > at:
            return 0
        decide_wake(facts, run, moment)
        return 1
    if key[1] == EFFECT:
        decide_due_effect(facts, facts.effects[key[3]], moment)
        return 1
    customer = facts.customers.get(key[2])
    if customer is None or customer.id != key[2] or customer.recheck_at is None or customer.recheck_at > at:
        return 0
    decide_look(facts, customer, key[0], moment)
    return 1
