"""Starting rules: each candidate judged, the allowed ones opened and advanced, every outcome kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from retain.decide.advance import advance, finish_run
from retain.decide.facts import OUTCOME_NUMBER, OUTCOMES, CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, Verdict, is_late, judge, refusal
from retain.decide.outcomes import Outcomes, Refused
from retain.decide.runs import log, open_run
from retain.decide.scopes import event_scope
from retain.decide.watches import Edge
from retain.instants import format_duration
from retain.language.candidates import CONDITION, Candidate, Candidates, Sight
from retain.language.rules import Rule
from retain.language.scope import Scope
from retain.language.screening.masks import places_of
from retain.model import DecisionRow, Event, Json, Outcome

Entry: TypeAlias = tuple[Candidate, Occasion]

# Refusals before or at `if` go into the packed summary only; from there on each has a row of its own.
SUMMARY_ONLY = frozenset(
    {Outcome.OFF, Outcome.TRIGGER, Outcome.LATE, Outcome.KEY_MISSING, Outcome.CONDITION, Outcome.MERGED_TRIGGER}
)


def start_rules(
    facts: Facts,
    customer: CustomerFacts,
    entries: Iterable[Entry],
    scope: Scope,
    moment: Moment,
    outcomes: Outcomes,
) -> None:
    """Judge each candidate in the order of rule ids and triggers; one cause starts a rule once.

    Args:
        entries: asked for one by one, because what a start changes, the next rules see.
        scope: of the event, shared by all candidates.
        outcomes: filled with one for each candidate; a start has no clause.
    """
    done: set[str] = set()
    tally = facts.tally
    for candidate, occasion in entries:
        rule = candidate.rule
        if rule.id in done:
            outcomes.single.append((rule.revision, _OTHER_TRIGGER, -1))
            continue
        refused = refusal(candidate, customer, occasion, scope)
        if refused is not None:
            outcomes.single.append(refused)
            if tally is not None:
                tally[rule.id, _NAMES[refused[1]]] += 1
            continue
        done.add(rule.id)
        verdict = judge(facts, customer, candidate, occasion, moment)
        outcomes.single.append((rule.revision, OUTCOME_NUMBER[verdict.outcome], -1))
        if tally is not None:
            tally[rule.id, verdict.outcome.value] += 1
        if verdict.outcome in _OPENING:
            _open(facts, customer, rule, occasion, verdict, moment)
        else:
            _log_refusal(facts, customer, rule, verdict, moment)


class Seen(NamedTuple):
    """One look at an event: the rules that it may start, the scope that they share, and what came of the look."""

    found: Candidates
    scope: Scope
    sight: Sight


def see(facts: Facts, customer: CustomerFacts, event: Event, changed: frozenset[str], moment: Moment) -> Seen:
    """Look at the rules that an event may start and the watches that it may move.

    A rule that the index leaves out cannot start and leaves no outcome; whoever counts outcomes is shown every rule.
    """
    found = facts.plan.candidates(event.name, every=facts.tally is not None)
    scope = event_scope(customer, moment, event.fields, changed)
    return Seen(found, scope, found.look(scope))


def start_by_event(
    facts: Facts,
    customer: CustomerFacts,
    event: Event,
    seen: Seen,
    edges: Sequence[Edge],
    moment: Moment,
    outcomes: Outcomes,
) -> None:
    """Start what an event may start, and the rules of the edges that it has caused."""
    found, scope, look = seen
    if not look.looked_at and not edges:
        return
    late = is_late(facts, event)
    refused = _Refused(found, 0 if late else look.failing)
    if edges or refused.bits != look.looked_at:
        trigger: dict[str, Json] = {"kind": "event", "name": event.name, "planned_at": event.occurred_at}
        occasion = Occasion(event.cause, trigger, event, late)
        places = places_of(look.looked_at ^ refused.bits)
        entries = _in_order(customer, refused, scope, occasion, edges, places)
        start_rules(facts, customer, entries, scope, moment, outcomes)
    if refused.bits:
        outcomes.refused.append(Refused(found, refused.bits, look.digits))
        if facts.tally is not None:
            facts.refused_alike[event.name, refused.bits] += 1


def tally_of(facts: Facts) -> Counter[tuple[str, str]]:
    """How often each rule came to each outcome; events that the same candidates refused are counted together."""
    found = Counter(facts.tally)
    for (event, bits), count in facts.refused_alike.items():
        candidates = facts.plan.candidates(event, every=True)
        for place in places_of(bits):
            found[candidates.all[place].rule.id, _NAMES[CONDITION]] += count
    return found


@dataclass(slots=True)
class _Refused:
    """Those whose conditions said no before any rule started, less those that must be asked anew."""

    found: Candidates
    bits: int


def _in_order(
    customer: CustomerFacts,
    refused: _Refused,
    scope: Scope,
    occasion: Occasion,
    edges: Sequence[Edge],
    places: Iterable[int],
) -> Iterator[Entry]:
    """Candidates and edges in the order of rule ids and triggers; found anew behind a start that changes the customer.

    Args:
        refused: what is found anew is taken out of it.
        places: of the candidates that are to be judged.
    """
    edits, found = customer.edits, refused.found
    queue = _queue(found, places, occasion, edges)
    while queue:
        candidate, its_occasion = queue.pop()
        yield candidate, its_occasion
        if customer.edits != edits:
            edits = customer.edits
            here = candidate.order
            refused.bits &= found.up_to(here)
            anew = _queue(found, found.places(scope), occasion, edges)
            queue = [entry for entry in anew if entry[0].order > here]


def _queue(
    found: Candidates, places: Iterable[int], occasion: Occasion, edges: Sequence[Edge]
) -> list[tuple[Candidate, Occasion]]:
    """What is to be judged, the first last."""
    queue = [(found.all[place], occasion) for place in sorted(places)]
    if edges:
        queue += [(edge.candidate, edge.occasion) for edge in edges]
        queue.sort(key=_by_rule)
    queue.reverse()
    return queue


def _by_rule(entry: tuple[Candidate, Occasion]) -> tuple[str, int]:
    return entry[0].order


def entry_of(edge: Edge) -> Entry:
    """An edge as what may start its rule."""
    return edge.candidate, edge.occasion


_NAMES = tuple(outcome.value for outcome in OUTCOMES)
_OTHER_TRIGGER = OUTCOME_NUMBER[Outcome.MERGED_TRIGGER]
_OPENING = frozenset({Outcome.STARTED, Outcome.QUEUED, Outcome.PARKED})


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
    reason = f"breaker: more than {count} starts in {format_duration(per)}"
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
