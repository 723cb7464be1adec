"""May this rule start for this customer and cause? The checks in their one order, without changing anything.

status → trigger → lateness → key → if → already exited → at_most → mode → holdout → breaker → start
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from retain.decide.awaited import as_key, level_that_ends, lookup
from retain.decide.facts import OUTCOME_NUMBER, CustomerFacts, Facts, Moment
from retain.language.candidates import CONDITION, Candidate, Refusal
from retain.language.rules import Rule
from retain.language.scope import Scope
from retain.model import Arm, Event, Fields, Instant, Json, Outcome, Run, RunState, digest, share


class Occasion(NamedTuple):
    """What may start a rule: an event, an edge, or a planned instant.

    Args:
        cause: its identity; one cause never starts a rule twice for one key.
        trigger: what `trigger.` gives in the rule's expressions.
        late: whether it is too old to start anything.
    """

    cause: str
    trigger: dict[str, Json]
    event: Event | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks say: the outcome, the place in the rule that decided it, and what a start needs to know."""

    outcome: Outcome
    path: str = ""
    key: str = ""
    arm: Arm = "live"
    why: str = ""
    replaces: tuple[Run, ...] = field(default=())  # runs that `restart` ends


def is_late(facts: Facts, event: Event) -> bool:
    """Whether an event is too old to start anything, or is imported history."""
    return event.historical or event.received_at - event.occurred_at > facts.plan.defaults.max_lateness


# Numbers, because this runs for every candidate of every event and looking up a member of an enum is slow.
_OFF, _TRIGGER, _LATE, _KEY_MISSING = (
    OUTCOME_NUMBER[outcome] for outcome in (Outcome.OFF, Outcome.TRIGGER, Outcome.LATE, Outcome.KEY_MISSING)
)


def refusal(candidate: Candidate, customer: CustomerFacts, occasion: Occasion, scope: Scope) -> Refusal | None:
    """The first checks, up to and with `if`: what refuses the start; None where the rule may go on.

    Most candidates end here, so nothing is built for them.

    Args:
        scope: of the event, shared by all rules that look at it.
    """
    rule = candidate.rule
    if rule.status == "off":
        return rule.revision, _OFF, -1
    if candidate.own_if is not None and candidate.own_if.first_failing(scope) >= 0:
        return rule.revision, _TRIGGER, -1
    if occasion.late:
        return rule.revision, _LATE, -1
    if (candidate.compared or rule.runs.per) and _key(candidate, customer, occasion.event) is None:
        return rule.revision, _KEY_MISSING, -1
    condition = rule.condition
    if condition is not None:
        failing = condition.first_failing(scope)
        if failing >= 0:
            return rule.revision, CONDITION, failing
    return None


def judge(facts: Facts, customer: CustomerFacts, candidate: Candidate, occasion: Occasion, moment: Moment) -> Verdict:
    """The verdict on a candidate that the first checks did not refuse; pure."""
    rule, key = candidate.rule, _key(candidate, customer, occasion.event)
    assert key is not None, "a missing key is a refusal"
    if rule.exit_when or rule.goal is not None:
        would_be = _would_be(rule, customer, key, occasion, moment)
        ended_by, path = level_that_ends(rule, would_be, customer, moment)
        if ended_by:
            return Verdict(Outcome.ALREADY_EXITED, path, key=key)
    arm = arm_of(rule, customer)
    run_id = run_id_of(rule, customer, key, occasion.cause)
    if run_id in customer.runs or run_id in facts.repeated:
        return Verdict(Outcome.REPEATED, "when", key=key, arm=arm, why=f"run {run_id}")
    if at_most_reached(rule, customer, key, arm, moment.at):
        return Verdict(Outcome.AT_MOST, "runs.at_most", key=key, arm=arm)
    rivals = rivals_of(rule, customer, key, arm)
    if rivals and rule.runs.mode in ("single", "queue"):
        return _with_rivals(facts, rule, rivals, key, arm)
    replaces = tuple(rivals) if rule.runs.mode == "restart" else ()
    if facts.pause_reason(rule.id) or (arm == "live" and facts.breaker_is_full(rule, moment.at)):
        return Verdict(Outcome.PARKED, "breaker", key=key, arm=arm, replaces=replaces)
    return Verdict(Outcome.STARTED, key=key, arm=arm, replaces=replaces)


def _with_rivals(facts: Facts, rule: Rule, rivals: list[Run], key: str, arm: Arm) -> Verdict:
    if rule.runs.mode == "single":
        return Verdict(Outcome.RUNNING, "runs.mode", key=key, arm=arm, why=f"run {rivals[0].id}")
    queued = sum(run.state is RunState.QUEUED for run in rivals)
    outcome = Outcome.QUEUE_FULL if queued >= facts.plan.defaults.max_queue else Outcome.QUEUED
    return Verdict(outcome, "runs.mode", key=key, arm=arm)


def rivals_of(rule: Rule, customer: CustomerFacts, key: str, arm: Arm) -> list[Run]:
    """The runs that hold this key, oldest first; shadow runs and the others do not stand in each other's way."""
    shadow = arm == "shadow"
    return [
        run
        for run in customer.live_runs()
        if run.rule in (rule.id, rule.was) and run.key == key and run.is_live and (run.arm == "shadow") == shadow
    ]


def arm_of(rule: Rule, customer: CustomerFacts) -> Arm:
    """Whether a run of this customer acts: `shadow` for a shadow rule, else `holdout` by hash, else `live`."""
    if rule.status == "shadow":
        return "shadow"
    if rule.holdout and share(customer.key, rule.was or rule.id) < rule.holdout:
        return "holdout"
    return "live"


def at_most_reached(rule: Rule, customer: CustomerFacts, key: str, arm: Arm, at: Instant, but: str = "") -> bool:
    """Whether the key's runs with an effect in the window are as many as `at_most` allows.

    Args:
        but: a run that does not count, because it asks for itself.
    """
    limit = rule.runs.at_most
    if limit is None:
        return False
    live = arm == "live"
    counted = sum(
        1
        for run in customer.runs.values()
        if run.rule in (rule.id, rule.was)
        and run.key == key
        and run.id != but
        and (run.arm == "live") == live
        and run.first_sent_at is not None
        and run.first_sent_at >= at - limit.per
    )
    return counted >= limit.count


def run_id_of(rule: Rule, customer: CustomerFacts, key: str, cause: str) -> str:
    """The id of the run that this cause starts: the same in every store, and whatever the edit."""
    return digest(rule.was or rule.id, customer.key, key, cause, size=20)


def _would_be(rule: Rule, customer: CustomerFacts, key: str, occasion: Occasion, moment: Moment) -> Run:
    return Run(
        id="",
        rule=rule.id,
        revision=rule.revision,
        customer=customer.id,
        key=key,
        arm="live",
        state=RunState.WAITING,
        started_at=moment.at,
        context=start_context(occasion, moment),
    )


def start_context(occasion: Occasion, moment: Moment) -> dict[str, Json]:
    """What a run keeps of its start: `event.` and `trigger.` are frozen in it."""
    context: dict[str, Json] = {"trigger": occasion.trigger}
    event = occasion.event
    if event is not None:
        context["event"] = dict(event.fields)
        context["event_name"] = event.name
        context["occurred_at"] = event.occurred_at
    else:
        context["occurred_at"] = moment.at
    return context


def _key(candidate: Candidate, customer: CustomerFacts, event: Event | None) -> str | None:
    """The run's key; None where a field that makes it, or that an exit compares, is missing."""
    fields: Fields = event.fields if event is not None else {}
    if event is not None:
        for name in candidate.compared:
            if lookup(fields, name) is None:
                return None
    per = candidate.rule.runs.per
    if not per:
        return ""
    root, _, path = per.partition(".")
    value = lookup(fields if root == "event" else customer.fields, path)
    return None if value is None or value == "" else as_key(value)
