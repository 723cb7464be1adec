"""A step that failed: stop into the dead letters, go on, or take the steps that the rule names for it."""

from __future__ import annotations

from retain.decide.facts import Facts, Moment
from retain.decide.runs import log
from retain.decide.steps import first
from retain.language.rules import ActionStep, Step
from retain.model import Effect, EffectState, Run, RunState


def fail_step(
    facts: Facts, run: Run, step: Step, after: str, reason: str, moment: Moment, effect: Effect | None = None
) -> str | None:
    """Where the run goes on after a failure; None where it is held at a dead letter.

    A failure before there was an effect leaves a dead one behind, so that it is listed and can be retried.
    """
    if step.id:
        run.context.setdefault("steps", {})[step.id] = {"error": reason}
    facts.visit(run.rule, f"{step.path}:error")
    log(facts, run, moment, "effect", "failed", step.path, why=reason)
    on_error = step.on_error if isinstance(step, ActionStep) else "stop"
    if effect is None:
        effect = dead_letter(run, step, moment)
    effect.state = EffectState.DEAD
    effect.reason = reason
    facts.save_effect(effect)
    if on_error == "continue":
        return after
    if on_error == "steps" and isinstance(step, ActionStep):
        return first(step.error_steps, after)
    run.state = RunState.HELD
    run.wake_at = None
    run.context["acting"] = effect.id
    facts.save(run)
    return None


def dead_letter(run: Run, step: Step, moment: Moment) -> Effect:
    """An effect for a step that failed before it could make one."""
    run.effects += 1
    return Effect(
        id=f"{run.id}.{run.effects}",
        run=run.id,
        rule=run.rule,
        step=step.path,
        customer=run.customer,
        action=step.action if isinstance(step, ActionStep) else "",
        channel="",
        inputs={},
        arm=run.arm,
        state=EffectState.DEAD,
        created_at=moment.at,
        due_at=moment.at,
    )
