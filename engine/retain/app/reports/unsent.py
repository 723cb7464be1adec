"""Why a run has not done something: refused, held, cancelled, failed, or a step that it never came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from retain.app.reports.words import WORDS
from retain.decide.facts import HELD_UNTIL
from retain.decide.steps import step_index
from retain.instants import format_instant
from retain.language.rules import ActionStep, Rule
from retain.model import Effect, EffectState, Run, RunState
from retain.store.store import Store

_ALL = 10_000
_REASONS = dict(WORDS["reason of a refused effect"])
_DONE = frozenset({EffectState.DONE, EffectState.SENDING})


@dataclass(frozen=True, slots=True)
class Unsent:
    """One action that was not carried out, and why."""

    step: str
    action: str
    why: str


def unsent_of(store: Store, rule: Rule, run: Run, effects: Sequence[Effect], zone: tzinfo) -> Iterator[Unsent]:
    """Everything that a run was to do and has not done, by step."""
    for effect in effects:
        if effect.state not in _DONE:
            yield Unsent(effect.step, effect.action, _of_effect(effect, run, zone))
    rows = store.decisions_of(customer=run.customer, rule=run.rule, since=run.started_at, limit=_ALL)
    reached = {row.path for row in rows if row.run == run.id and row.kind == "effect"}
    reached |= {effect.step for effect in effects}
    for path, stop in step_index(rule).items():
        if isinstance(stop.step, ActionStep) and path not in reached:
            yield Unsent(path, stop.step.action, _of_step(run, path, zone))


def _of_effect(effect: Effect, run: Run, zone: tzinfo) -> str:
    reason = effect.reason
    match effect.state:
        case EffectState.REFUSED:
            return f"refused for {reason}: {_REASONS.get(reason, 'a plugin said no')}"
        case EffectState.PENDING if effect.due_at >= HELD_UNTIL:
            return f"held: {reason or 'something is paused'}; goes out after retain resume"
        case EffectState.PENDING if effect.attempt:
            return f"failed ({reason}), tried again at {format_instant(effect.due_at, zone)}"
        case EffectState.PENDING:
            why = f" for {reason}" if reason else ""
            return f"waits{why} until {format_instant(effect.due_at, zone)}"
        case EffectState.CANCELLED:
            return f"cancelled before it was sent: the run was ended by {reason or run.ended_by}"
        case EffectState.DEAD:
            return f"failed for good: {reason or 'no reason was given'}; retain effects retry {effect.id}"
        case EffectState.IN_DOUBT:
            return f"in doubt: {reason or 'no answer'}; retain effects confirm {effect.id}, retry or drop"
        case EffectState.SHADOW:
            return f"only decided: the run is a {run.arm} run"
        case _:
            return f"{effect.state.value}{f': {reason}' if reason else ''}"


def _of_step(run: Run, path: str, zone: tzinfo) -> str:
    """Why a run has not come to a step."""
    if run.state in (RunState.ENDED, RunState.WATCHED):
        by = run.ended_by
        return "the run took another way" if by in ("done", "stop") else f"the run was ended by {by} before"
    if run.state is RunState.PARKED:
        return "the rule was paused when the run was to start; retain resume starts it"
    if run.state is RunState.QUEUED:
        return "the run waits for another one of its key to end"
    if run.state is RunState.HELD:
        return f"the run is held at {run.step}"
    until = f" until {format_instant(run.wake_at, zone)}" if run.wake_at is not None else ""
    return f"not yet: the run waits at {run.step}{until}"
