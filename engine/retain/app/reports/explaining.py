"""`explain`: any rule, any customer, any past instant, entered or not, from what was known then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from retain.decide.explain import Line, Reasoning, reason
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import run_id_of
from retain.errors import NotFoundError
from retain.instants import format_instant
from retain.language.plan import Plan
from retain.language.rules import EventTrigger, Rule, ScheduleTrigger
from retain.language.scope import History
from retain.language.time.schedules import zone_of
from retain.model import Effect, Event, Instant, Json, MessageKind, Outcome, Run, RunState
from retain.pipeline.load import decode, load_shared_records
from retain.store.rows import CustomerRow
from retain.store.store import Store

UPDATED = "customer_updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a rule did or did not start for a customer as of an instant.

    Args:
        verdict: what became of it, for people: `no run started`, `run started`.
        run: the run that this cause started, if there is one, and what its effects came to.
    """

    rule: str
    customer: str
    at: Instant
    revision: str
    verdict: str
    outcome: str
    lines: tuple[Line, ...]
    would_start_if: str = ""
    next_look: str = ""
    run: Run | None = None
    effects: tuple[Effect, ...] = ()
    zone: str = "UTC"
    state: dict[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The explanation for machines; instants are ISO texts."""
        return {
            "rule": self.rule,
            "customer": self.customer,
            "at": format_instant(self.at),
            "revision": self.revision,
            "verdict": self.verdict,
            "outcome": self.outcome,
            "lines": [
                {
                    "label": line.label.strip(),
                    "path": line.path,
                    "text": line.text,
                    "mark": line.mark,
                    "detail": line.detail,
                    "values": line.values,
                }
                for line in self.lines
            ],
            "would_start_if": self.would_start_if,
            "next_look": self.next_look,
            "run": None if self.run is None else _run_json(self.run),
            "effects": [
                {
                    "id": effect.id,
                    "action": effect.action,
                    "step": effect.step,
                    "state": effect.state.value,
                    "reason": effect.reason,
                    "decided_at": format_instant(effect.created_at),
                }
                for effect in self.effects
            ],
        }


def explain_rule(plan: Plan, store: Store, rule_id: str, customer: str, at: Instant) -> Explanation:
    """Why a rule did or did not start for a customer, as known at an instant.

    The question is about the newest event by then that could start the rule; without one, about the trigger itself.

    Args:
        customer: a user id, an anonymous id, an e-mail address or a key such as `user:17`.

    Raises:
        NotFoundError: no such rule or customer.
    """
    rule = plan.rules.get(rule_id)
    if rule is None:
        raise NotFoundError("rule", rule_id, plan.rules)
    row = store.find_customer(customer)
    if row is None:
        raise NotFoundError("customer", customer)
    event, index = _occasion(store, rule, row, at)
    moment = Moment.of_event(event) if event is not None else Moment.of_timer(at)
    facts, known = facts_at(plan, store, row, moment, before=event)
    if known is None:
        return _unknown(rule, row, at)
    found = reason(facts, known, rule, index, event, moment, _planned_at(rule, index, known, at))
    run = _run_of(store, rule, known, found, event)
    effects = tuple(store.list_effects(run=run.id)) if run is not None else ()
    return Explanation(
        rule=rule.id,
        customer=row.key,
        at=at,
        revision=rule.revision,
        verdict=_verdict(found, run),
        outcome=found.outcome.value if found.outcome is not None else "no_trigger",
        lines=found.lines,
        would_start_if=found.would_start_if,
        next_look=found.next_look,
        run=run,
        effects=tuple(reversed(effects)),
        zone=str(known.zone),
    )


def facts_at(
    plan: Plan, store: Store, row: CustomerRow, moment: Moment, *, before: Event | None = None
) -> tuple[Facts, CustomerFacts | None]:
    """One customer's facts as they were known at a moment; None where there was no such customer.

    Args:
        before: an event; runs that it or later ones started are left out.
    """
    rebuilt = store.customer_at(row.id, moment.at)
    facts = Facts(plan=plan)
    load_shared_records(store, facts)
    if not rebuilt.exists:
        return facts, None
    history = History(decode)
    for name, occurred_at, body in rebuilt.history:
        history.add(name, occurred_at, body)
    known = CustomerFacts(
        id=row.id,
        key=row.key,
        fields=rebuilt.fields,
        stamps=rebuilt.stamps,
        first_seen=rebuilt.first_seen,
        zone=zone_of(rebuilt.fields, plan.defaults.zone),
        history=history,
        watches=row.watches,
    )
    for run in store.list_runs(customer=row.id, limit=10_000):
        if run.started_at > moment.at or (before is not None and run.started_seq >= before.seq > 0):
            continue
        known.runs[run.id] = _as_of(run, moment.at)
    facts.customers[row.id] = known
    return facts, known


def _as_of(run: Run, at: Instant) -> Run:
    ended = run.ended_at is not None and run.ended_at <= at
    state = RunState.ENDED if ended else RunState.WAITING
    sent = run.first_sent_at if run.first_sent_at is not None and run.first_sent_at <= at else None
    return replace(run, state=state, ended_by=run.ended_by if ended else "", first_sent_at=sent)


def _occasion(store: Store, rule: Rule, row: CustomerRow, at: Instant) -> tuple[Event | None, int]:
    """The newest event received by then that could start the rule, and the trigger that it belongs to."""
    best: tuple[Event | None, int] = (None, 0)
    for index, trigger in enumerate(rule.triggers):
        if not isinstance(trigger, EventTrigger):
            continue
        for event in store.events_of(row.id, name=trigger.event, limit=50):
            if event.received_at > at or (best[0] is not None and event.seq <= best[0].seq):
                continue
            best = (_as_seen(store, event), index)
    return best


def _as_seen(store: Store, event: Event) -> Event:
    """The event with the fields that rules see: of an update the names of what changed."""
    if event.name != UPDATED or event.kind is MessageKind.TRACK:
        return event
    summary = store.summary_of(event.seq)
    changed = [] if summary is None or not summary.changes else [entry[0] for entry in decode_changes(summary.changes)]
    return event._replace(fields={"changed": changed})


def decode_changes(packed: bytes) -> list[list[Json]]:
    """Changed fields as (name, before, after)."""
    changes: list[list[Json]] = decode(packed)  # type: ignore[assignment]
    return changes


def _planned_at(rule: Rule, index: int, known: CustomerFacts, at: Instant) -> Instant | None:
    """The planned instant of a schedule that the question is about: the newest that has come, as the store knows it."""
    trigger = rule.triggers[index]
    if not isinstance(trigger, ScheduleTrigger):
        return None
    if trigger.cron is not None:
        instants = list(trigger.cron.between(at - 400 * 86_400_000, at, known.zone))[-1:]
        return instants[0] if instants else None
    return None


def _run_of(store: Store, rule: Rule, known: CustomerFacts, found: Reasoning, event: Event | None) -> Run | None:
    if event is None:
        runs = store.list_runs(rule=rule.id, customer=known.id, limit=1)
        return runs[0] if runs else None
    run_id = run_id_of(rule, known, found.key, event.cause)
    return store.runs_by_id([run_id]).get(run_id)


def _verdict(found: Reasoning, run: Run | None) -> str:
    if run is not None:
        ended = f", ended by {run.ended_by}" if run.ended_by else f", {run.state.value}"
        arm = "" if run.arm == "live" else f" ({run.arm})"
        return f"run started{arm}{ended}"
    if found.outcome is Outcome.STARTED:
        return "would start"
    return "no run started"


def _unknown(rule: Rule, row: CustomerRow, at: Instant) -> Explanation:
    line = Line(label="customer", text=row.key, mark="NO", detail="was not known by then")
    return Explanation(
        rule=rule.id,
        customer=row.key,
        at=at,
        revision=rule.revision,
        verdict="no run started",
        outcome="no_customer",
        lines=(line,),
        next_look="on the customer's first event",
    )


def _run_json(run: Run) -> dict[str, Json]:
    return {
        "id": run.id,
        "state": run.state.value,
        "arm": run.arm,
        "step": run.step,
        "started_at": format_instant(run.started_at),
        "wake_at": None if run.wake_at is None else format_instant(run.wake_at),
        "ended_by": run.ended_by,
    }
