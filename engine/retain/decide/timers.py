"""What time alone brings: waits that are over, looks of `becomes`, planned starts, effects that were delayed."""

from __future__ import annotations

from retain.decide.actions import settle_inline
from retain.decide.advance import go_on, wake
from retain.decide.events import drain
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.outcomes import Outcomes
from retain.decide.planned import due_plans, start_of, take
from retain.decide.scopes import event_scope
from retain.decide.starts import entry_of, start_rules
from retain.decide.watches import Edge, due_watches, look, look_as_of, reschedule
from retain.language.plan import Planned, Watch
from retain.model import Effect, EffectState, Instant, Run, RunState


def decide_wake(facts: Facts, run: Run, moment: Moment) -> None:
    """A run's instant has come. While its rule is paused or off the timer holds, and is found again later."""
    customer = facts.customer(run.customer)
    current = facts.rule_today(run.rule)
    is_off = current is not None and current.status == "off"
    if facts.pause_reason(run.rule) or is_off:
        return
    wake(facts, run, customer, moment)
    drain(facts)


def decide_look(facts: Facts, customer: CustomerFacts, due: Instant, moment: Moment) -> None:
    """A customer's next look has come: watches whose value time can have changed, and planned starts.

    Args:
        due: what came due up to then is decided; after a downtime other things may stand between that and the rest.
    """
    while (item := next_look(facts, customer, due)) is not None:
        _look_at(facts, customer, item, moment)
    reschedule(facts, customer)
    drain(facts)


def decide_one_look(facts: Facts, customer: CustomerFacts, item: Watch | Planned, moment: Moment) -> None:
    """One of the looks that have come, alone."""
    _look_at(facts, customer, item, moment)
    reschedule(facts, customer)
    drain(facts)


def next_look(facts: Facts, customer: CustomerFacts, at: Instant) -> Watch | Planned | None:
    """What was due first of the looks and planned starts that have come; None where nothing has."""
    watches = due_watches(facts, customer, at)
    plans = due_plans(facts, customer, at)
    if plans and (not watches or plans[0][0] < watches[0][0]):
        return plans[0][1]
    return watches[0][1] if watches else None


def _look_at(facts: Facts, customer: CustomerFacts, item: Watch | Planned, moment: Moment) -> None:
    if isinstance(item, Planned):
        _start_edge(facts, customer, take(facts, customer, item, moment), moment)
        return
    due: Instant = customer.watches[item.id]["n"]
    _start_edge(facts, customer, look(facts, customer, item, moment, due=due), moment)
    if customer.watches.get(item.id, {}).get("n") == due:
        # The same instant again would never end: an edge that was just used up has nothing more to wait for.
        del customer.watches[item.id]["n"]
        reschedule(facts, customer)


def decide_backfill(
    facts: Facts, customer: CustomerFacts, watch: Watch, since: Instant, moment: Moment, *, anew: bool
) -> None:
    """The first look of a new or edited watch at a customer: it starts where true, if the rule says `backfill: true`.

    Otherwise it takes note of what was true when the rule came; where something was decided since, that was done then.

    Args:
        since: when the rule came.
        anew: an edit was taken back, so that a state may be left from before.
    """
    state = customer.watches.get(watch.id)
    if state is None and watch.trigger.backfill:
        _start_edge(facts, customer, look(facts, customer, watch, moment), moment)
    elif state is None:
        look_as_of(facts, customer, watch, since)
    elif anew:
        is_held = "t" in state and "f" not in state
        if not is_held:
            look(facts, customer, watch, moment, silent=True)
        reschedule(facts, customer)
    elif not state:
        del customer.watches[watch.id]  # the position says from now on that it was looked at
        reschedule(facts, customer)
    drain(facts)


def decide_planned(
    facts: Facts, customer: CustomerFacts, planned: Planned, occurrence: str, instant: Instant, moment: Moment
) -> None:
    """A cron's planned instant for one member, or for the run without a customer."""
    trigger = planned.trigger
    if trigger.each is not None and not trigger.each.is_true(event_scope(customer, moment)):
        return
    _start_edge(facts, customer, start_of(planned, occurrence, instant, moment), moment)
    drain(facts)


def decide_due_effect(facts: Facts, effect: Effect, moment: Moment) -> None:
    """A delayed effect of a run that is answered without the outside."""
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    if run is None or run.state is not RunState.ACTING or effect.state is not EffectState.PENDING:
        return
    rule = facts.rule_of(run)
    following = settle_inline(facts, effect, run, rule, customer, moment)
    go_on(facts, run, customer, following, moment)
    drain(facts)


def _start_edge(facts: Facts, customer: CustomerFacts, edge: Edge | None, moment: Moment) -> None:
    if edge is None:
        return
    start_rules(facts, customer, [entry_of(edge)], event_scope(customer, moment), moment, Outcomes())
