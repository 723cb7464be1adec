"""What an explanation is about: the newest event, edge or planned instant that a rule could have started on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from retain.app.reports.asof import place_of
from retain.app.reports.outcomes import outcomes_of
from retain.app.simulation.feeding import drain, stand_in
from retain.decide.derive import names_of
from retain.language.plan import Plan, make_plan
from retain.language.rules import BecomesTrigger, EventTrigger, Rule, Runs, ScheduleTrigger
from retain.model import Change, Event, Instant, Json, Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.pipeline.load import decode
from retain.store.rows import CustomerRow
from retain.store.store import Store

CREATED, UPDATED = "customer_created", "customer_updated"
_ALL = 10_000
_NAME = "1"  # of the customer where the engine decides once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that could have started a rule.

    Args:
        index: of the trigger; `others` those of further triggers that the same event has.
        event: as rules see it; None for an edge or a planned instant.
        cause: its identity, which names the run.
        trigger: what `trigger.` gives in the rule.
    """

    at: Instant
    index: int
    cause: str
    trigger: dict[str, Json]
    event: Event | None = None
    others: tuple[int, ...] = ()
    changed: frozenset[str] = frozenset()

    @property
    def order(self) -> tuple[Instant, int, tuple[int, int]]:
        """At one instant events come before timers."""
        return self.at, int(self.event is None), (0, 0) if self.event is None else place_of(self.event)


@dataclass(slots=True)
class Occasions:
    """Everything that could have started one rule for one customer.

    Edges and planned instants stand in no log where the rule's `if` refused them, so they are found again: the engine
    decides on the customer's events once more, with nothing of the rule but its triggers.
    """

    plan: Plan
    store: Store
    rule: Rule
    row: CustomerRow
    noted: frozenset[str] = frozenset()  # watches that are true, of which every edge is used up
    _events: list[Event] | None = field(default=None)
    _told: list[Event] | None = field(default=None)

    def newest(self, at: Instant) -> Found | None:
        """The last one up to an instant."""
        found = [*self._by_events(at), *self.timed(at)]
        return max(found, key=lambda one: one.order, default=None)

    def of_event(self, event: Event) -> Found | None:
        """The one that an event is; None where no trigger of the rule is about it."""
        return next((found for found in self._by_event(event)), None)

    def events(self) -> list[Event]:
        """The customer's events in the order of deciding."""
        if self._events is None:
            self._events = sorted(self.store.events_of(self.row.id, limit=1_000_000), key=place_of)
        return self._events

    def imported(self, at: Instant) -> Instant | None:
        """When history was imported last, up to an instant; None where the rule was not there yet."""
        since = self._since()
        return max((one.received_at for one in self._as_told() if one.historical and since < one.received_at <= at),
                   default=None)  # fmt: skip

    def _as_told(self) -> list[Event]:
        """The events as the engine came to know them: history is received when it was decided, not when it happened."""
        if self._told is None:
            events = self.events()
            imported = self.store.summaries_of([event.seq for event in events if event.historical])
            decided = {summary.event_seq: summary.at for summary in imported}
            self._told = [one._replace(received_at=decided.get(one.seq, one.received_at)) for one in events]
        return self._told

    def _by_events(self, at: Instant) -> Iterator[Found]:
        for event in reversed(self.events()):
            if event.received_at <= at:
                found = next(self._by_event(event), None)
                if found is not None:
                    yield found
                    return

    def _by_event(self, event: Event) -> Iterator[Found]:
        """As itself, and as the one that made the customer; only where it was decided and changed anything."""
        names = {event.name: event}
        if event.seq == self.row.first_seq:
            names[CREATED] = event._replace(
                name=CREATED, kind=MessageKind.TRACK, message_id=f"{event.message_id}:created"
            )
        for name, named in names.items():
            indexes = [
                index
                for index, trigger in enumerate(self.rule.triggers)
                if isinstance(trigger, EventTrigger) and trigger.event == name
            ]
            if not indexes:
                continue
            summary = self.store.summary_of(event.seq)
            if summary is None:
                continue
            changes = decode_changes(summary.changes) if summary.changes else []
            if event.name == UPDATED and not changes and event.seq != self.row.first_seq and event.merged_from is None:
                continue
            changed = names_of([Change(*entry) for entry in changes])
            updated = {"changed": sorted({entry[0] for entry in changes})}
            seen = named._replace(fields=updated) if name == UPDATED else named
            trigger = {"kind": "event", "name": name, "planned_at": event.occurred_at}
            yield Found(
                at=event.received_at,
                index=indexes[0],
                others=tuple(indexes[1:]),
                cause=seen.cause,
                trigger=trigger,
                event=seen,
                changed=frozenset() if name == CREATED else changed,
            )

    def timed(self, at: Instant) -> list[Found]:
        """Edges and planned instants up to an instant, in order."""
        triggers = tuple(trigger for trigger in self.rule.triggers if not isinstance(trigger, EventTrigger))
        if not triggers or not self.events():
            return []
        since = self._since()
        with Store.in_memory() as store:
            empty, bare = (self._plan(()), self._plan(triggers))
            first = min(event.received_at for event in self._as_told()) - 1
            options = Options(virtual=True, respond=stand_in)
            begins_bare = since <= first + 1
            pipeline = Pipeline(store, bare if begins_bare else empty, first, options)
            for event in self._as_told():
                if event.received_at > at:
                    continue
                if not begins_bare and event.received_at >= since:
                    drain(pipeline, since)
                    pipeline.use(bare, since)
                    begins_bare = True
                if event.kind is not MessageKind.ALIAS:
                    drain(pipeline, event.received_at - 1)
                    store.accept([_message(event)], event.received_at)
            if not begins_bare and since <= at:
                drain(pipeline, since)
                pipeline.use(bare, since)
            drain(pipeline, at)
            customer = store.find_customer(_NAME)
            watches = {} if customer is None else customer.watches
            self.noted = frozenset(name for name, state in watches.items() if state.get("f"))
            return sorted((self._found(run.started_at, run.cause, run.context) for run in store.list_runs(limit=_ALL)),
                          key=lambda found: found.order)  # fmt: skip

    def _found(self, at: Instant, cause: str, context: dict[str, Json]) -> Found:
        named = cause.split(":")[1]
        index = next(
            index
            for index, trigger in enumerate(self.rule.triggers)
            if (isinstance(trigger, BecomesTrigger) and trigger.watch == named)
            or (isinstance(trigger, ScheduleTrigger) and trigger.path == named)
        )
        event = next((one for one in self.events() if cause.endswith(one.cause)), None) if "becomes" in cause else None
        return Found(at=at, index=index, cause=cause, trigger=context.get("trigger", {}), event=event)

    def _plan(self, triggers: tuple[BecomesTrigger | ScheduleTrigger, ...]) -> Plan:
        """Nothing of the rule but these triggers: whatever they let through is a run that ends at once."""
        pinned = self.rule.pin(self.rule)._replace(revision=f"{self.rule.revision} bare")  # since it has other steps
        bare = replace(
            self.rule, triggers=triggers, condition=None, runs=Runs(mode="parallel"), exit_when=(), goal=None, steps=(),
            holdout=0.0, breaker=None, status="live", pin=lambda _: pinned,
        )  # fmt: skip
        rules = {bare.id: bare} if triggers else {}
        defaults = replace(self.plan.defaults, breaker_count=0)
        return make_plan(replace(self.plan.ruleset, rules=rules), self.plan.schema, self.plan.registry, defaults)

    def _since(self) -> Instant:
        """Since when the rule is there: what was true before then was true already."""
        watches = {trigger.watch for trigger in self.rule.triggers if isinstance(trigger, BecomesTrigger)}
        known = [row.since for row in self.store.watch_rows() if row.watch in watches]
        revisions = [row.at for row in self.store.list_revisions() if row.rule in (self.rule.id, self.rule.was)]
        return max(known) if known else min(revisions, default=0)


def decode_changes(packed: bytes) -> list[list[Json]]:
    """Changed fields as (name, before, after)."""
    changes: list[list[Json]] = decode(packed)  # type: ignore[assignment]
    return changes


def revision_at(store: Store, rule: str, event: Event) -> str:
    """The text of a rule by which an event was decided; "" where the summary does not name the rule."""
    summary = store.summary_of(event.seq)
    if summary is None:
        return ""
    texts = {row.number: row for row in store.list_revisions() if row.rule == rule}
    return next((texts[number].revision for number, _, _ in outcomes_of(store, summary) if number in texts), "")


def _message(event: Event) -> Message:
    return Message(
        kind=event.kind,
        name=event.name,
        fields=event.fields,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        source=event.source,
        message_id=event.message_id,
        user_id=_NAME,
        historical=event.historical,
    )
