"""One event decided: what it changes, which runs it wakes or ends, which rules it starts, and what follows from that.

Per event: first the waiting runs, oldest first, each against goal, exit_when and wait_for in that order; then starts,
rules by id; then the events that all of this made, in the order made.
"""

from __future__ import annotations

from dataclasses import replace

from retain.decide.advance import finish_run, met
from retain.decide.awaited import event_matches, level_holds, matches, name_of
from retain.decide.derive import names_of
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import is_late
from retain.decide.merge import merge_customers
from retain.decide.outcomes import Outcomes
from retain.decide.planned import plan_customer
from retain.decide.runs import deepen
from retain.decide.scopes import event_scope
from retain.decide.starts import see, start_by_event
from retain.decide.steps import step_index
from retain.decide.watches import Edge, look, touched
from retain.language.rules import EventTrigger, Rule, WaitForStep
from retain.language.time.schedules import zone_of
from retain.model import Change, Event, MessageKind, Run, RunState
from retain.traits import apply_traits, traits_of

CREATED = "customer_created"
UPDATED = "customer_updated"
_SETTING = (MessageKind.IDENTIFY, MessageKind.SET)
_NOTHING: frozenset[str] = frozenset()


def decide_event(facts: Facts, event: Event) -> None:
    """Decide one accepted event and everything that follows from it at once."""
    _decide_one(facts, event)
    drain(facts)


def drain(facts: Facts) -> None:
    """Decide the events that decisions have made, in the order made, until none is left."""
    while facts.derived:
        _decide_one(facts, facts.derived.popleft())
    facts.chain = 0


def _decide_one(facts: Facts, event: Event) -> None:
    customer = facts.customer(event.customer)
    moment = Moment.of_event(event)
    outcomes = Outcomes()
    if event.merged_from is not None:
        merge_customers(facts, event.merged_from, customer, moment)
    _be_first(facts, customer, event)
    is_new = event.seq == customer.first_seq
    is_fresh = is_new or event.merged_from is not None  # anything may have become true of this customer
    changes = _apply(facts, customer, event, is_fresh)
    changed = names_of(changes) if changes else _NOTHING
    seen = event
    if event.name == UPDATED:
        seen = event._replace(fields={"changed": sorted({change.field for change in changes})})
    if event.name != UPDATED or changed or is_fresh:
        _wake_runs(facts, customer, seen, moment)
        _start(facts, customer, seen, changed, is_fresh, moment, outcomes)
    if is_new:
        created = event._replace(name=CREATED, kind=MessageKind.TRACK, message_id=f"{event.message_id}:created")
        _wake_runs(facts, customer, created, moment)
        seen_new = see(facts, customer, created, _NOTHING, moment)
        start_by_event(facts, customer, created, seen_new, [], moment, outcomes)
    decided_at = max(moment.at, facts.now) if event.historical else moment.at
    facts.changes.summaries.append((event.seq, decided_at, outcomes, changes))


def _be_first(facts: Facts, customer: CustomerFacts, event: Event) -> None:
    """A customer whom an import of consents had made comes into being with the first event from outside."""
    if not customer.first_seq and not event.depth and customer.id:
        customer.first_seq = event.seq
        facts.save_customer(customer)


def _apply(facts: Facts, customer: CustomerFacts, event: Event, is_fresh: bool) -> list[Change]:
    """Let the event count: in the fields, the consents, the records and the history of its customer."""
    customer.metrics.clear()
    changes = facts.applied.pop(event.seq, None)
    if changes is None:
        traits = traits_of(event.kind, event.fields)
        changes = apply_traits(customer.fields, customer.stamps, traits, event.occurred_at) if traits else []
        if traits:
            facts.save_customer(customer)  # an equal value changes nothing but who wrote it last
    if event.name != UPDATED:
        customer.history.add(event.name, event.occurred_at, event.fields)
    elif changes:
        names = sorted({change.field for change in changes})
        customer.history.add(UPDATED, event.occurred_at, {"changed": names})
    if changes:
        facts.save_customer(customer)
        changed = frozenset(change.field for change in changes)
        if "timezone" in changed:
            customer.zone = zone_of(customer.fields, facts.plan.defaults.zone)
        if facts.plan.personal_schedules and not is_fresh:
            plan_customer(facts, customer, changed, _looked_at(facts, customer, event))
    if is_fresh and facts.plan.personal_schedules:
        plan_customer(facts, customer, None, _looked_at(facts, customer, event))
    if event.kind is MessageKind.CONSENT or event.name == "unsubscribed":
        _consent(facts, customer, event)
    elif event.kind in _SETTING and isinstance(event.fields.get("consent"), dict):
        for purpose, granted in sorted(event.fields["consent"].items()):
            if isinstance(granted, bool):
                _answer(facts, customer, event, purpose, granted)
    _close_records(facts, customer, event)
    return changes


def _consent(facts: Facts, customer: CustomerFacts, event: Event) -> None:
    """A consent event grants or withdraws one purpose; `unsubscribed` withdraws its purpose, or all of its channel."""
    purpose = event.fields.get("purpose")
    granted = event.fields.get("granted") is True and event.kind is MessageKind.CONSENT
    if isinstance(purpose, str) and purpose:
        purposes = [purpose]
    else:
        channel = event.fields.get("channel", "email")
        purposes = [policy.consent for policy in facts.plan.ruleset.policies.values() if policy.channel == channel]
    for name in sorted({purpose for purpose in purposes if purpose}):
        _answer(facts, customer, event, name, granted)


def _answer(facts: Facts, customer: CustomerFacts, event: Event, purpose: str, granted: bool) -> None:
    customer.answer(purpose, granted, event.occurred_at)
    facts.changes.consents.append((customer.id, purpose, granted, event.occurred_at, event.source))


def _close_records(facts: Facts, customer: CustomerFacts, event: Event) -> None:
    """An event such as `task_closed` from outside closes the record that it names."""
    for kind in facts.plan.closed_by.get(event.name, ()):
        field = kind.closed_by[event.name]
        record = facts.records.get(kind.name, str(event.fields.get(field, "")))
        if record is not None and record.state != kind.states[-1]:
            fields = {**record.fields, **{key: value for key, value in event.fields.items() if key != "state"}}
            facts.records.put(replace(record, state=kind.states[-1], fields=fields))


def _wake_runs(facts: Facts, customer: CustomerFacts, event: Event, moment: Moment) -> None:
    if not customer.runs:
        return
    runs = customer.live_runs()
    # Queued runs first: one that this event ends must not begin because the event frees its key.
    for run in sorted(runs, key=_begins_later):
        if run.id in facts.changes.runs and run.state is RunState.ENDED:
            continue
        _meet(facts, customer, run, facts.rule_of(run), event, moment)


def _begins_later(run: Run) -> bool:
    return run.state is not RunState.QUEUED


def _meet(facts: Facts, customer: CustomerFacts, run: Run, rule: Rule, event: Event, moment: Moment) -> None:
    """One run meets one event: the first of goal, exit_when and wait_for that matches wins."""
    goal = rule.goal
    within = run.goal_until is None or moment.at <= run.goal_until
    if goal is not None and within and matches(goal.trigger, run, customer, event, moment):
        finish_run(facts, run, customer, "goal", moment, goal.trigger.path)
        return
    if run.state is RunState.WATCHED:
        return
    for trigger in rule.exit_when:
        if matches(trigger, run, customer, event, moment):
            finish_run(facts, run, customer, name_of(trigger), moment, trigger.path)
            return
    for step in _awaiting(run, rule):
        trigger = step.trigger
        at_it = run.state is RunState.WAITING_FOR and run.step == step.path
        if isinstance(trigger, EventTrigger):
            if not event_matches(trigger, run, customer, event, moment):
                continue
            if not at_it:
                run.context.setdefault("early", {}).setdefault(step.path, dict(event.fields))
                deepen(run, moment)
                facts.save(run)
                continue
        elif not at_it or not level_holds(trigger, run, customer, moment):
            continue
        met(facts, run, customer, dict(event.fields), moment)
        return


def _awaiting(run: Run, rule: Rule) -> list[WaitForStep]:
    """The wait_for steps that an event can already answer.

    The one the run stands at; the one after an action whose result is still out, because events count from the
    instant at which the step before was decided; and every one that says `since: start`.
    """
    index = step_index(rule)
    found = []
    here = index.get(run.step)
    for path, stop in index.items():
        if not isinstance(stop.step, WaitForStep):
            continue
        acting = run.state in (RunState.ACTING, RunState.HELD) and here is not None and here.after == path
        if path == run.step or acting or (stop.step.since == "start" and run.state is not RunState.QUEUED):
            found.append(stop.step)
    return found


def _start(
    facts: Facts,
    customer: CustomerFacts,
    event: Event,
    changed: frozenset[str],
    is_fresh: bool,
    moment: Moment,
    outcomes: Outcomes,
) -> None:
    edges: list[Edge] = []
    seen = see(facts, customer, event, changed, moment)
    if facts.plan.watches:
        silent, at = is_late(facts, event), _looked_at(facts, customer, event)
        for watch in touched(facts, customer, event.name, changed, is_fresh, seen.scope, seen.sight.watched):
            edge = look(facts, customer, watch, at, silent=silent, cause=event.cause)
            if edge is not None:
                edges.append(edge)
        if at != moment:
            event_scope(customer, moment)  # metrics are those at the event again
    start_by_event(facts, customer, event, seen, edges, moment, outcomes)


def _looked_at(facts: Facts, customer: CustomerFacts, event: Event) -> Moment:
    """When its watches are looked at and its dates planned: for history today, as what time turned is history too.

    Where something of the customer has come due and is still to be decided, it is right before that, which stays due.
    """
    moment = Moment.of_event(event)
    due = customer.recheck_at
    today = facts.now if due is None else min(facts.now, due - 2)
    return Moment(today, today + 1) if event.historical and today > moment.at else moment
