"""What people do with runs, effects and events that went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from retain.app.commands.desk import Desk
from retain.decide import operations
from retain.decide.facts import Facts, Moment
from retain.errors import NotFoundError
from retain.model import Effect, Fields, Instant, Json, Run
from retain.pipeline.attempt import Failed, attempt
from retain.pipeline.operating import with_effects, with_runs

_MOST_EVENTS = 10_000


def stop_run(desk: Desk, *, by: str, run: str, reason: str = "") -> Json:
    """End a run; its effects that are not yet claimed are cancelled. `stopped` is False where it had ended already."""
    now = desk.now()

    def stop(facts: Facts, found: Run) -> bool:
        return operations.stop_run(facts, found, "stopped", Moment.of_timer(now))

    if not desk.store.run_ids_exist([run]):
        raise NotFoundError("run", run)
    stopped = with_runs(desk.pipeline, [run], now, stop)
    desk.audit(by, "stop_run", run=run, reason=reason)
    return {"run": run, "stopped": any(stopped)}


def retry_runs(desk: Desk, *, by: str, ids: Sequence[str]) -> Json:
    """Let runs try again that are held because deciding about them raised; they are woken at once."""
    now = desk.now()
    refused: dict[str, Json] = {}

    def retry(facts: Facts, found: Run) -> str:
        return operations.retry_run(facts, found, Moment.of_timer(now))

    known = desk.store.run_ids_exist(ids)
    refused.update({run_id: "there is no such run" for run_id in ids if run_id not in known})
    for run_id in sorted(known):
        outcome = attempt(desk.pipeline, partial(with_runs, desk.pipeline, [run_id], now, retry))
        why = f"it raises again: {outcome.reason}" if isinstance(outcome, Failed) else "".join(outcome)
        if why:
            refused[run_id] = why
    desk.audit(by, "retry_runs", ids=list(ids), refused=refused)
    return {"retried": len(set(ids)) - len(refused), "refused": refused}


def retry_effects(desk: Desk, *, by: str, ids: Sequence[str]) -> Json:
    """Try dead letters and effects in doubt again, with all checks of a release."""
    return _effects(desk, by, "retry_effects", "retried", ids, operations.retry_effect)


def confirm_effects(desk: Desk, *, by: str, ids: Sequence[str], output: Fields | None = None) -> Json:
    """Take effects in doubt for done, because a person has looked; the runs that wait for them go on.

    Args:
        output: what the action would have given, for steps that read it.
    """
    actions = desk.pipeline.plan.registry.actions

    def confirm(facts: Facts, effect: Effect, moment: Moment) -> str:
        declared = actions[effect.action].output.get("properties", {}) if effect.action in actions else {}
        unknown = [name for name in output or {} if name not in declared]
        if unknown:
            return f"{effect.action} gives no {', '.join(unknown)}"
        return operations.confirm_effect(facts, effect, {**(output or {})}, moment)

    return _effects(desk, by, "confirm_effects", "confirmed", ids, confirm)


def drop_effects(desk: Desk, *, by: str, ids: Sequence[str]) -> Json:
    """Give effects up; the runs that wait for them end `failed`."""
    return _effects(desk, by, "drop_effects", "dropped", ids, operations.drop_effect)


def retry_events(desk: Desk, *, by: str, seqs: Sequence[int] = ()) -> Json:
    """Decide quarantined events again, these or all; they go to the end of the order."""
    wanted = list(seqs) or [failed.event.seq for failed in desk.store.failed_events(_MOST_EVENTS)]
    places = desk.store.retry_failed(wanted, desk.now()) if wanted else {}
    desk.audit(by, "retry_events", seqs=wanted)
    return {"retried": len(places), "places": {str(seq): place for seq, place in places.items()}}


def drop_events(desk: Desk, *, by: str, seqs: Sequence[int]) -> Json:
    """Give quarantined events up; customers whom they made come into being all the same."""
    told = {failed.event.seq: failed for failed in desk.store.failed_events(_MOST_EVENTS)}
    places = desk.store.drop_failed(seqs, desk.now())
    what = [
        {"seq": seq, "name": told[seq].event.name, "id": told[seq].event.cause, "reason": told[seq].reason}
        for seq in seqs
        if seq in told
    ]
    desk.audit(by, "drop_events", events=what)
    return {"dropped": len(places), "places": {str(seq): place for seq, place in places.items()}}


def _effects(
    desk: Desk,
    by: str,
    command: str,
    done: str,
    ids: Sequence[str],
    act: Callable[[Facts, Effect, Moment], str],
) -> Json:
    now: Instant = desk.now()

    def once(facts: Facts, effect: Effect) -> tuple[str, str]:
        return effect.id, act(facts, effect, Moment.of_timer(now))

    def as_it_was(effect_id: str, reason: str) -> tuple[str, str]:
        return effect_id, f"what follows raises: {reason}"

    known = {effect.id for effect in desk.store.effects_by_id(ids)}
    refused: dict[str, Json] = {effect_id: "there is no such effect" for effect_id in ids if effect_id not in known}
    told = with_effects(desk.pipeline, sorted(known), now, once, as_it_was)
    refused |= {effect_id: why for effect_id, why in told if why}
    desk.audit(by, command, ids=list(ids), refused=refused)
    return {done: sum(not why for _, why in told), "refused": refused}
