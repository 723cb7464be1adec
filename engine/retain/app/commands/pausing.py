"""Pause and resume: everything, one rule, or one channel; it holds across restarts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from retain.app.commands.desk import Desk
from retain.decide.facts import Facts, Moment
from retain.decide.operations import hold_run, release_parked, stop_run
from retain.errors import AdminError, NotFoundError
from retain.instants import format_instant
from retain.model import Instant, Json, Run, RunState
from retain.pipeline.operating import wake_held, with_runs
from retain.store.rows import Batch, PauseRow

Scope: TypeAlias = Literal["all", "rule", "channel"]
_ALL_RUNS = 1 << 31


def pause(desk: Desk, *, by: str, scope: Scope, name: str = "", reason: str = "") -> Json:
    """Hold timers and effects; events are still decided, and what would start is parked.

    Returns:
        `paused` is False where it was paused already.
    """
    _check(desk, scope, name)
    known = any((row.scope, row.name) == (scope, name) for row in desk.store.pauses())
    row = PauseRow(scope, name, True, reason or f"paused by {by}", by, desk.now())
    desk.store.commit(Batch(pauses=[row]))
    desk.pipeline.refresh()
    desk.audit(by, "pause", scope=scope, name=name, reason=reason)
    return {"scope": scope, "name": name, "paused": not known}


def resume(
    desk: Desk, *, by: str, scope: Scope, name: str = "", parked: Literal["release", "drop"] = "release"
) -> Json:
    """Go on; runs that were parked meanwhile start now, or are dropped. A rule that was renamed goes on by both names.

    Returns:
        `resumed`: whether it was paused; `released`: parked runs that started; `dropped`: those that did not, with the
        reason; `held`: those that raised when they started, each with what; `effects`: how many held effects are due
        again; `still_paused`: what else holds something.
    """
    if parked not in ("release", "drop"):
        raise AdminError(f"parked runs cannot be {parked!r}", cure="say release or drop")
    _check(desk, scope, name)
    before = {(row.scope, row.name) for row in desk.store.pauses()}
    now = desk.now()
    names = _names_of(desk, name) if scope == "rule" else [name]
    left = before - {(scope, which) for which in names}
    rules = _going_again(desk, scope, names, left)
    desk.pipeline.reset_breakers(rules, now)  # before another worker sees that the rule goes on
    desk.store.commit(Batch(pauses=[PauseRow(scope, which, False, "", by, now) for which in names]))
    desk.pipeline.refresh()
    outcome = _unpark(desk, rules, now, drop=parked == "drop")
    effects = wake_held(desk.pipeline, now)
    desk.audit(by, "resume", scope=scope, name=name, parked=parked, released=outcome.released)
    return {
        "scope": scope,
        "name": name,
        "resumed": left != before,
        "released": outcome.released,
        "dropped": outcome.dropped,
        "held": outcome.held,
        "effects": effects,
        "still_paused": [{"scope": kind, "name": which} for kind, which in sorted(left)],
    }


@dataclass(slots=True)
class _Unparked:
    released: int = 0
    dropped: list[Json] = field(default_factory=list)
    held: list[Json] = field(default_factory=list)


def _names_of(desk: Desk, name: str) -> list[str]:
    """A rule's id, and the one before it was renamed."""
    rules = desk.pipeline.plan.rules.values()
    return next(([rule.id, rule.was] for rule in rules if rule.was and name in (rule.id, rule.was)), [name])


def _going_again(desk: Desk, scope: Scope, names: list[str], left: Collection[tuple[str, str]]) -> list[str]:
    """The rules that are not paused any more: those there are, and those that are gone but for their parked runs."""
    if scope == "channel" or ("all", "") in left:
        return []
    rules = names if scope == "rule" else [*desk.pipeline.plan.rules, *desk.store.parked_rules()]
    paused = {which for kind, which in left if kind == "rule"}
    return [rule for rule in dict.fromkeys(rules) if paused.isdisjoint(_names_of(desk, rule))]


def _unpark(desk: Desk, rules: list[str], now: Instant, *, drop: bool) -> _Unparked:
    def unpark(facts: Facts, run: Run) -> Json:
        moment = Moment.of_timer(now)
        since = format_instant(run.started_at)
        if drop:
            became = "dropped" if stop_run(facts, run, "dropped", moment) else run.ended_by
        else:
            became = release_parked(facts, run, moment)
        return {"run": run.id, "rule": run.rule, "since": since, "reason": became}

    def keep(facts: Facts, run: Run, reason: str) -> Json:
        hold_run(facts, run, reason, Moment.of_timer(now))
        return {"run": run.id, "rule": run.rule, "since": format_instant(run.started_at), "held": reason}

    outcome = _Unparked()
    for rule in rules:
        runs = desk.store.list_runs(rule=rule, states=[RunState.PARKED], limit=_ALL_RUNS)
        for told in with_runs(desk.pipeline, [run.id for run in reversed(runs)], now, unpark, keep):
            if "held" in told:
                outcome.held.append(told)
            elif told["reason"] == "started":
                outcome.released += 1
            else:
                outcome.dropped.append(told)
    return outcome


def _check(desk: Desk, scope: str, name: str) -> None:
    known: Collection[str]
    if scope == "all":
        if name:
            raise AdminError("all takes no name")
        return
    if scope == "rule":
        known = {*desk.pipeline.plan.rules, *desk.project.ruleset.disabled, *desk.store.parked_rules()}
    elif scope == "channel":
        known = desk.project.registry.channels
    else:
        raise AdminError(f"{scope!r} cannot be paused", cure="say all, rule or channel")
    paused = {row.name for row in desk.store.pauses() if row.scope == scope}
    if name not in known and name not in paused:
        raise NotFoundError(scope, name, known)
