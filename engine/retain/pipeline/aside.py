"""What cannot be decided even alone is put aside with its reason, and everything else goes on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.operations import hold
from retain.decide.timers import decide_one_look, next_look
from retain.decide.watches import RETRY_FIRST, postpone, reschedule
from retain.language.plan import Planned, Watch
from retain.model import DecisionRow, EffectState, Event, Instant
from retain.pipeline import outbox
from retain.pipeline.agenda import EFFECT, EVENT, RUN, Key
from retain.pipeline.attempt import Failed, attempt
from retain.pipeline.load import load_customers
from retain.pipeline.outbox import Decides
from retain.store.rows import Batch


def put_aside(pipeline: Decides, key: Key, failed: Failed, at: Instant, events: Mapping[int, Event]) -> None:
    """Put aside the one item of an agenda that raises: an event waits to be retried, a run or an effect for a person.

    Of a customer's looks only those that raise are put aside, and each is tried again later.

    Args:
        at: when it was to be decided.
        events: of the agenda, by their places in the order.
    """
    if key[1] == EVENT:
        about = {events[key[2]].customer}  # by now another worker's, perhaps, who has decided it
        pipeline.store.commit(Batch(watermark=key[2], quarantined=[(key[2], failed.reason)], about=about))
    elif key[1] == RUN:
        run = pipeline.store.runs_by_id([key[3]])[key[3]]
        hold(run, failed.reason)
        failure = failed_look(at, run.rule, run.customer, failed, run=run.id, path=run.step)
        pipeline.store.commit(Batch(runs=[run], decisions=[failure]))
    elif key[1] == EFFECT:
        effect = pipeline.store.effects_by_id([key[3]])[0]
        outbox.put_aside(pipeline, effect, failed, at, EffectState.PENDING)
    else:
        _look_one_by_one(pipeline, key[2], at)


def failed_look(at: Instant, rule: str, customer: int, failed: Failed, *, run: str = "", path: str = "") -> DecisionRow:
    """The record of what time brought and could not be decided."""
    return DecisionRow(
        at=at, event_seq=0, rule=rule, customer=customer, run=run, kind="look", outcome="failed", path=path,
        why=failed.reason,
    )  # fmt: skip


def _look_one_by_one(pipeline: Decides, customer_id: int, at: Instant) -> None:
    """Carry out each look of a customer in a transaction of its own; what raises is recorded and tried again later."""
    while (item := _first_look(pipeline, customer_id, at)) is not None:
        outcome = attempt(pipeline, partial(_look, pipeline, customer_id, item, at))
        if isinstance(outcome, Failed) and not outcome.is_repeated:
            failure = failed_look(at, item.rule.id, customer_id, outcome, path=item.trigger.path)
            with pipeline.deciding({customer_id}):
                facts, customer = _load(pipeline, customer_id, at)
                postpone(facts, customer, item.id, at)
                facts.changes.decisions.append(failure)
                pipeline.commit(facts)


def _first_look(pipeline: Decides, customer_id: int, at: Instant) -> Watch | Planned | None:
    loaded = attempt(pipeline, partial(_load, pipeline, customer_id, at))
    if isinstance(loaded, Failed):  # what is known of the customer cannot be read: none of its looks can be decided
        rows = list(pipeline.store.customers([customer_id]).values())
        for row in rows:
            row.recheck_at = at + RETRY_FIRST
        pipeline.store.commit(Batch(customers=rows, decisions=[failed_look(at, "", customer_id, loaded)]))
        return None
    facts, customer = loaded
    item = next_look(facts, customer, at)
    if item is None:
        reschedule(facts, customer)
        pipeline.commit(facts)
    return item


def _look(pipeline: Decides, customer_id: int, item: Watch | Planned, at: Instant) -> None:
    guard = pipeline.options.guard
    if guard is not None:
        guard.begin(f"look:{customer_id}:{item.id}")
    with pipeline.deciding({customer_id}):
        facts, customer = _load(pipeline, customer_id, at)
        decide_one_look(facts, customer, item, Moment.of_timer(at))
        if guard is not None:
            guard.end()
        pipeline.commit(facts)


def _load(pipeline: Decides, customer_id: int, at: Instant) -> tuple[Facts, CustomerFacts]:
    facts = pipeline.facts()
    load_customers(pipeline.store, facts, {customer_id}, at)
    return facts, facts.customer(customer_id)
