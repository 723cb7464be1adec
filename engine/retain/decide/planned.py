"""`schedule`: planned instants. Those of customers' dates and zones live in the customer's packed state.

Per such trigger the state holds `n` the next planned instant, `o` its local occurrence such as `2026-05-01T09:00`,
and `l` the last occurrence that was used: one start per rule, key and local occurrence, whatever the zone does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from retain.decide.awaited import lookup
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion
from retain.decide.scopes import event_scope
from retain.decide.watches import Edge, is_due, reschedule
from retain.instants import MINUTE, to_datetime
from retain.language.plan import Planned
from retain.language.rules import ScheduleTrigger
from retain.language.time.schedules import zone_of, zone_or_none
from retain.model import Instant, Json


def plan_customer(facts: Facts, customer: CustomerFacts, changed: frozenset[str] | None, moment: Moment) -> None:
    """Compute the customer's planned instants anew where a field or zone that they follow changed.

    Args:
        changed: names of the fields that changed; None = all of them may have (a new customer, a new rule).
    """
    for planned in facts.plan.personal_schedules:
        if changed is not None and not (changed & _fields_of(planned.trigger)):
            continue
        plan_one(facts, customer, planned, moment)


def plan_one(facts: Facts, customer: CustomerFacts, planned: Planned, moment: Moment) -> None:
    """Plan the next instant of one personal schedule for a customer; what is used up stays so."""
    _plan_next(facts, customer, planned, customer.watches.get(planned.id) or {}, moment.at)


def due_plans(facts: Facts, customer: CustomerFacts, at: Instant) -> list[tuple[Instant, Planned]]:
    """The personal schedules whose instant has come, in due order."""
    found = []
    for planned in facts.plan.personal_schedules:
        state = customer.watches.get(planned.id, {})
        if is_due(state, at):
            found.append((state["n"], planned))
    found.sort(key=lambda entry: (entry[0], entry[1].rule.id, entry[1].trigger.path))
    return found


def take(facts: Facts, customer: CustomerFacts, planned: Planned, moment: Moment) -> Edge | None:
    """Use up the planned instant that has come; the start that it stands for, if the customer is a member."""
    trigger = planned.trigger
    state: dict[str, Json] = dict(customer.watches[planned.id])
    instant, occurrence = state["n"], state["o"]
    state["l"] = occurrence
    _plan_next(facts, customer, planned, state, instant if trigger.if_missed == "run_all" else moment.at)
    if trigger.each is not None and not trigger.each.is_true(event_scope(customer, moment)):
        return None
    return start_of(planned, occurrence, instant, moment)


def start_of(planned: Planned, occurrence: str, instant: Instant, moment: Moment) -> Edge:
    """The occasion of one planned start; too late by the trigger's own rule is `late`."""
    occasion = Occasion(
        f"schedule:{planned.trigger.path}:{occurrence}",
        {"kind": "schedule", "planned_at": instant},
        late=is_missed(planned.trigger, instant, moment.at),
    )
    index = planned.rule.triggers.index(planned.trigger)
    return Edge(planned.rule, index, occasion)


def is_missed(trigger: ScheduleTrigger, planned_at: Instant, at: Instant) -> bool:
    """Whether a planned start comes too late to be made: past `within`, or at all where missed ones are skipped."""
    late = at - planned_at
    if trigger.within is not None:
        return late > trigger.within
    return trigger.if_missed == "skip" and late > MINUTE


def zone_of_trigger(trigger: ScheduleTrigger, customer: CustomerFacts | None, default: tzinfo) -> tzinfo:
    """The zone that a trigger's local times are read in."""
    if trigger.timezone_field and customer is not None:
        value = lookup(customer.fields, trigger.timezone_field)
        return (zone_or_none(value) if isinstance(value, str) else None) or default
    if trigger.timezone:
        return zone_or_none(trigger.timezone) or default
    return zone_of(customer.fields, default) if customer is not None and trigger.field_schedule else default


def cron_instants(planned: Planned, after: Instant, until: Instant, default: tzinfo) -> Iterator[tuple[Instant, str]]:
    """The planned instants of a cron for everyone in (after, until], with their local occurrence.

    Of several that were missed, `run_all` gives each; otherwise only the last one is worth a look.
    """
    trigger = planned.trigger
    assert trigger.cron is not None
    zone = zone_of_trigger(trigger, None, default)
    instants = list(trigger.cron.between(after, until, zone))
    if trigger.if_missed != "run_all":
        instants = instants[-1:]
    for instant in instants:
        yield instant, occurrence_of(instant, zone)


def occurrence_of(instant: Instant, zone: tzinfo) -> str:
    """The local time that names a planned start, with its offset so that a repeated hour has two names."""
    return to_datetime(instant, zone).isoformat(timespec="minutes")


def _plan_next(facts: Facts, customer: CustomerFacts, planned: Planned, state: dict[str, Json], after: Instant) -> None:
    trigger = planned.trigger
    zone = zone_of_trigger(trigger, customer, facts.plan.defaults.zone)
    used: str = state.get("l", "")
    following = _next_of(trigger, customer, after, zone)
    while following is not None and used and following[1] <= used:
        following = _next_of(trigger, customer, following[0], zone)
    fresh: dict[str, Json] = {"l": used} if used else {}
    if following is not None:
        fresh["n"], fresh["o"] = following
    if fresh:
        customer.watches[planned.id] = fresh
    else:
        customer.watches.pop(planned.id, None)
    reschedule(facts, customer)


def _next_of(
    trigger: ScheduleTrigger, customer: CustomerFacts, after: Instant, zone: tzinfo
) -> tuple[Instant, str] | None:
    if trigger.field_schedule is not None:
        value = lookup(customer.fields, trigger.field_schedule.field)
        return None if value is None else trigger.field_schedule.next_after(value, after, zone)
    assert trigger.cron is not None
    instant = trigger.cron.next_after(after, zone)
    return instant, occurrence_of(instant, zone)


def _fields_of(trigger: ScheduleTrigger) -> set[str]:
    fields = {"timezone"}
    if trigger.field_schedule is not None:
        fields.add(trigger.field_schedule.field.split(".")[0])
    if trigger.timezone_field:
        fields.add(trigger.timezone_field.split(".")[0])
    return fields
