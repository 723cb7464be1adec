"""One customer's facts as they were when something was decided, so that the same checks come to the same verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.language.plan import Plan
from retain.language.rules import Rule
from retain.language.scope import History
from retain.language.time.schedules import zone_of
from retain.model import DecisionRow, Event, Instant, MessageKind, Run, RunState
from retain.pipeline.load import decode, load_shared_records
from retain.store.rows import CustomerRow
from retain.store.store import Store
from retain.traits import apply_traits

_ALL = 10_000
_SENT = frozenset({"done", "shadow", "retry", "in_doubt", "dead"})


def place_of(event: Event) -> tuple[int, int]:
    """Where an event stands in the order of deciding: behind the accepted event in whose wake it was made."""
    return (event.seq if event.cause_seq is None else event.cause_seq), event.seq


@dataclass(slots=True)
class AsOf:
    """Facts about a customer at one decision.

    Args:
        rule: that was decided on; what rules before it set on the same event, it saw.
        event: that was decided; None for a timer, which comes after the events of its instant.
    """

    plan: Plan
    store: Store
    row: CustomerRow
    rule: Rule
    moment: Moment
    event: Event | None

    def facts(self) -> tuple[Facts, CustomerFacts | None]:
        """The working set; None where there was no such customer."""
        facts = Facts(plan=self.plan)
        load_shared_records(self.store, facts)
        place = None if self.event is None else place_of(self.event)
        rebuilt = self.store.customer_at(self.row.id, self.moment.at, place=place)
        if not rebuilt.exists:
            return facts, None
        history = History(decode)
        for name, occurred_at, body in rebuilt.history:
            history.add(name, occurred_at, body)
        known = CustomerFacts(
            id=self.row.id,
            key=self.row.key,
            fields=rebuilt.fields,
            stamps=rebuilt.stamps,
            first_seen=rebuilt.first_seen,
            zone=zone_of(rebuilt.fields, self.plan.defaults.zone),
            history=history,
            first_seq=self.row.first_seq,
        )
        now_rows = self._rows()
        self._set_meanwhile(known)
        for run in self.store.list_runs(customer=self.row.id, limit=_ALL):
            if self._had_begun(run):
                known.runs[run.id] = self._as_of(run, now_rows.get(run.id, ()))
        facts.customers[self.row.id] = known
        self._pauses(facts)
        return facts, known

    def _rows(self) -> Mapping[str, Sequence[DecisionRow]]:
        """What was decided about the customer's runs at that very instant, by run."""
        at = self.moment.at
        found: dict[str, list[DecisionRow]] = {}
        for row in self.store.decisions_of(customer=self.row.id, since=at, until=at + 1, limit=_ALL):
            found.setdefault(row.run, []).append(row)
        return found

    def _set_meanwhile(self, known: CustomerFacts) -> None:
        """Fields that rules before this one set while they decided on the same event: they count at once."""
        if self.event is None:
            return
        place = place_of(self.event)
        made = [
            event
            for event in self.store.events_of(self.row.id, since=self.moment.at, until=self.moment.at + 1, limit=_ALL)
            if event.kind is MessageKind.SET
            and event.origin
            and place_of(event) > place
            and event.cause_seq == place[0]
        ]
        runs = self.store.runs_by_id(sorted({event.origin for event in made}))
        for event in sorted(made, key=place_of):
            run = runs.get(event.origin)
            if run is None or not (run.started_at < self.moment.at or self._is_before(run)):
                continue
            apply_traits(known.fields, known.stamps, event.fields, event.occurred_at)

    def _is_before(self, run: Run) -> bool:
        return self.event is not None and run.started_seq == self.event.seq and run.rule < self.rule.id

    def _had_begun(self, run: Run) -> bool:
        if run.started_at != self.moment.at or self.event is None:
            return run.started_at < self.moment.at or (self.event is None and run.started_at == self.moment.at)
        if run.started_seq == self.event.seq:
            return run.rule < self.rule.id
        return run.started_seq > 0 and self._place(run.started_seq) < place_of(self.event)

    def _as_of(self, run: Run, rows: Sequence[DecisionRow]) -> Run:
        ended = run.ended_at is not None and self._was(run.ended_at, rows, frozenset({"end"}))
        sent = run.first_sent_at is not None and self._was(run.first_sent_at, rows, frozenset({"effect"}))
        return replace(
            run,
            state=RunState.ENDED if ended else RunState.WAITING,
            ended_by=run.ended_by if ended else "",
            first_sent_at=run.first_sent_at if sent else None,
        )

    def _was(self, at: Instant, rows: Sequence[DecisionRow], kinds: frozenset[str]) -> bool:
        """Whether something of that instant came before the decision: by the log where both are of one instant."""
        if at != self.moment.at or self.event is None:
            return at <= self.moment.at
        return any(
            row.kind in kinds
            and (row.kind != "effect" or row.outcome in _SENT)
            and row.event_seq > 0
            and self._place(row.event_seq) <= place_of(self.event)
            for row in rows
        )

    def _place(self, seq: int) -> tuple[int, int]:
        event = self.store.event(seq)
        return (seq, seq) if event is None else place_of(event)

    def _pauses(self, facts: Facts) -> None:
        """What was paused then, as far as it still is, and how full the breaker was."""
        at = self.moment.at
        for row in self.store.pauses():
            if row.paused and row.at <= at:
                facts.paused[row.scope, row.name] = row.reason or "paused"
        count, per = facts.breaker_of(self.rule)
        if count:
            starts = self.store.starts_since(self.rule.id, at - per)
            facts.breakers[self.rule.id] = deque(start for start in starts if start < at)
