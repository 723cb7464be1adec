"""Action steps: store actions commit with the decision, outside actions leave an effect and a run that waits for it."""

from __future__ import annotations

from retain.decide.derive import derive_from_run, set_fields
from retain.decide.facts import HELD_UNTIL, CustomerFacts, Facts, Moment
from retain.decide.failures import fail_step
from retain.decide.release import address_of, release
from retain.decide.runs import end_run, log
from retain.decide.scopes import run_scope
from retain.decide.steps import step_index
from retain.decide.store_view import DecisionView, as_stored
from retain.errors import MissingInputError, RetainError
from retain.instants import HOUR
from retain.language.rules import ActionStep, Rule
from retain.model import Effect, EffectState, Instant, Json, Run, RunState
from retain.registry import Action, EffectResult

_REFUSING_DOMAINS = 3  # within an hour, before the channel is paused


def act(
    facts: Facts, run: Run, rule: Rule, customer: CustomerFacts, step: ActionStep, after: str, moment: Moment
) -> str | None:
    """Carry out an action step; the path that follows, or None while its effect is outside."""
    action = facts.plan.registry.actions.get(step.action)
    if action is None:
        return fail_step(facts, run, step, after, f"no plugin offers {step.action}", moment)
    try:
        inputs = render_inputs(facts, run, customer, step, action, moment)
    except MissingInputError as error:
        return fail_step(facts, run, step, after, f"missing_input: {error.what}", moment)
    if action.apply is not None:
        return _apply(facts, run, customer, step, after, action, inputs, moment)
    run.effects += 1
    effect = Effect(
        id=f"{run.id}.{run.effects}",
        run=run.id,
        rule=run.rule,
        step=step.path,
        customer=customer.id,
        action=action.name,
        channel=action.channel,
        inputs=inputs,
        arm=run.arm,
        state=EffectState.PENDING,
        created_at=moment.at,
        due_at=moment.at,
    )
    run.state = RunState.ACTING
    run.wake_at = None
    run.context["acting"] = effect.id
    facts.save_effect(effect)
    if run.arm == "live" and facts.respond is None:
        return None
    return settle_inline(facts, effect, run, rule, customer, moment)


def render_inputs(
    facts: Facts, run: Run, customer: CustomerFacts, step: ActionStep, action: Action, moment: Moment
) -> dict[str, Json]:
    """The step's inputs with their values, rendered once.

    Raises:
        MissingInputError: a required one has no value.
    """
    inputs = dict(step.inputs.render(run_scope(customer, run, moment)) or {})
    for name in action.inputs.get("required", ()):
        if inputs.get(name) is None:
            raise MissingInputError(
                f"{action.name} needs {name}", where=step.path, cure="give it a value with default(…, …)"
            )
    return inputs


def _apply(
    facts: Facts,
    run: Run,
    customer: CustomerFacts,
    step: ActionStep,
    after: str,
    action: Action,
    inputs: dict[str, Json],
    moment: Moment,
) -> str | None:
    assert action.apply is not None
    view = DecisionView(facts, run, customer, step.path, moment)
    try:
        changes = as_stored(action.apply(view, inputs), action.name)
    except RetainError as error:
        return fail_step(facts, run, step, after, error.what, moment)
    remember(run, step, dict(changes.output))
    log(facts, run, moment, "effect", "applied" if run.arm == "live" else "shadow", step.path, values=inputs)
    facts.performed(run, customer, step.path, action.name, inputs, moment.at)
    set_fields(facts, run, customer, dict(changes.fields), moment)
    if run.arm == "live":
        for record in changes.records:
            facts.records.put(record)
    for new in changes.events:
        derive_from_run(facts, run, customer, new, moment)
    return after


def settle_inline(
    facts: Facts, effect: Effect, run: Run, rule: Rule, customer: CustomerFacts, moment: Moment
) -> str | None:
    """Release and answer an effect at once, without the outside: for shadow runs, `simulate` and tests.

    Returns:
        The path that follows; None where the effect is delayed, or the run has ended or is held.
    """
    step, after = action_step(rule, effect.step)
    action = facts.plan.registry.actions[effect.action]
    verdict = release(facts, effect, run, rule, customer, action, moment)
    if verdict.what == "send":
        mark_sent(facts, effect, run, customer, moment)
        answer = _stand_in(effect, action) if effect.arm != "live" else None
        if answer is None:
            assert facts.respond is not None
            answer = facts.respond(effect, action, moment.at)
            if answer is None:
                return None
        return settle(facts, effect, run, customer, step, after, answer, moment)
    if verdict.what in ("delay", "hold"):
        effect.due_at = verdict.until if verdict.what == "delay" else HELD_UNTIL
        effect.reason = verdict.reason
        facts.save_effect(effect)
        facts.wakes.append((effect.due_at, "effect", effect.id))
        log(facts, run, moment, "effect", "delayed", effect.step, why=verdict.reason)
        return None
    return refuse(facts, effect, run, step, after, verdict.what, verdict.reason, moment)


def action_step(rule: Rule, path: str) -> tuple[ActionStep, str]:
    """The action step at a path and the path that comes after it."""
    stop = step_index(rule)[path]
    assert isinstance(stop.step, ActionStep), f"{path} of {rule.id} is no action"
    return stop.step, stop.after


def mark_sent(facts: Facts, effect: Effect, run: Run, customer: CustomerFacts, moment: Moment) -> None:
    """Claim an effect for sending: caps and at_most count it from now on."""
    effect.state = EffectState.SENDING if effect.arm == "live" else EffectState.SHADOW
    effect.attempt += 1
    effect.sent_at = moment.at
    effect.reason = ""
    if effect.attempt == 1:
        facts.performed(run, customer, effect.step, effect.action, effect.inputs, moment.at)
    if effect.channel:
        customer.sends.append((moment.at, effect.channel, effect.arm))
    if run.first_sent_at is None:
        run.first_sent_at = moment.at
        facts.save(run)
    facts.save_effect(effect)


def unclaim(effect: Effect, customer: CustomerFacts) -> None:
    """Give back the cap's slot of an attempt that did not get through, so that it does not stand in its own way."""
    if effect.sent_at is None:
        return
    sent = (effect.sent_at, effect.channel, effect.arm)
    if sent in customer.sends:
        customer.sends.remove(sent)
    effect.sent_at = None


def refuse(
    facts: Facts, effect: Effect, run: Run, step: ActionStep, after: str, what: str, reason: str, moment: Moment
) -> str | None:
    """A refused effect is not an error: the run goes on, or ends where an exit holds."""
    effect.state = EffectState.REFUSED
    effect.reason = reason
    facts.save_effect(effect)
    log(facts, run, moment, "effect", "refused", effect.step, why=reason)
    run.context.pop("acting", None)
    if what == "end":
        effect.state = EffectState.CANCELLED
        end_run(facts, run, reason, moment, effect.step)
        return None
    remember(run, step, {"refused": reason})
    return after


def settle(
    facts: Facts,
    effect: Effect,
    run: Run,
    customer: CustomerFacts,
    step: ActionStep,
    after: str,
    result: EffectResult,
    moment: Moment,
) -> str | None:
    """What an attempt's result means for the run; the path that follows, or None while it waits or is held."""
    effect.attempt = max(effect.attempt, result.attempt)
    _side_effects(facts, effect, customer, result, moment)
    if result.status == "retry" and result.retry_at is not None:
        effect.reason = result.reason
        effect.first_failed_at = effect.first_failed_at or moment.at
        _send_again(facts, effect, customer, result.retry_at)
        log(facts, run, moment, "effect", "retry", effect.step, why=result.reason)
        return None
    run.context.pop("acting", None)
    if result.status == "in_doubt":
        return _in_doubt(facts, effect, run, customer, step, after, result, moment)
    if result.status in ("dead", "retry"):
        return fail_step(facts, run, step, after, result.reason or "failed", moment, effect)
    if effect.state is not EffectState.SHADOW:
        effect.state = EffectState.DONE
    effect.output = dict(result.output)
    facts.save_effect(effect)
    remember(run, step, dict(result.output))
    log(facts, run, moment, "effect", effect.state.value, effect.step)
    for new in result.events:
        derive_from_run(facts, run, customer, new, moment)
    return after


def _in_doubt(
    facts: Facts,
    effect: Effect,
    run: Run,
    customer: CustomerFacts,
    step: ActionStep,
    after: str,
    result: EffectResult,
    moment: Moment,
) -> str | None:
    policy = facts.plan.registry.actions[effect.action].in_doubt
    effect.reason = result.reason or "no answer"
    log(facts, run, moment, "effect", "in_doubt", effect.step, why=f"{effect.reason}; policy: {policy}")
    if policy == "resend":
        run.context["acting"] = effect.id
        _send_again(facts, effect, customer, moment.at)
        return None
    effect.state = EffectState.IN_DOUBT
    facts.save_effect(effect)
    if policy == "skip":
        remember(run, step, {"in_doubt": True})
        return after
    run.state = RunState.HELD
    run.context["acting"] = effect.id
    facts.save(run)
    return None


def _send_again(facts: Facts, effect: Effect, customer: CustomerFacts, at: Instant) -> None:
    effect.state = EffectState.PENDING
    effect.due_at = at
    unclaim(effect, customer)
    facts.save_effect(effect)
    facts.wakes.append((at, "effect", effect.id))


def _side_effects(facts: Facts, effect: Effect, customer: CustomerFacts, result: EffectResult, moment: Moment) -> None:
    if result.suppress is not None:
        given = result.suppress
        facts.changes.suppressions.append((given.channel, given.address.casefold(), given.reason, moment.at))
        facts.suppress(given.channel, given.address.casefold())
    if result.pause_channel and effect.channel and _is_general(facts, effect, customer, result, moment):
        facts.changes.channel_pauses.append((effect.channel, result.pause_channel, moment.at))


def _is_general(facts: Facts, effect: Effect, customer: CustomerFacts, result: EffectResult, moment: Moment) -> bool:
    """Whether a refusal of the sender concerns the whole channel: our own server says so, or several domains do.

    One hostile domain must not be able to stop everybody's mail.
    """
    if result.status == "retry":
        return True
    address = str(address_of(facts, effect, customer, effect.channel) or "")
    refusals = facts.refusing.setdefault(effect.channel, {})
    refusals[address.rpartition("@")[2].casefold()] = moment.at
    recent = [domain for domain, at in refusals.items() if at > moment.at - HOUR]
    return len(recent) >= _REFUSING_DOMAINS


def _stand_in(effect: Effect, action: Action) -> EffectResult:
    return EffectResult(effect_id=effect.id, status="done", output=action.example.output)


def remember(run: Run, step: ActionStep, output: dict[str, Json]) -> None:
    """Keep a step's output as `steps.ID`."""
    if step.id:
        run.context.setdefault("steps", {})[step.id] = output
