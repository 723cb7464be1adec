"""The life of a run: start, end, and what follows from an end. `advance` walks its steps."""

from __future__ import annotations

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, Verdict, run_id_of, start_context
from retain.decide.steps import first
from retain.language.rules import Rule
from retain.model import DecisionRow, EffectState, Json, LogKind, Outcome, Run, RunState

_CANCELLABLE = (EffectState.PENDING,)


def open_run(
    facts: Facts, customer: CustomerFacts, rule: Rule, occasion: Occasion, verdict: Verdict, moment: Moment
) -> Run:
    """Create the run that a verdict allows: ready to advance, or queued or parked."""
    run = Run(
        id=run_id_of(rule, customer, verdict.key, occasion.cause),
        rule=rule.id,
        revision=rule.revision,
        customer=customer.id,
        key=verdict.key,
        arm=verdict.arm,
        state=_FIRST_STATE[verdict.outcome],
        step=first(rule.steps, ""),
        started_at=moment.at,
        started_seq=moment.seq,
        cause=occasion.cause,
        context=start_context(occasion, moment) | ({"depth": moment.depth} if moment.depth else {}),
        goal_until=moment.at + rule.goal.within if rule.goal else None,
    )
    customer.runs[run.id] = run
    facts.changes.opened.add(run.id)
    if verdict.outcome is Outcome.STARTED and run.arm == "live":
        facts.count_start(rule.id, moment.at)
    facts.save(run)
    return run


_FIRST_STATE = {
    Outcome.STARTED: RunState.WAITING,
    Outcome.QUEUED: RunState.QUEUED,
    Outcome.PARKED: RunState.PARKED,
}


def deepen(run: Run, moment: Moment) -> None:
    """Let a run carry the depth of the chain that moves it on over its waits, so that a loop through one is cut."""
    if moment.depth > run.context.get("depth", 0):
        run.context["depth"] = moment.depth


def in_chain(run: Run, moment: Moment) -> Moment:
    """The moment as a part of the chain that led to where the run stands: a timer has no depth of its own."""
    return moment._replace(depth=max(moment.depth, run.context.get("depth", 0)))


def end_run(facts: Facts, run: Run, by: str, moment: Moment, path: str = "") -> None:
    """End a run for good and cancel its effects that are not yet claimed.

    Args:
        by: `done`, `goal`, `stop`, `restart`, `merged`, `failed`, `stopped`, or the event that ended it.
    """
    was_done = run.state is RunState.WATCHED
    run.state = RunState.ENDED
    run.wake_at = None
    run.ended_by = by
    if not was_done:
        run.ended_at = moment.at
    cancel_effects(facts, run, by)
    facts.save(run)
    facts.visit(run.rule, path)
    log(facts, run, moment, "end", by, path)


def complete_run(facts: Facts, run: Run, moment: Moment) -> None:
    """The steps are done: the key is free; the run is still watched where its goal may come."""
    run.step = ""
    run.ended_by = "done"
    run.ended_at = moment.at
    if run.goal_until is not None and run.goal_until > moment.at:
        run.state = RunState.WATCHED
        run.wake_at = run.goal_until
    else:
        run.state = RunState.ENDED
        run.wake_at = None
    facts.save(run)
    log(facts, run, moment, "end", "done", "")


def cancel_effects(facts: Facts, run: Run, reason: str) -> None:
    """Cancel the run's effects that are not yet claimed, in the store and in this batch."""
    if not run.effects:
        return
    facts.changes.cancelled.append((run.id, reason))
    for effect in facts.effects.values():
        if effect.run == run.id and effect.state in _CANCELLABLE:
            effect.state = EffectState.CANCELLED
            effect.reason = reason


def log(
    facts: Facts,
    run: Run,
    moment: Moment,
    kind: LogKind,
    outcome: str,
    path: str,
    why: str = "",
    values: dict[str, Json] | None = None,
) -> None:
    """Write one full row of the decision log about a run."""
    facts.changes.decisions.append(
        DecisionRow(
            at=moment.at,
            event_seq=moment.seq,
            rule=run.rule,
            customer=run.customer,
            run=run.id,
            kind=kind,
            outcome=outcome,
            path=path,
            why=why,
            values=values or {},
        )
    )
