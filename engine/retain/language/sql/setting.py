"""What a statement is compiled for: an instant, an account, and what is known beside the customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from retain.model import Fields, Instant, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The same for all customers of a statement.

    Args:
        now: events at or after it do not count.
        zone: the account's, for customers without one.
        watermark: accepted events after this one are not decided and do not count; a text is an SQL expression over
            the columns of an event, where it differs between customers; None where all events count.
        is_settled: whether no event is undecided, so that all up to the watermark count.
        has_failed: whether events are set aside that must be left out.
        event: fields of an event being decided, as the conditions of a trigger read them.
        changed: customer fields that it changed.
        started_at: start of a run, for windows `since start`.
    """

    now: Instant
    zone: tzinfo = UTC
    watermark: int | str | None
    is_settled: bool = False
    has_failed: bool = True
    event: Fields = field(default_factory=dict)
    steps: Fields = field(default_factory=dict)
    trigger: Fields = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    started_at: Instant | None = None

    def root(self, name: str) -> Mapping[str, Json]:
        """The fields that `event.`, `steps.` or `trigger.` stands for."""
        return {"event": self.event, "steps": self.steps, "trigger": self.trigger}[name]
