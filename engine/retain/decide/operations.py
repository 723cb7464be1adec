"""What people do with runs and effects by hand: release or drop what is parked, stop, retry, drop."""

from __future__ import annotations

from collections.abc import Mapping

from retain.decide.actions import action_step, settle, unclaim
from retain.decide.advance import advance, finish_run, go_on
from retain.decide.awaited import level_that_ends
from retain.decide.events import drain
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import rivals_of
from retain.decide.runs import log
from retain.decide.steps import step_index
from retain.language.rules import Rule, WaitForStep
from retain.model import Effect, EffectState, Json, Outcome, Run, RunState
from retain.registry import EffectResult

_RETRYABLE = (EffectState.DEAD, EffectState.IN_DOUBT)


def release_parked(facts: Facts, run: Run, moment: Moment) -> str:
    """Start a run that was parked; what became of it: `started`, `late`, or what ended it.

    One that is older than `max_lateness` is dropped. Exits are checked again; `at_most` is, before the first effect.
    """
    customer = facts.customer(run.customer)
    if run.state is not RunState.PARKED:
        return run.state.value
    rule = facts.rule_of(run)
    ended = _why_not(facts, run, rule, customer, moment)
    if ended:
        finish_run(facts, run, customer, ended, moment)
        drain(facts)
        return ended
    if rule.runs.mode == "restart":
        for rival in rivals_of(rule, customer, run.key, run.arm):
            if rival is not run and rival.state is not RunState.PARKED:
                finish_run(facts, rival, customer, "restart", moment)
    run.state = RunState.WAITING
    facts.save(run)
    log(facts, run, moment, "start", Outcome.STARTED.value, "", why="released")
    advance(facts, run, customer, moment)
    drain(facts)
    return Outcome.STARTED.value


def _why_not(facts: Facts, run: Run, rule: Rule, customer: CustomerFacts, moment: Moment) -> str:
    if moment.at - run.started_at > facts.plan.defaults.max_lateness:
        return "late"
    ended_by, _ = level_that_ends(rule, run, customer, moment)
    if ended_by:
        return ended_by
    if rule.runs.mode == "restart":
        newer = [
            rival
            for rival in rivals_of(rule, customer, run.key, run.arm)
            if (rival.started_at, rival.started_seq, rival.id) > (run.started_at, run.started_seq, run.id)
        ]
        return "restart" if newer else ""
    return ""


def stop_run(facts: Facts, run: Run, by: str, moment: Moment) -> bool:
    """End a run by hand; False where it has ended already."""
    if run.state is RunState.ENDED:
        return False
    finish_run(facts, run, facts.customer(run.customer), by, moment)
    drain(facts)
    return True


def hold(run: Run, reason: str) -> None:
    """Keep a run that cannot be decided as it is, until a person lets it try again."""
    run.context |= {"held_because": reason, "held_as": run.state.value}
    run.state, run.wake_at = RunState.HELD, None


def hold_run(facts: Facts, run: Run, reason: str, moment: Moment) -> None:
    """Hold a run for which a person's command raised, and keep why."""
    hold(run, reason)
    facts.save(run)
    log(facts, run, moment, "look", "failed", run.step, why=reason)


def retry_run(facts: Facts, run: Run, moment: Moment) -> str:
    """Let a run try again that is held because deciding about it raised; "" if so, else why not.

    It is woken at once. Where its action was done and only what follows raised, it goes on behind the action.
    """
    if run.state is not RunState.HELD:
        return f"it is {run.state.value}"
    effect = facts.effects.get(run.context.get("acting", ""))
    if effect is not None and effect.state in _RETRYABLE:
        return f"it waits for its effect: retain effects retry {effect.id}"
    because = str(run.context.pop("held_because", ""))
    held_as = run.context.pop("held_as", "")
    log(facts, run, moment, "look", "retried", run.step, why=because)
    if effect is not None and effect.state is EffectState.DONE:
        _settle_done(facts, run, effect, effect.output, moment)
        return ""
    run.state = RunState(held_as or _state_at(facts, run))
    if run.state is RunState.PARKED:
        facts.save(run)
        return _start_parked(facts, run, moment)
    run.wake_at = moment.at
    facts.save(run)
    return ""


def _start_parked(facts: Facts, run: Run, moment: Moment) -> str:
    """Start a run that was held when it was to leave its place; while its rule is paused it is parked as before."""
    if not facts.pause_reason(run.rule):
        release_parked(facts, run, moment)
    return ""


def _state_at(facts: Facts, run: Run) -> RunState:
    """In what state a run stands at its step; one that an earlier version has held does not say so itself."""
    step = step_index(facts.rule_of(run))[run.step].step
    return RunState.WAITING_FOR if isinstance(step, WaitForStep) else RunState.WAITING


def _settle_done(facts: Facts, run: Run, effect: Effect, output: Mapping[str, Json], moment: Moment) -> None:
    customer = facts.customer(run.customer)
    step, after = action_step(facts.rule_of(run), effect.step)
    result = EffectResult(effect_id=effect.id, status="done", attempt=effect.attempt, output=dict(output))
    run.state = RunState.WAITING
    go_on(facts, run, customer, settle(facts, effect, run, customer, step, after, result, moment), moment)
    drain(facts)


def retry_effect(facts: Facts, effect: Effect, moment: Moment) -> str:
    """Let a dead letter or an effect in doubt be tried again; "" if so, else why not.

    It passes all checks of a release once more. A step that failed before it could make an effect is done anew.
    """
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    refusal = _why_not_open(effect, run)
    if refusal or run is None:
        return refusal or "its run is gone"
    log(facts, run, moment, "effect", "retried", effect.step, why=effect.reason)
    if effect.attempt == 0:
        effect.state = EffectState.DROPPED
        facts.save_effect(effect)
        run.context.pop("acting", None)
        run.state = RunState.WAITING
        advance(facts, run, customer, moment)
        drain(facts)
        return ""
    effect.state = EffectState.PENDING
    effect.due_at = moment.at
    effect.first_failed_at = None
    unclaim(effect, customer)
    facts.save_effect(effect)
    run.state = RunState.ACTING
    facts.save(run)
    return ""


def confirm_effect(facts: Facts, effect: Effect, output: dict[str, Json], moment: Moment) -> str:
    """Take an effect in doubt for done, because a person knows; "" if so, else why not.

    The run that waits for it goes on as if that had been the answer. What a plugin makes of an answer, such as an
    event, is not made up.
    """
    if effect.state is not EffectState.IN_DOUBT:
        return f"it is {effect.state.value}"
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    if run is None or _why_not_open(effect, run):
        effect.state, effect.output = EffectState.DONE, output
        facts.save_effect(effect)
        return ""
    log(facts, run, moment, "effect", "confirmed", effect.step, why=effect.reason)
    _settle_done(facts, run, effect, output, moment)
    return ""


def drop_effect(facts: Facts, effect: Effect, moment: Moment) -> str:
    """Give an effect up; its run ends `failed`. "" if so, else why not."""
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    if effect.state not in _RETRYABLE:
        return f"it is {effect.state.value}"
    effect.state = EffectState.DROPPED
    facts.save_effect(effect)
    if run is not None and run.state is RunState.HELD and run.context.get("acting") == effect.id:
        log(facts, run, moment, "effect", "dropped", effect.step, why=effect.reason)
        finish_run(facts, run, customer, "failed", moment, effect.step)
        drain(facts)
    return ""


def _why_not_open(effect: Effect, run: Run | None) -> str:
    if effect.state not in _RETRYABLE:
        return f"it is {effect.state.value}"
    if run is None or run.state is RunState.ENDED:
        return "its run has ended"
    if run.state is not RunState.HELD or run.context.get("acting") != effect.id:
        return "its run has gone on without it"
    return ""
