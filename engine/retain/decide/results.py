"""The outside meets the runs: effects claimed for sending, and what came back."""

from __future__ import annotations

from dataclasses import replace

from retain.decide.actions import action_step, mark_sent, refuse, settle, settle_inline
from retain.decide.advance import go_on
from retain.decide.derive import derive
from retain.decide.events import drain
from retain.decide.facts import HELD_UNTIL, Facts, Moment
from retain.decide.release import release
from retain.decide.runs import in_chain, log
from retain.model import Effect, EffectState, Json, RunState
from retain.registry import ActionRequest, EffectResult


def release_effect(facts: Facts, effect: Effect, moment: Moment) -> ActionRequest | None:
    """Ask whether a due effect may go out; the request for its plugin if so, else None and the reason is kept."""
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    if run is None or run.state is not RunState.ACTING or run.context.get("acting") != effect.id:
        effect.state = EffectState.CANCELLED
        effect.reason = run.ended_by if run is not None else "no run"
        facts.save_effect(effect)
        return None
    rule = facts.rule_of(run)
    if effect.arm != "live":
        go_on(facts, run, customer, settle_inline(facts, effect, run, rule, customer, moment), moment)
        drain(facts)
        return None
    step, after = action_step(rule, effect.step)
    action = facts.plan.registry.actions.get(effect.action)
    if action is None:
        effect.due_at, effect.reason = HELD_UNTIL, f"no plugin offers {effect.action}"
        facts.save_effect(effect)
        return None
    verdict = release(facts, effect, run, rule, customer, action, moment)
    if verdict.what == "send":
        mark_sent(facts, effect, run, customer, moment)
        policy = facts.plan.ruleset.policies.get(action.channel)
        return ActionRequest(
            effect_id=effect.id,
            action=action.name,
            inputs=_copied(effect.inputs),
            attempt=effect.attempt,
            now=moment.at,
            rule=effect.rule,
            run=effect.run,
            step=effect.step,
            customer_id=customer.id,
            customer_key=customer.key,
            customer=_copied(customer.fields),
            event=_copied(run.context.get("event", {})),
            steps=_copied(run.context.get("steps", {})),
            purpose=policy.consent if policy else "",
            config={},
            trigger=_copied(run.context.get("trigger", {})),
            first_failed_at=effect.first_failed_at,
            retry=replace(action.retry, **step.retry) if step.retry else None,
        )
    if verdict.what in ("delay", "hold"):
        effect.due_at = verdict.until if verdict.what == "delay" else HELD_UNTIL
        if effect.reason != verdict.reason:
            log(facts, run, moment, "effect", "delayed", effect.step, why=verdict.reason)
        effect.reason = verdict.reason
        facts.save_effect(effect)
        return None
    following = refuse(facts, effect, run, step, after, verdict.what, verdict.reason, moment)
    go_on(facts, run, customer, following, moment)
    drain(facts)
    return None


def _copied(value: Json) -> Json:
    """A value of the plugin's own: what it does to it must not reach the runs and customers that stay in memory."""
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def take_result(facts: Facts, effect: Effect, result: EffectResult, moment: Moment) -> None:
    """Record an attempt's result and let its run go on.

    A run that has ended meanwhile keeps the result and its events, and does not move. What is in doubt is so no more
    where the answer comes late, from a worker that was taken for lost.
    """
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    waiting = RunState.ACTING
    if effect.state is EffectState.IN_DOUBT and result.status != "in_doubt":
        waiting = RunState.HELD
    elif effect.state is not EffectState.SENDING:
        return
    if run is None or run.state is not waiting or run.context.get("acting") != effect.id:
        _record_only(facts, effect, result, moment)
    else:
        run.state = RunState.ACTING
        step, after = action_step(facts.rule_of(run), effect.step)
        following = settle(facts, effect, run, customer, step, after, result, moment)
        go_on(facts, run, customer, following, moment)
    drain(facts)


def _record_only(facts: Facts, effect: Effect, result: EffectResult, moment: Moment) -> None:
    customer = facts.customer(effect.customer)
    run = customer.runs.get(effect.run)
    effect.reason = result.reason
    effect.output = dict(result.output)
    effect.state = {
        "done": EffectState.DONE,
        "in_doubt": EffectState.IN_DOUBT,
    }.get(result.status, EffectState.DEAD)
    if result.status == "retry":
        has_ended = run is None or run.state is RunState.ENDED
        effect.state = EffectState.CANCELLED
        effect.reason = "the run has ended" if has_ended else "the run has gone on without it"
    facts.save_effect(effect)
    chain = in_chain(run, moment) if run is not None else moment
    for number, new in enumerate(result.events):
        derive(facts, customer, new, chain, effect.id, number)
