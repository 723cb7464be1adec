"""Starting rules: each candidate judged, the allowed ones opened and advanced, every outcome kept."""

from __future__ import annotations

from collections.abc import Iterable

from retain.decide.advance import advance, finish_run
from retain.decide.facts import OUTCOME_NUMBER, CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, Verdict, judge
from retain.decide.runs import log, open_run
from retain.decide.watches import Edge
from retain.language.rules import Rule
from retain.language.scope import Scope
from retain.model import DecisionRow, Outcome

Outcomes = list[tuple[str, int, int]]  # (revision, outcome number, clause) per rule looked at

# Refusals before or at `if` go into the packed summary only; from there on each has a row of its own.
_SUMMARY_ONLY = frozenset(
    {Outcome.OFF, Outcome.TRIGGER, Outcome.LATE, Outcome.KEY_MISSING, Outcome.CONDITION, Outcome.MERGED_TRIGGER}
)


def start_rules(
    facts: Facts,
    customer: CustomerFacts,
    candidates: Iterable[tuple[Rule, int, Occasion]],
    scope: Scope,
    moment: Moment,
    outcomes: Outcomes,
) -> None:
    """Judge each candidate in the order of rule ids and triggers; one cause starts a rule once.

    Args:
        outcomes: filled with one entry per candidate.
    """
    done: set[str] = set()
    for rule, index, occasion in candidates:
        if rule.id in done:
            outcomes.append((rule.revision, OUTCOME_NUMBER[Outcome.MERGED_TRIGGER], -1))
            continue
        verdict = judge(facts, customer, rule, index, occasion, scope, moment)
        outcome = verdict.outcome
        outcomes.append((rule.revision, OUTCOME_NUMBER[outcome], verdict.clause))
        if facts.tally is not None:
            facts.tally[rule.id, outcome.value] += 1
        if outcome in _SUMMARY_ONLY:
            continue
        done.add(rule.id)
        if outcome in _OPENING:
            _open(facts, customer, rule, occasion, verdict, moment)
        else:
            _log_refusal(facts, customer, rule, verdict, moment)


_OPENING = frozenset({Outcome.STARTED, Outcome.QUEUED, Outcome.PARKED})


def candidates_of(
    by_event: Iterable[tuple[Rule, int]], occasion: Occasion | None, edges: list[Edge]
) -> Iterable[tuple[Rule, int, Occasion]]:
    """The event's rules and the edges it caused, as one list in the order of rule ids and triggers."""
    found = [(rule, index, occasion) for rule, index in by_event] if occasion is not None else []
    if edges:
        found += [(edge.rule, edge.index, edge.occasion) for edge in edges]
        found.sort(key=lambda entry: (entry[0].id, entry[1]))
    return found


def _open(
    facts: Facts, customer: CustomerFacts, rule: Rule, occasion: Occasion, verdict: Verdict, moment: Moment
) -> None:
    if verdict.outcome is Outcome.PARKED and not facts.pause_reason(rule.id):
        trip(facts, rule, moment)
    for rival in verdict.replaces:
        if verdict.outcome is Outcome.STARTED:
            finish_run(facts, rival, customer, "restart", moment)
    run = open_run(facts, customer, rule, occasion, verdict, moment)
    log(facts, run, moment, "start", verdict.outcome.value, verdict.path, why=run.arm if run.arm != "live" else "")
    if verdict.outcome is Outcome.STARTED:
        advance(facts, run, customer, moment)


def trip(facts: Facts, rule: Rule, moment: Moment) -> None:
    """Open the rule's breaker: it pauses itself and waits for a person."""
    count, per = facts.breaker_of(rule)
    reason = f"breaker: more than {count} starts in {per // 1000} s"
    facts.pause("rule", rule.id, reason)
    facts.changes.trips.append((rule.id, reason, moment.at))


def _log_refusal(facts: Facts, customer: CustomerFacts, rule: Rule, verdict: Verdict, moment: Moment) -> None:
    facts.changes.decisions.append(
        DecisionRow(
            at=moment.at,
            event_seq=moment.seq,
            rule=rule.id,
            customer=customer.id,
            run="",
            kind="refusal",
            outcome=verdict.outcome.value,
            path=verdict.path,
            why=verdict.why,
        )
    )
