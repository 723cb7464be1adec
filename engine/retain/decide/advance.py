"""Walk a run from step to step until it waits, acts or ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retain.decide.actions import act
from retain.decide.awaited import level_that_ends, matches
from retain.decide.derive import derive_from_run, set_fields
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.failures import fail_step
from retain.decide.runs import complete_run, deepen, end_run, log
from retain.decide.scopes import run_scope
from retain.decide.steps import first, step_index
from retain.errors import MissingInputError
from retain.instants import parse_duration
from retain.language.rules import (
    ActionStep,
    EmitStep,
    EventTrigger,
    IfStep,
    Rule,
    SetStep,
    SplitStep,
    Step,
    StopStep,
    WaitForStep,
    WaitStep,
)
from retain.language.time.schedules import parse_until
from retain.model import Instant, Json, NewEvent, Outcome, Run, RunState, share


@dataclass(frozen=True, slots=True)
class Walk:
    """One run on its way: all that a step needs."""

    facts: Facts
    run: Run
    rule: Rule
    customer: CustomerFacts
    moment: Moment
    after: str  # path of the step after the present one


def advance(facts: Facts, run: Run, customer: CustomerFacts, moment: Moment) -> None:
    """Carry out steps from the one that the run stands at, until it waits, acts or ends."""
    rule = facts.rule_of(run)
    index = step_index(rule)
    while run.step:
        stop = index[run.step]
        walk = Walk(facts, run, rule, customer, moment, stop.after)
        facts.visit(run.rule, run.step)
        if _changes_something(facts, stop.step):
            ended_by, path = level_that_ends(rule, run, customer, moment)
            if ended_by:
                finish_run(facts, run, customer, ended_by, moment, path)
                return
        following = _STEPS[type(stop.step)](walk, stop.step)
        if following is None:
            _rest(facts, run, customer, moment)
            return
        run.step = following
    complete_run(facts, run, moment)
    free_key(facts, run, customer, moment)


def go_on(facts: Facts, run: Run, customer: CustomerFacts, following: str | None, moment: Moment) -> None:
    """Continue a run behind an action whose effect is settled; None where it still waits, is held or has ended."""
    if following is None:
        _rest(facts, run, customer, moment)
    else:
        run.step = following
        advance(facts, run, customer, moment)


def _rest(facts: Facts, run: Run, customer: CustomerFacts, moment: Moment) -> None:
    """Keep a run that goes no further now, and let the next one of its key go where it has ended."""
    if run.state is RunState.ENDED:
        free_key(facts, run, customer, moment)
    else:
        facts.save(run)


def _changes_something(facts: Facts, step: Step) -> bool:
    """Whether a step takes effect with the decision itself; what goes outside is asked about at its release."""
    if isinstance(step, ActionStep):
        action = facts.plan.registry.actions.get(step.action)
        return action is not None and not action.is_outside
    return isinstance(step, SetStep | EmitStep)


def wake(facts: Facts, run: Run, customer: CustomerFacts, moment: Moment) -> None:
    """Its instant has come: a wait is over, an awaited event has not come, a goal was not reached."""
    run.wake_at = None
    if run.state is RunState.WATCHED:
        run.state = RunState.ENDED
        facts.save(run)
        return
    stop = step_index(facts.rule_of(run))[run.step]
    if run.state is RunState.WAITING:
        run.step = stop.after
    elif isinstance(stop.step, WaitForStep):
        if not isinstance(stop.step.trigger, EventTrigger) and _still_waiting(facts, run, customer, stop.step, moment):
            return
        run.context.pop("deadline", None)
        facts.visit(run.rule, f"{stop.step.path}:else")
        run.step = first(stop.step.otherwise, stop.after)
    advance(facts, run, customer, moment)


def met(facts: Facts, run: Run, customer: CustomerFacts, fields: dict[str, Json], moment: Moment) -> None:
    """The awaited event has come: go on with `then`, the event at hand as `steps.ID.event`."""
    stop = step_index(facts.rule_of(run))[run.step]
    assert isinstance(stop.step, WaitForStep)
    run.wake_at = None
    run.context.pop("deadline", None)
    deepen(run, moment)
    _remember(run, stop.step, {"event": fields})
    facts.visit(run.rule, f"{stop.step.path}:then")
    run.step = first(stop.step.then, stop.after)
    advance(facts, run, customer, moment)


def free_key(facts: Facts, run: Run, customer: CustomerFacts, moment: Moment) -> None:
    """Start the run that was queued behind this one."""
    rule_id = facts.renamed.get(run.rule, run.rule)
    rivals = [
        other
        for other in customer.live_runs()
        if facts.renamed.get(other.rule, other.rule) == rule_id
        and other.key == run.key
        and other.is_live
        and (other.arm == "shadow") == (run.arm == "shadow")
    ]
    queued = [other for other in rivals if other.state is RunState.QUEUED]
    if not queued or len(queued) < len(rivals):
        return
    following = queued[0]
    following.state = RunState.WAITING
    following.started_at = moment.at
    if following.arm == "live":
        facts.count_start(following.rule, moment.at)
    log(facts, following, moment, "start", Outcome.STARTED.value, "runs.mode", why="the key is free")
    advance(facts, following, customer, moment)


def finish_run(facts: Facts, run: Run, customer: CustomerFacts, by: str, moment: Moment, path: str = "") -> None:
    """End a run and let the next one of its key go."""
    end_run(facts, run, by, moment, path)
    free_key(facts, run, customer, moment)


def _wait(walk: Walk, step: WaitStep) -> str | None:
    wake_at = _wake_at(walk, step)
    walk.run.state = RunState.WAITING
    walk.run.wake_at = wake_at
    return None


def _wake_at(walk: Walk, step: WaitStep) -> Instant:
    at = walk.moment.at
    scope = run_scope(walk.customer, walk.run, walk.moment)
    if step.until is not None:
        return _until(step, str(step.until.render(scope)), walk)
    assert step.duration is not None
    duration = step.duration.render(scope)
    millis = parse_duration(duration) if isinstance(duration, str) else duration
    if not isinstance(millis, int) or isinstance(millis, bool):
        raise MissingInputError(f"{duration!r} is no duration", where=step.path, cure="write it as 15m, 4h or 2d")
    if step.clock:
        return walk.rule.calendars[step.clock].add(at, millis)
    return at + millis


def _until(step: WaitStep, text: str, walk: Walk) -> Instant:
    try:
        return parse_until(text).next(walk.moment.at, walk.customer.zone)
    except ValueError as error:
        raise MissingInputError(f"{text!r} is no time: {error}", where=step.path) from error


def _wait_for(walk: Walk, step: WaitForStep) -> str | None:
    early = walk.run.context.get("early", {}).pop(step.path, None)
    if early is None and not isinstance(step.trigger, EventTrigger):
        early = {} if matches(step.trigger, walk.run, walk.customer, None, walk.moment) else None
    if early is not None:
        _remember(walk.run, step, {"event": early})
        walk.facts.visit(walk.run.rule, f"{step.path}:then")
        return first(step.then, walk.after)
    at = walk.moment.at
    calendar = walk.rule.calendars.get(step.clock)
    walk.run.context["deadline"] = calendar.add(at, step.up_to) if calendar else at + step.up_to
    walk.run.state = RunState.WAITING_FOR
    _still_waiting(walk.facts, walk.run, walk.customer, step, walk.moment)
    return None


def _still_waiting(facts: Facts, run: Run, customer: CustomerFacts, step: WaitForStep, moment: Moment) -> bool:
    """Look at an awaited level again where time may have changed it; False once the deadline has come."""
    deadline: Instant = run.context["deadline"]
    if isinstance(step.trigger, EventTrigger):
        run.wake_at = deadline
        return True
    scope = run_scope(customer, run, moment)
    if step.trigger.condition.is_true(scope):
        met(facts, run, customer, {}, moment)
        return True
    if moment.at >= deadline:
        return False
    change = step.trigger.condition.next_change(scope)
    run.wake_at = deadline if change is None else min(deadline, change)
    facts.save(run)
    return True


def _if(walk: Walk, step: IfStep) -> str:
    holds = step.condition.is_true(run_scope(walk.customer, walk.run, walk.moment))
    branch = "then" if holds else "else"
    walk.facts.visit(walk.run.rule, f"{step.path}:{branch}")
    log(walk.facts, walk.run, walk.moment, "move", branch, step.path)
    return first(step.then if holds else step.otherwise, walk.after)


def _split(walk: Walk, step: SplitStep) -> str:
    run = walk.run
    arms = run.context.setdefault("arms", {})
    name = arms.get(step.id)
    if name is None:
        point = share(walk.customer.key, walk.rule.was or walk.rule.id, step.id) * 100
        reached = 0.0
        for branch in step.branches:
            reached += branch.weight
            name = branch.name
            if point < reached:
                break
        arms[step.id] = name
        _remember(run, step, {"branch": name})
        log(walk.facts, run, walk.moment, "move", str(name), step.path)
    walk.facts.visit(run.rule, f"{step.path}:{name}")
    chosen = next((branch for branch in step.branches if branch.name == name), step.branches[-1])
    return first(chosen.steps, walk.after)


def _set(walk: Walk, step: SetStep) -> str:
    rendered = step.fields.render(run_scope(walk.customer, walk.run, walk.moment))
    set_fields(walk.facts, walk.run, walk.customer, dict(rendered), walk.moment)
    log(walk.facts, walk.run, walk.moment, "move", "set", step.path, values=dict(rendered))
    return walk.after


def _emit(walk: Walk, step: EmitStep) -> str:
    data = step.data.render(run_scope(walk.customer, walk.run, walk.moment))
    derive_from_run(walk.facts, walk.run, walk.customer, NewEvent(name=step.event, fields=data), walk.moment)
    log(walk.facts, walk.run, walk.moment, "move", "emit", step.path)
    return walk.after


def _stop(walk: Walk, step: StopStep) -> None:
    end_run(walk.facts, walk.run, "stop", walk.moment, step.path)


def _act(walk: Walk, step: ActionStep) -> str | None:
    return act(walk.facts, walk.run, walk.rule, walk.customer, step, walk.after, walk.moment)


def _guarded(execute: Callable[[Walk, Any], str | None]) -> Callable[[Walk, Any], str | None]:
    """A step whose value is missing fails like an action whose input is missing."""

    def guarded(walk: Walk, step: Any) -> str | None:
        try:
            return execute(walk, step)
        except MissingInputError as error:
            return fail_step(walk.facts, walk.run, step, walk.after, f"missing_input: {error.what}", walk.moment)

    return guarded


def _remember(run: Run, step: Step, output: dict[str, Json]) -> None:
    if step.id:
        run.context.setdefault("steps", {})[step.id] = output


_STEPS: dict[type[Any], Callable[[Walk, Any], str | None]] = {
    WaitStep: _guarded(_wait),
    WaitForStep: _wait_for,
    IfStep: _if,
    SplitStep: _split,
    SetStep: _guarded(_set),
    EmitStep: _guarded(_emit),
    StopStep: _stop,
    ActionStep: _act,
}
