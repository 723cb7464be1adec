"""A condition: clauses joined by and, checked, compiled on first use, the same in every evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retain.model import Millis


@dataclass(frozen=True, slots=True)
class Needs:
    """Which facts an expression reads, so that they can be loaded before deciding and nothing else is.

    Args:
        customer: dotted customer fields.
        events: event name to how far back it is looked at in milliseconds; None is all history.
        event_fields: dotted fields of the event being decided.
        uses_time: whether time alone can change the value.
    """

    customer: frozenset[str] = frozenset()
    events: Mapping[str, Millis | None] = field(default_factory=dict)
    event_fields: frozenset[str] = frozenset()
    uses_time: bool = False

    @staticmethod
    def union(*needs: Needs) -> Needs:
        """All that any of them needs; of two windows the longer."""
        events: dict[str, Millis | None] = {}
        for need in needs:
            for name, far in need.events.items():
                known = events.get(name, 0)
                events[name] = None if far is None or known is None else max(far, known)
        return Needs(
            frozenset().union(*(need.customer for need in needs)),
            events,
            frozenset().union(*(need.event_fields for need in needs)),
            any(need.uses_time for need in needs),
        )
