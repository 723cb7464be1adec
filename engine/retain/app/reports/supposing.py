"""What an explanation supposes to be otherwise: other values of the customer's or the event's fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from retain.decide.facts import CustomerFacts
from retain.errors import NotFoundError, RetainError
from retain.language.plan import Plan
from retain.language.rules import EventTrigger, Rule
from retain.language.time.schedules import zone_of
from retain.language.types import NUMERIC, Type
from retain.model import Event, Instant, Json, MessageKind
from retain.store.rows import CustomerRow


@dataclass(frozen=True, slots=True)
class Supposed:
    """Values by dotted name; None takes one away."""

    customer: Mapping[str, Json] = field(default_factory=dict)
    event: Mapping[str, Json] = field(default_factory=dict)
    texts: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether anything is supposed."""
        return bool(self.texts)

    def applied(self, known: CustomerFacts, event: Event | None) -> tuple[CustomerFacts, Event | None]:
        """The customer and the event with these values."""
        for name, value in self.customer.items():
            known.fields = _with(known.fields, name.split("."), value)
        if "timezone" in self.customer:
            known.zone = zone_of(known.fields, known.zone)
        known.metrics.clear()
        if event is None or not self.event:
            return known, event
        fields = dict(event.fields)
        for name, value in self.event.items():
            fields = _with(fields, name.split("."), value)
        return known, event._replace(fields=fields)

    def event_of(self, rule: Rule, row: CustomerRow, at: Instant) -> tuple[int, Event] | None:
        """The trigger and event of the rule's first trigger that is an event, as if it came at an instant."""
        for index, trigger in enumerate(rule.triggers):
            if isinstance(trigger, EventTrigger):
                event = Event(
                    seq=1 << 60,
                    customer=row.id,
                    kind=MessageKind.TRACK,
                    name=trigger.event,
                    fields={},
                    occurred_at=at,
                    received_at=at,
                    source="explain",
                    message_id="supposed",
                )
                return index, event
        return None


def suppose(plan: Plan, rule: Rule, values: Mapping[str, str]) -> Supposed:
    """What people write, `customer.country` and `DE`, as values of the declared types.

    Raises:
        NotFoundError: no field is called so.
        RetainError: a value does not fit its field.
    """
    customer: dict[str, Json] = {}
    event: dict[str, Json] = {}
    names = [trigger.event for trigger in rule.triggers if isinstance(trigger, EventTrigger)]
    declared = {name: kind for one in names for name, kind in plan.schema.events.get(one, {}).items()}
    known = [f"customer.{name}" for name in plan.schema.customer] + [f"event.{name}" for name in declared]
    for name, text in values.items():
        root, _, path = name.partition(".")
        if name not in known:
            raise NotFoundError("field", name, known)
        if root == "customer":
            customer[path] = _value(name, text, plan.schema.customer[path])
        else:
            event[path] = _value(name, text, declared[path])
    return Supposed(customer, event, tuple(f"{name}={text}" for name, text in values.items()))


def _value(name: str, text: str, kind: Type) -> Json:
    """The value that a text stands for; an empty one is missing."""
    if text == "":
        return None
    if kind.kind in ("text", "instant", "date", "duration"):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = [part.strip() for part in text.split(",")] if kind.kind == "text_set" else None
    if not _fits(value, kind):
        raise RetainError(
            f"{text!r} is no {kind.kind}", where=name, cure=f"write a {kind.kind}, or nothing for missing"
        )
    return value


def _fits(value: Json, kind: Type) -> bool:
    if kind.kind == "bool" or isinstance(value, bool):
        return kind.kind == "bool" and isinstance(value, bool)
    if kind.kind in NUMERIC:
        return isinstance(value, int) or (kind.kind != "int" and isinstance(value, float))
    return value is not None


def _with(fields: Mapping[str, Json], path: list[str], value: Json) -> dict[str, Json]:
    head, *rest = path
    changed = dict(fields)
    if rest:
        inner = changed.get(head)
        changed[head] = _with(inner if isinstance(inner, dict) else {}, rest, value)
    elif value is None:
        changed.pop(head, None)
    else:
        changed[head] = value
    return changed
