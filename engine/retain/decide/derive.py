"""Events that decisions make: `emit`, changes of fields, what actions and results report.

They are decided directly after the decision that made them, in the order made, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.runs import in_chain, log
from retain.model import Change, DecisionRow, Event, Json, MessageKind, NewEvent, Outcome, Run, slug
from retain.traits import apply_traits


def derive(
    facts: Facts, customer: CustomerFacts, new: NewEvent, moment: Moment, origin: str, number: int
) -> Event | None:
    """Queue an event of the same customer, or post one of another's; a chain that grew too long is cut and recorded.

    Args:
        origin: the run, effect or command that makes it; with `number` its identity in every store.
    """
    cut = too_deep(moment, facts.plan.defaults.max_depth) or _too_broad(facts)
    if cut:
        facts.changes.decisions.append(cut_row(cut, new, customer.id, moment, origin))
        return None
    facts.chain += 1
    event = event_of(new, customer.id, moment, origin, number, facts.number_event())
    if event.customer != customer.id:
        facts.changes.posted.append(event)
        return event
    facts.changes.events.append(event)
    facts.derived.append(event)
    return event


def event_of(new: NewEvent, customer: int, moment: Moment, origin: str, number: int, seq: int) -> Event:
    """The event that a decision makes.

    Args:
        customer: whom it is about where it does not say so itself.
        seq: its working number.
    """
    return Event(
        seq=seq,
        customer=customer if new.customer is None else new.customer,
        kind=new.kind,
        name=slug(new.name),
        fields=new.fields,
        occurred_at=moment.at,
        received_at=moment.at,
        source="retain",
        message_id=f"{origin}.{number}",
        depth=moment.depth + 1,
        origin=origin,
    )


def too_deep(moment: Moment, max_depth: int) -> str:
    """The chain that must end here for its length; "" while it may go on."""
    return f"a chain of {moment.depth} events that rules cause" if moment.depth >= max_depth else ""


def _too_broad(facts: Facts) -> str:
    broad = facts.chain >= facts.plan.defaults.max_chain
    return f"a chain of {facts.chain} events that one event or timer caused" if broad else ""


def cut_row(cut: str, new: NewEvent, customer: int, moment: Moment, origin: str) -> DecisionRow:
    """The record of a chain that was cut before an event."""
    name = slug(new.name)
    return DecisionRow(
        at=moment.at,
        event_seq=moment.seq,
        rule="",
        customer=customer,
        run=origin,
        kind="refusal",
        outcome=Outcome.CHAIN.value,
        path=name,
        why=f"{cut} was cut before {name}",
    )


def derive_from_run(facts: Facts, run: Run, customer: CustomerFacts, new: NewEvent, moment: Moment) -> Event | None:
    """An event that a run makes; a shadow run only records it."""
    made = run.context.get("made", 0)
    run.context["made"] = made + 1
    if run.arm != "live":
        log(facts, run, moment, "effect", "shadow", run.step, why=f"emit {new.name}")
        return None
    return derive(facts, customer, new, in_chain(run, moment), run.id, made)


def set_fields(facts: Facts, run: Run, customer: CustomerFacts, fields: dict[str, Json], moment: Moment) -> None:
    """New values of customer fields: in a shadow run only in its own overlay, else as an event of its own."""
    if not fields:
        return
    if run.arm != "live":
        run.context["overlay"] = {**run.context.get("overlay", {}), **fields}
        return
    after, stamps = dict(customer.fields), dict(customer.stamps)
    changes = apply_traits(after, stamps, fields, moment.at)
    if not changes:
        return
    new = NewEvent(name="customer_updated", fields=fields, kind=MessageKind.SET)
    event = derive_from_run(facts, run, customer, new, moment)
    if event is None:
        return  # a value that no event tells of could not be rebuilt
    # The values count at once, for the steps after this one; the event that tells of them is decided directly after.
    customer.fields.clear()  # in place, because the rules that are judged after this one look at the same map
    customer.fields.update(after)
    customer.stamps = stamps
    facts.save_customer(customer)
    facts.applied[event.seq] = changes


def names_of(changes: list[Change]) -> frozenset[str]:
    """The fields that changed, dotted down to their leaves: `address.city`."""
    return frozenset(name for change in changes for name in _leaves(change.field, change.before, change.after))


def _leaves(name: str, before: Json, after: Json) -> Iterator[str]:
    if not isinstance(before, dict) and not isinstance(after, dict):
        yield name
        return
    old, new = (value if isinstance(value, dict) else {} for value in (before, after))
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield from _leaves(f"{name}.{key}", old.get(key), new.get(key))
