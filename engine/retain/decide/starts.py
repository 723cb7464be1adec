"""Starting rules: each candidate judged, the allowed ones opened and advanced, every outcome kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from retain.decide.advance import advance, finish_run
from retain.decide.facts import OUTCOME_NUMBER, OUTCOMES, CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, Verdict, judge, refusal
from retain.decide.runs import log, open_run
from retain.decide.watches import Edge
from retain.language.plan import Candidate
from retain.language.rules import Rule
from retain.language.scope import Scope
from retain.model import DecisionRow, Outcome

Outcomes = list[tuple[str, int, int]]  # (revision, outcome number, clause) per rule looked at

# Refusals before or at `if` go into the packed summary only; from there on each has a row of its own.
SUMMARY_ONLY = frozenset(
    {Outcome.OFF, Outcome.TRIGGER, Outcome.LATE, Outcome.KEY_MISSING, Outcome.CONDITION, Outcome.MERGED_TRIGGER}
)


def start_rules(
    facts: Facts,
    customer: CustomerFacts,
    candidates: Iterable[tuple[Candidate, Occasion]],
    scope: Scope,
    moment: Moment,
    outcomes: Outcomes,
    screened: Iterable[int] = (),
) -> None:
    """Judge each candidate in the order of rule ids and triggers; one cause starts a rule once.

    Args:
        scope: of the event, shared by all candidates.
        outcomes: filled with one entry per candidate.
        screened: the clause by which the `if` of each candidate fails, as `Plan.screen` says.
    """
    done: set[str] = set()
    tally = facts.tally
    for (candidate, occasion), clause in zip(candidates, chain(screened, repeat(-1)), strict=False):
        rule = candidate.rule
        if clause >= 0 and not done:  # what a start changes, the next rules see
            outcomes.append((rule.revision, _CONDITION, clause))
            if tally is not None:
                tally[rule.id, _NAMES[_CONDITION]] += 1
            continue
        if rule.id in done:
            outcomes.append((rule.revision, _OTHER_TRIGGER, -1))
            continue
        refused = refusal(candidate, customer, occasion, scope)
        if refused is not None:
            outcomes.append((rule.revision, refused[0], refused[1]))
            if tally is not None:
                tally[rule.id, _NAMES[refused[0]]] += 1
            continue
        done.add(rule.id)
        verdict = judge(facts, customer, candidate, occasion, moment)
        outcomes.append((rule.revision, OUTCOME_NUMBER[verdict.outcome], -1))
        if tally is not None:
            tally[rule.id, verdict.outcome.value] += 1
        if verdict.outcome in _OPENING:
            _open(facts, customer, rule, occasion, verdict, moment)
        else:
            _log_refusal(facts, customer, rule, verdict, moment)


_NAMES = tuple(outcome.value for outcome in OUTCOMES)
_OTHER_TRIGGER = OUTCOME_NUMBER[Outcome.MERGED_TRIGGER]
_CONDITION = OUTCOME_NUMBER[Outcome.CONDITION]
_OPENING = frozenset({Outcome.STARTED, Outcome.QUEUED, Outcome.PARKED})


def candidates_of(
    by_event: Iterable[Candidate], occasion: Occasion, edges: Sequence[Edge]
) -> Iterable[tuple[Candidate, Occasion]]:
    """The event's rules and the edges it caused, in the order of rule ids and triggers."""
    found = zip(by_event, repeat(occasion), strict=False)
    return sorted([*found, *map(candidate_of, edges)], key=_by_rule) if edges else found


def candidate_of(edge: Edge) -> tuple[Candidate, Occasion]:
    """An edge as what may start its rule."""
    return Candidate.of(edge.rule, edge.index), edge.occasion


def _by_rule(entry: tuple[Candidate, Occasion]) -> tuple[str, int]:
    return entry[0].rule.id, entry[0].index


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
