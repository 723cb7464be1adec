"""Just before an effect is sent, in the transaction that claims it, and again after every delay.

paused → exit_when → at_most → consent and suppression → caps → quiet hours → plugins' veto → send
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from retain.decide.awaited import level_that_ends, lookup
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import at_most_reached
from retain.language.rules import Policy, Rule
from retain.language.time.schedules import until_open
from retain.model import Effect, Instant, Json, Run
from retain.registry import Action


@dataclass(frozen=True, slots=True)
class Release:
    """What may be done with a due effect."""

    what: Literal["send", "delay", "refuse", "end", "hold"]
    reason: str = ""
    until: Instant = 0  # for delay


SEND = Release("send")


def release(
    facts: Facts, effect: Effect, run: Run, rule: Rule, customer: CustomerFacts, action: Action, moment: Moment
) -> Release:
    """Send, delay until an instant, refuse with a reason, end the run, or hold while something is paused."""
    pause = pause_of(facts, effect)
    if pause and effect.arm == "live":
        return Release("hold", pause)
    ended_by, _ = level_that_ends(rule, run, customer, moment)
    if ended_by:
        return Release("end", ended_by)
    if run.first_sent_at is None and at_most_reached(rule, customer, run.key, run.arm, moment.at, but=run.id):
        return Release("refuse", "at_most")
    if action.channel:
        message = _message(facts, effect, customer, action, moment)
        if message.what != "send":
            return message
    return _veto(facts, effect, customer, moment)


def pause_of(facts: Facts, effect: Effect) -> str:
    """Why this effect must not go out now; "" where nothing is paused. A rule that is off counts as paused."""
    reason = facts.pause_reason(effect.rule)
    if not reason and effect.channel:
        reason = facts.paused.get(("channel", effect.channel), "")
    current = facts.rule_today(effect.rule)
    if not reason and current is not None and current.status == "off":
        return "the rule is off"
    return reason


def _message(facts: Facts, effect: Effect, customer: CustomerFacts, action: Action, moment: Moment) -> Release:
    policy = facts.plan.ruleset.policies.get(action.channel)
    if policy is None:
        return Release("refuse", "no_policy")
    refusal = _may_write(facts, effect, customer, action, policy)
    if refusal:
        return Release("refuse", refusal)
    if _cap_is_reached(policy, effect, customer, moment.at):
        return Release("refuse", "cap")
    if policy.quiet is not None:
        until = until_open(policy.quiet.start, policy.quiet.end, moment.at, customer.zone)
        if until is not None:
            return Release("delay", "quiet_hours", until)
    return SEND


def _may_write(facts: Facts, effect: Effect, customer: CustomerFacts, action: Action, policy: Policy) -> str:
    address = address_of(facts, effect, customer, action.channel)
    if not isinstance(address, str) or not address:
        return "no_address"
    if policy.consent:
        granted = customer.consents.get(policy.consent)
        if granted is False or (granted is None and policy.unknown == "refuse"):
            return "consent"
    if address.casefold() in facts.suppressed.get(action.channel, ()):
        return "suppressed"
    if facts.only_to is not None and not facts.only_to(action.channel, address):
        return "only_to"
    return ""


def address_of(facts: Facts, effect: Effect, customer: CustomerFacts, channel: str) -> Json:
    """Where a message goes: the step's own `to`, else the customer's address on that channel as it is now."""
    known = facts.plan.registry.channels.get(channel)
    return effect.inputs.get("to") or (lookup(customer.fields, known.address_field) if known else None)


def _cap_is_reached(policy: Policy, effect: Effect, customer: CustomerFacts, at: Instant) -> bool:
    live = effect.arm == "live"
    for cap in policy.caps:
        counted = sum(
            1
            for sent_at, channel, arm in customer.sends
            if channel == policy.channel and (arm == "live") == live and sent_at >= at - cap.per
        )
        if counted >= cap.count:
            return True
    return False


def _veto(facts: Facts, effect: Effect, customer: CustomerFacts, moment: Moment) -> Release:
    if facts.before_effect is None:
        return SEND
    veto = facts.before_effect(effect, customer.fields, moment.at)
    if veto is None:
        return SEND
    if veto.until is not None:
        return Release("delay", veto.reason, veto.until)
    return Release("refuse", veto.reason)
