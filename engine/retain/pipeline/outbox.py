"""Where decisions meet the outside: effects are claimed for sending, and their results move the runs on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from retain.decide.derive import cut_row, event_of, too_deep
from retain.decide.facts import Facts, Moment
from retain.decide.operations import hold
from retain.decide.results import release_effect, take_result
from retain.decide.runs import in_chain
from retain.errors import StoreConflictError, StoreError
from retain.language.plan import Plan
from retain.model import DecisionRow, Effect, EffectState, Instant, RunState
from retain.pipeline.attempt import Failed, attempt
from retain.pipeline.load import load_customers
from retain.pipeline.options import Options
from retain.registry import ActionRequest, EffectResult
from retain.store.rows import Batch, SuppressionRow
from retain.store.store import Store

T = TypeVar("T")
EffectAttempt: TypeAlias = tuple[str, int]  # which effect, and the how manieth attempt
_ATTEMPTS = 6
_STATE_OF = {"done": EffectState.DONE, "in_doubt": EffectState.IN_DOUBT}


class Decides(Protocol):
    """What is needed of the pipeline."""

    store: Store
    plan: Plan
    options: Options

    def facts(self) -> Facts: ...
    def commit(self, facts: Facts, watermark: int | None = None, batch: Batch | None = None) -> None: ...
    def refresh(self) -> None: ...
    def deciding(self, customers: Collection[int]) -> AbstractContextManager[None]: ...
    def give_way(self) -> None: ...


def release(pipeline: Decides, now: Instant, slots: Mapping[str, int], total: int) -> list[ActionRequest]:
    """Claim due effects; what cannot be decided is put aside alone (see `Pipeline.release`)."""
    full = [action for action, free in slots.items() if free <= 0]
    due = pipeline.store.due_effects(now, total, exclude=full) if total > 0 else []
    effects = _claimable(pipeline.store, due, slots)
    released: list[ActionRequest] = []
    try:
        for part, failed in _guarded(pipeline, effects, lambda part: released.extend(_release(pipeline, part, now))):
            put_aside(pipeline, part, failed, now, EffectState.PENDING)
    except StoreError:
        if not released:
            raise
        # What is claimed goes out, because nobody would claim it again; the others are asked for the next time.
    return released


def finish(pipeline: Decides, results: Sequence[EffectResult], now: Instant) -> None:
    """Take results; where what follows from one cannot be decided, its run is held and the result is kept.

    Its events are decided by themselves then, each in its own turn.
    """
    by_id = {result.effect_id: result for result in sorted(results, key=lambda one: one.attempt)}  # the newest counts
    ids = list(by_id)
    for part, failed in insisting(pipeline, lambda: _finish_all(pipeline, ids, by_id, now)):
        result = by_id[part.id]
        part.output = dict(result.output)
        put_aside(pipeline, part, failed, now, _STATE_OF.get(result.status, EffectState.DEAD), result)


def _finish_all(
    pipeline: Decides, ids: Sequence[str], by_id: Mapping[str, EffectResult], now: Instant
) -> list[tuple[Effect, Failed]]:
    effects = pipeline.store.effects_by_id(ids)
    return _guarded(pipeline, effects, lambda part: _finish(pipeline, part, by_id, now))


def recover(
    pipeline: Decides, now: Instant, among: Collection[int] | None = None, *, besides: Collection[EffectAttempt] = ()
) -> int:
    """Effects that were being sent when the last process ended are in doubt; their action's policy decides.

    Args:
        among: the partitions that were taken over from another worker; None = everything.
        besides: attempts that are under way here.
    """
    effects = pipeline.store.in_doubt_on_start(among)
    reason = "the process ended between the send and its result"
    results = [
        EffectResult(effect_id=effect.id, status="in_doubt", attempt=effect.attempt, reason=reason)
        for effect in effects
        if (effect.id, effect.attempt) not in besides
    ]
    if results:
        finish(pipeline, results, now)
    return len(results)


def facts_for_effects(pipeline: Decides, effects: Iterable[Effect], now: Instant) -> Facts:
    """The working set for deciding about these effects: their customers, their runs."""
    effects = list(effects)
    facts = pipeline.facts()
    load_customers(pipeline.store, facts, {effect.customer for effect in effects}, now)
    facts.nobody()
    missing = [effect.run for effect in effects if effect.run not in facts.customer(effect.customer).runs]
    for run in pipeline.store.runs_by_id(missing).values() if missing else ():
        facts.customer(run.customer).runs[run.id] = run
    facts.effects.update({effect.id: effect for effect in effects})
    _load_suppressed(pipeline.store, facts, effects)
    return facts


def _load_suppressed(store: Store, facts: Facts, effects: Sequence[Effect]) -> None:
    """Suppressions of the addresses that steps name themselves; those of the customers are loaded with them."""
    named: dict[str, set[str]] = {}
    for effect in effects:
        address = effect.inputs.get("to")
        if effect.channel and isinstance(address, str):
            named.setdefault(effect.channel, set()).add(address.casefold())
    for channel, addresses in named.items():
        facts.suppressed.setdefault(channel, set()).update(store.suppressed(channel, sorted(addresses)))


def _guarded(
    pipeline: Decides, effects: Sequence[Effect], act: Callable[[Sequence[Effect]], None]
) -> list[tuple[Effect, Failed]]:
    """Do it for all at once; where that raises, one by one, and hand back those that raise alone."""
    if not effects:
        return []
    outcome = attempt(pipeline, partial(act, effects))
    if not isinstance(outcome, Failed):
        return []
    fresh = pipeline.store.effects_by_id([effect.id for effect in effects])
    if outcome.is_repeated:
        return _guarded(pipeline, fresh, act)
    if len(effects) == 1:
        return [(effects[0], outcome)]
    return [found for effect in fresh for found in _guarded(pipeline, [effect], act)]


def insisting(pipeline: Decides, do: Callable[[], T], attempts: int = _ATTEMPTS) -> T:
    """Do what must not be lost, again where another worker was faster or a start turned out to be a repetition."""
    try:
        outcome = attempt(pipeline, do)
    except StoreConflictError:
        if attempts == 1:
            raise
        pipeline.give_way()
        return insisting(pipeline, do, attempts - 1)
    if not isinstance(outcome, Failed):
        return outcome
    if attempts == 1 or not outcome.is_repeated:
        raise outcome.error
    return insisting(pipeline, do, attempts - 1)


def _release(pipeline: Decides, effects: Sequence[Effect], now: Instant) -> list[ActionRequest]:
    with pipeline.deciding({effect.customer for effect in effects}):
        return _release_all(pipeline, _as_of_now(pipeline, effects), now)


def _as_of_now(pipeline: Decides, effects: Sequence[Effect]) -> Sequence[Effect]:
    """The effects as they are once other workers are kept out."""
    if not pipeline.store.in_transaction:
        return effects
    fresh = {effect.id: effect for effect in pipeline.store.effects_by_id([effect.id for effect in effects])}
    return [fresh[effect.id] for effect in effects]


def _release_all(pipeline: Decides, effects: Sequence[Effect], now: Instant) -> list[ActionRequest]:
    facts = facts_for_effects(pipeline, effects, now)
    moment = Moment.of_timer(now)
    requests = []
    for effect in effects:
        if pipeline.options.guard is not None:
            pipeline.options.guard.begin(f"effect:{effect.id}")
        requests.append(release_effect(facts, effect, moment))
    _commit(pipeline, facts)
    return [request for request in requests if request is not None]


def _finish(pipeline: Decides, effects: Sequence[Effect], by_id: Mapping[str, EffectResult], now: Instant) -> None:
    with pipeline.deciding({effect.customer for effect in effects}):
        _finish_together(pipeline, _as_of_now(pipeline, effects), by_id, now)


def _finish_together(
    pipeline: Decides, effects: Sequence[Effect], by_id: Mapping[str, EffectResult], now: Instant
) -> None:
    facts = facts_for_effects(pipeline, effects, now)
    moment = Moment.of_timer(now)
    for effect in effects:
        if by_id[effect.id].attempt < effect.attempt:
            continue  # of a worker that was taken for lost: a later attempt is under way, and its result counts
        if pipeline.options.guard is not None:
            pipeline.options.guard.begin(f"effect:{effect.id}")
        take_result(facts, effect, by_id[effect.id], moment)
    _commit(pipeline, facts)


def _commit(pipeline: Decides, facts: Facts) -> None:
    if pipeline.options.guard is not None:
        pipeline.options.guard.end()
    pipeline.commit(facts)


def _claimable(store: Store, effects: Sequence[Effect], slots: Mapping[str, int]) -> list[Effect]:
    """Within the free slots, and of customers all of whose accepted events are decided."""
    behind = store.undecided_customers() if effects and store.has_undecided() else set()
    left = dict(slots)
    found = []
    for effect in effects:
        if effect.customer in behind or left.get(effect.action, 1) <= 0:
            continue
        left[effect.action] = left.get(effect.action, 1) - 1
        found.append(effect)
    return found


def put_aside(
    pipeline: Decides,
    effect: Effect,
    failed: Failed,
    now: Instant,
    state: EffectState,
    result: EffectResult | None = None,
) -> None:
    """Keep what is known of an effect whose decision raises; its run is held, everything else goes on."""

    def keep() -> None:
        (known,) = pipeline.store.effects_by_id([effect.id])
        with pipeline.deciding({known.customer}):  # who may be another worker's since a merge
            _keep_aside(pipeline, effect, failed.reason, now, state, result)

    insisting(pipeline, keep)


def _keep_aside(
    pipeline: Decides, effect: Effect, reason: str, now: Instant, state: EffectState, result: EffectResult | None
) -> None:
    (stored,) = pipeline.store.effects_by_id([effect.id])
    stored.state, stored.reason = state, reason
    if state is EffectState.PENDING:
        stored.state = EffectState.DEAD
    else:
        stored.output = effect.output
    batch = Batch(effects=[stored])
    run = pipeline.store.runs_by_id([effect.run]).get(effect.run)
    if run is not None and run.state is not RunState.ENDED:
        hold(run, reason)
        batch.runs = [run]
    if result is not None:
        chain = in_chain(run, Moment.of_timer(now)) if run is not None else Moment.of_timer(now)
        _keep_report(batch, stored, result, chain, pipeline.plan.defaults.max_depth)
    batch.decisions.append(
        DecisionRow(
            at=now,
            event_seq=0,
            rule=effect.rule,
            customer=effect.customer,
            run=effect.run,
            kind="effect",
            outcome="failed",
            path=effect.step,
            why=reason,
        )
    )
    pipeline.store.commit(batch)


def _keep_report(batch: Batch, effect: Effect, result: EffectResult, chain: Moment, max_depth: int) -> None:
    """Let the events of a result be decided, each in its own turn, as far as their chain may go on."""
    cut = too_deep(chain, max_depth)
    for number, new in enumerate(result.events):
        if cut:
            batch.decisions.append(cut_row(cut, new, effect.customer, chain, effect.id))
        else:
            batch.posted.append(event_of(new, effect.customer, chain, effect.id, number, -1 - number))
    if (given := result.suppress) is not None:
        batch.suppressions = [SuppressionRow(given.channel, given.address.casefold(), given.reason, chain.at)]
