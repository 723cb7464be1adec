"""`becomes`: edges of conditions, by events and by time alone, without sweeping all customers.

A customer's packed state holds, per watch that is or was true or has a next look:
`t` the instant since when it is true, `f` whether that edge was used up, `n` the next instant to look. Where a look
could not be decided, `r` is when it is tried again and `e` how often it has failed; `n` stays when it was due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion
from retain.decide.scopes import event_scope
from retain.instants import DAY, HOUR
from retain.language.candidates import Candidate
from retain.language.plan import Watch
from retain.language.rules import Rule
from retain.language.scope import Scope
from retain.model import Instant, Json, Outcome

RETRY_FIRST, RETRY_MOST = HOUR, DAY  # after a look that could not be decided


@dataclass(frozen=True, slots=True)
class Edge:
    """A trigger without an event of its own that may start its rule: an edge, or a planned instant."""

    rule: Rule
    index: int  # of the trigger in the rule
    occasion: Occasion

    @property
    def candidate(self) -> Candidate:
        """The trigger as what may start the rule."""
        return Candidate.of(self.rule, self.index)


def touched(
    facts: Facts,
    customer: CustomerFacts,
    name: str,
    changed: frozenset[str],
    is_fresh: bool,
    scope: Scope,
    possible: int,
) -> Iterable[Watch]:
    """The watches that an event of this name and these changed fields can have moved, by rule and trigger.

    Those that cannot be true and were not are left out.

    Args:
        possible: bits of those watches of the event name that can be true.
    """
    plan, states = facts.plan, customer.watches
    if is_fresh:
        return plan.watches
    own = plan.watch_group(name).worth_a_look(possible, states)
    groups = [plan.watch_group(field, is_field=True) for field in {name.split(".")[0] for name in changed}]
    if not groups:
        return own
    others = [group.worth_a_look(group.possible(scope), states) for group in groups if group.all]
    found = {watch.order: watch for watches in (own, *others) for watch in watches}
    return [found[key] for key in sorted(found)]


def look_first(facts: Facts, customer: CustomerFacts) -> None:
    """Take note of what was true of a customer when rules came whose backfills have not reached the customer yet.

    It is done before anything else is decided, so that what follows is an edge wherever the backfill stands. A customer
    whose first event is not decided yet was not there.
    """
    if customer.is_new:
        return
    for name, first in facts.first_looks.items():
        if customer.id > first.after and name not in customer.watches:
            look_as_of(facts, customer, first.watch, first.since)


def look_as_of(facts: Facts, customer: CustomerFacts, watch: Watch, since: Instant) -> None:
    """Take note of whether a watch was true of a customer at an instant, what was decided at it included.

    Where it turns by time alone afterwards, its next look may have come already.
    """
    look(facts, customer, watch, Moment(since, since + 1), silent=True)


def look(
    facts: Facts,
    customer: CustomerFacts,
    watch: Watch,
    moment: Moment,
    *,
    silent: bool = False,
    due: Instant | None = None,
    cause: str = "",
) -> Edge | None:
    """Evaluate one watch now, keep its state, and return the edge if it fires.

    Args:
        silent: take note of what is true without starting anything (backfill, imported history).
        due: the planned instant of a look that time has caused; what was already true then, is true since then.
        cause: the identity of the event that has caused the look.
    """
    trigger = watch.trigger
    scope = event_scope(customer, moment)
    state = customer.watches.get(trigger.watch)
    true_since: Instant | None = state.get("t") if state else None
    fired = bool(state and state.get("f"))
    edge: Edge | None = None
    failing = trigger.condition.first_failing(scope)
    following = trigger.condition.next_look(scope, failing)
    if failing < 0:
        if true_since is None:
            true_since, fired = _true_since(watch, customer, moment, due), silent
            if silent and facts.tally is not None:
                facts.tally[watch.rule.id, Outcome.BACKFILL.value] += 1
        if not fired and moment.at >= true_since + trigger.held:
            fired = True
            edge = None if silent else _edge(watch, true_since, cause if true_since == moment.at else "")
        if not fired:
            held_until = true_since + trigger.held
            following = held_until if following is None else min(following, held_until)
    else:
        true_since, fired = None, False
    _keep(facts, customer, trigger.watch, true_since, fired, following)
    return edge


def _true_since(watch: Watch, customer: CustomerFacts, moment: Moment, due: Instant | None) -> Instant:
    if due is None or due >= moment.at:
        return moment.at
    then = event_scope(customer, Moment.of_timer(due))
    holds = watch.trigger.condition.is_true(then)
    customer.metrics.clear()
    return due if holds else moment.at


def _edge(watch: Watch, true_since: Instant, cause: str) -> Edge:
    index = watch.rule.triggers.index(watch.trigger)
    # Within one instant the conditions may turn true twice, so that the event tells the two edges apart.
    cause = f"becomes:{watch.trigger.watch}:{cause or true_since}"
    return Edge(watch.rule, index, Occasion(cause, {"kind": "becomes", "planned_at": true_since}))


def _keep(
    facts: Facts, customer: CustomerFacts, watch: str, since: Instant | None, fired: bool, following: Instant | None
) -> None:
    state: dict[str, Json] = {}
    if since is not None:
        state["t"] = since
    if fired:
        state["f"] = 1
    if following is not None:
        state["n"] = following
    before = customer.watches.get(watch)
    first = facts.first_looks.get(watch)
    explicit = first is not None and customer.id > first.after  # so that nobody is looked at as of then once more
    if state or explicit:
        if before == state:
            return
        customer.watches[watch] = state
    elif before is None:
        return
    else:
        del customer.watches[watch]
    reschedule(facts, customer)


def reschedule(facts: Facts, customer: CustomerFacts) -> None:
    """Set the customer's one next look to the earliest of all; nobody looks for a watch that no rule has any more."""
    known = facts.plan.state_ids
    looks = [state.get("r", state["n"]) for name, state in customer.watches.items() if "n" in state and name in known]
    customer.recheck_at = min(looks, default=None)
    facts.changes.customers.add(customer.id)
    if customer.recheck_at is not None:
        facts.wakes.append((customer.recheck_at, "look", str(customer.id)))


def postpone(facts: Facts, customer: CustomerFacts, name: str, at: Instant) -> None:
    """Try a look or planned start that could not be decided again later: after an hour, then ever more rarely.

    What a look has found is forgotten as soon as an event of the customer makes it anew.

    Args:
        name: the id of the watch or the schedule.
    """
    state: dict[str, Json] = dict(customer.watches[name])
    failures = state.get("e", 0)
    customer.watches[name] = state | {"e": failures + 1, "r": at + min(RETRY_FIRST << failures, RETRY_MOST)}
    reschedule(facts, customer)


def is_due(state: Mapping[str, Json], at: Instant) -> bool:
    """Whether a look has come, or its next attempt."""
    return "n" in state and state.get("r", state["n"]) <= at


def due_watches(facts: Facts, customer: CustomerFacts, at: Instant) -> list[tuple[Instant, Watch]]:
    """The watches whose look has come, in due order."""
    found = []
    for watch in facts.plan.watches:
        state = customer.watches.get(watch.trigger.watch, {})
        if is_due(state, at):
            found.append((state["n"], watch))
    found.sort(key=lambda entry: (entry[0], entry[1].rule.id, entry[1].trigger.path))
    return found
