"""Why a rule did or did not start for a customer, line by line, by the very checks that the live path makes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from retain.decide.facts import OUTCOMES, CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, Verdict, judge, refusal
from retain.decide.scopes import event_scope
from retain.instants import format_duration, format_instant
from retain.language.candidates import Candidate
from retain.language.evaluation.explain import ClauseReport, explain, would_be_true_if
from retain.language.rules import BecomesTrigger, EventTrigger, Rule, ScheduleTrigger, Trigger
from retain.language.scope import Scope
from retain.model import Event, Instant, Json, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One check: where it stands in the rule, its text, how it came out, and the values or the reason."""

    label: str  # "when", "if 1", "at_most"
    text: str
    mark: str  # "ok", "NO", "??", or "" where it was not reached
    detail: str = ""
    path: str = ""
    values: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """The checks of one rule for one customer and moment."""

    outcome: Outcome | None  # None: nothing could start it, because its trigger did not come
    lines: tuple[Line, ...]
    would_start_if: str = ""
    next_look: str = ""
    key: str = ""


_WHY = {
    Outcome.OFF: ("status", "status: off"),
    Outcome.TRIGGER: ("when", "the trigger's own condition"),
    Outcome.LATE: ("late", "imported, or heard of too late to start anything"),
    Outcome.KEY_MISSING: ("key", "a field that makes the key, or that an exit compares, is missing"),
    Outcome.ALREADY_EXITED: ("exit", "an exit or the goal was already true"),
    Outcome.AT_MOST: ("at_most", "the limit of runs for this key is reached"),
    Outcome.RUNNING: ("mode", "a run of this key was under way"),
    Outcome.QUEUED: ("mode", "waits for the run of this key to end"),
    Outcome.QUEUE_FULL: ("mode", "too many wait for this key already"),
    Outcome.PARKED: ("breaker", "the rule was paused; the start is kept"),
}


def reason(
    facts: Facts,
    customer: CustomerFacts,
    rule: Rule,
    index: int,
    occasion: Occasion | None,
    moment: Moment,
    *,
    seen: Event | None = None,
    changed: frozenset[str] = frozenset(),
    planned_at: Instant | None = None,
) -> Reasoning:
    """Every check of a rule at one moment; pure.

    Args:
        index: of the trigger that is asked about.
        occasion: what came; None where nothing has come.
        seen: the event that was being decided, also where it is an edge that it caused.
        changed: the customer's fields that this event changed.
        planned_at: the newest planned instant of a cron, where the customer was no member then.
    """
    trigger = rule.triggers[index]
    scope = event_scope(customer, moment, seen.fields if seen else {}, changed)
    lines = [_when(trigger, occasion, scope, planned_at)]
    judged = occasion or Occasion("explain", {"kind": "event" if isinstance(trigger, EventTrigger) else "becomes"})
    candidate = Candidate.of(rule, index)
    refused = refusal(candidate, customer, judged, scope)
    verdict = Verdict(OUTCOMES[refused[1]]) if refused else judge(facts, customer, candidate, judged, moment)
    lines += _conditions(rule, scope)
    lines += _after(rule, verdict)
    return Reasoning(
        outcome=verdict.outcome if occasion is not None or verdict.outcome is Outcome.OFF else None,
        lines=tuple(lines),
        would_start_if=would_be_true_if(rule.condition, scope) if rule.condition else "",
        next_look=next_look(trigger, scope),
        key=verdict.key,
    )


def _when(trigger: Trigger, occasion: Occasion | None, scope: Scope, planned_at: Instant | None) -> Line:
    came = None if occasion is None else occasion.trigger.get("planned_at")
    if isinstance(trigger, EventTrigger):
        text = f"event {trigger.event}"
        if occasion is None:
            return Line(label="when", text=text, mark="NO", detail="has not come by then", path=trigger.path)
        event = occasion.event
        detail = format_instant(event.occurred_at, scope.zone) if event is not None else ""
        return Line(label="when", text=text, mark="ok", detail=detail, path=trigger.path)
    if isinstance(trigger, BecomesTrigger):
        if came is None:
            return holding(trigger, scope)
        return replace(holding(trigger, scope), mark="ok", detail=f"true since {format_instant(came, scope.zone)}")
    text = f"schedule {trigger.cron.text if trigger.cron else _field_text(trigger)}"
    if came is not None:
        return Line(label="when", text=text, mark="ok", detail=format_instant(came, scope.zone), path=trigger.path)
    why = "not planned by then"
    if planned_at is not None and trigger.each is not None and not trigger.each.is_true(scope):
        why = f"not a member: {'; '.join(report.why for report in explain(trigger.each, scope) if report.decisive)}"
    return Line(label="when", text=text, mark="NO", detail=why, path=trigger.path)


def holding(trigger: BecomesTrigger, scope: Scope) -> Line:
    """Whether the conditions of a trigger hold, and why not; where they do, why that has started nothing."""
    reports = explain(trigger.condition, scope)
    text = f"becomes {' and '.join(report.text for report in reports)}"
    if trigger.held:
        text += f", for {format_duration(trigger.held)}"
    values = {name: value for report in reports for name, value in report.values.items()}
    decisive = "; ".join(report.why for report in reports if report.decisive and report.why)
    still = f"true, but not yet for {format_duration(trigger.held)}" if trigger.held else "true already when it began"
    return Line(label="when", text=text, mark="NO", detail=decisive or still, path=trigger.path, values=values)


def _conditions(rule: Rule, scope: Scope) -> list[Line]:
    if rule.condition is None:
        return []
    lines = []
    for number, report in enumerate(explain(rule.condition, scope), 1):
        lines.append(_clause(f"if {number}", report))
        lines += [_clause(f"  {report.text}", child) for child in report.children]
    return lines


def _clause(label: str, report: ClauseReport) -> Line:
    mark = {"true": "ok", "false": "NO", "unknown": "??"}[report.verdict]
    shown = ", ".join(value if len(report.shown) == 1 else f"{name} = {value}" for name, value in report.shown.items())
    return Line(
        label=label,
        text=report.text,
        mark=mark,
        detail=report.why or shown,
        path=report.path,
        values=dict(report.values),
    )


def _after(rule: Rule, verdict: Verdict) -> list[Line]:
    known = _WHY.get(verdict.outcome)
    if known is None:
        return []
    label, text = known
    detail = verdict.why
    if verdict.outcome is Outcome.AT_MOST and rule.runs.at_most is not None:
        text = f"at_most {rule.runs.at_most.count} per {format_duration(rule.runs.at_most.per)}"
        detail = "the limit of runs for this key is reached"
    return [Line(label=label, text=text, mark="NO", detail=detail, path=verdict.path)]


def next_look(trigger: Trigger, scope: Scope) -> str:
    """When the trigger will be looked at again, for people."""
    if isinstance(trigger, EventTrigger):
        return f"on the next {trigger.event}"
    if isinstance(trigger, BecomesTrigger):
        following = trigger.condition.next_change(scope)
        if following is None:
            return "when a field or event that it reads changes"
        return f"{format_instant(following, scope.zone)}, or when a field or event that it reads changes"
    return "at the next planned instant"


def _field_text(trigger: ScheduleTrigger) -> str:
    planned = trigger.field_schedule
    return f"{planned.kind} customer.{planned.field}" if planned else ""
