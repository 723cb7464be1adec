"""Why a rule did or did not start for a customer, line by line, by the very checks that the live path makes."""

from __future__ import annotations

from dataclasses import dataclass, field

from retain.decide.facts import OUTCOMES, CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, Verdict, is_late, judge, refusal
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
    Outcome.LATE: ("late", "too late to start anything"),
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
    event: Event | None,
    moment: Moment,
    planned_at: Instant | None = None,
) -> Reasoning:
    """Every check of a rule at one moment; pure.

    Args:
        index: of the trigger that is asked about.
        event: that came; None for a trigger without one, or where none has come.
    """
    trigger = rule.triggers[index]
    scope = event_scope(customer, moment, event.fields if event else {}, frozenset())
    lines = [_when(trigger, event, customer, scope, planned_at)]
    came = lines[0].mark == "ok"
    occasion = Occasion(
        event.cause if event else "explain",
        {"kind": "event" if event else "becomes"},
        event,
        event is not None and is_late(facts, event),
    )
    candidate = Candidate.of(rule, index)
    refused = refusal(candidate, customer, occasion, scope)
    verdict = Verdict(OUTCOMES[refused[1]]) if refused else judge(facts, customer, candidate, occasion, moment)
    lines += _conditions(rule, scope)
    lines += _after(rule, verdict)
    return Reasoning(
        outcome=verdict.outcome if came or verdict.outcome is Outcome.OFF else None,
        lines=tuple(lines),
        would_start_if=would_be_true_if(rule.condition, scope) if rule.condition else "",
        next_look=_next_look(trigger, scope),
        key=verdict.key,
    )


def _when(
    trigger: Trigger, event: Event | None, customer: CustomerFacts, scope: Scope, planned_at: Instant | None
) -> Line:
    if isinstance(trigger, EventTrigger):
        text = f"event {trigger.event}"
        if event is None:
            return Line(label="when", text=text, mark="NO", detail="has not come by then", path=trigger.path)
        detail = format_instant(event.occurred_at, scope.zone)
        return Line(label="when", text=text, mark="ok", detail=detail, path=trigger.path)
    if isinstance(trigger, BecomesTrigger):
        return _becomes(trigger, customer, scope)
    text = f"schedule {trigger.cron.text if trigger.cron else _field_text(trigger)}"
    if planned_at is None:
        return Line(label="when", text=text, mark="NO", detail="not planned by then", path=trigger.path)
    detail = format_instant(planned_at, scope.zone)
    if trigger.each is not None and not trigger.each.is_true(scope):
        why = "; ".join(report.why for report in explain(trigger.each, scope) if report.decisive)
        return Line(label="when", text=text, mark="NO", detail=f"not a member: {why}", path=trigger.path)
    return Line(label="when", text=text, mark="ok", detail=detail, path=trigger.path)


def _becomes(trigger: BecomesTrigger, customer: CustomerFacts, scope: Scope) -> Line:
    reports = explain(trigger.condition, scope)
    text = f"becomes {' and '.join(report.text for report in reports)}"
    if trigger.held:
        text += f", for {format_duration(trigger.held)}"
    values = {name: value for report in reports for name, value in report.values.items()}
    decisive = "; ".join(report.why for report in reports if report.decisive and report.why)
    if decisive:
        return Line(label="when", text=text, mark="NO", detail=decisive, path=trigger.path, values=values)
    state = customer.watches.get(trigger.watch, {})
    since = state.get("t")
    detail = "true now" if since is None else f"true since {format_instant(since, scope.zone)}"
    if since is not None and trigger.held and scope.now < since + trigger.held:
        return Line(label="when", text=text, mark="NO", detail=f"{detail}: not long enough", path=trigger.path)
    return Line(label="when", text=text, mark="ok", detail=detail, path=trigger.path, values=values)


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


def _next_look(trigger: Trigger, scope: Scope) -> str:
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
