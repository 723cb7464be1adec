"""What people do by hand, and what an edit does to waiting runs: in chunks, each one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from retain.decide.facts import HELD_UNTIL, Facts, Moment
from retain.decide.moving import Moved, move_run
from retain.decide.runs import log
from retain.model import Effect, Instant, Run, RunState
from retain.pipeline.attempt import Failed, attempt
from retain.pipeline.load import load_customers
from retain.pipeline.outbox import Decides, facts_for_effects, insisting

_CHUNK = 500
T = TypeVar("T")


@dataclass(slots=True)
class Migration:
    """How many runs were moved, ended or stayed on their old text, and which could not be moved."""

    counts: Counter[Moved] = field(default_factory=Counter)
    stayed: list[tuple[str, str]] = field(default_factory=list)  # (rule, run id)

    def note(self, rule: str, run: str, what: Moved) -> None:
        """Count one run."""
        self.counts[what] += 1
        if what == "stayed":
            self.stayed.append((rule, run))


def migrate(pipeline: Decides, now: Instant) -> Migration:
    """Let every rule that says `on_change: move` or `exit` have its runs that are pinned to an older text.

    Those of a renamed rule come along from its old id.
    """
    found = Migration()

    def move(facts: Facts, run: Run) -> tuple[str, str, Moved]:
        rule = facts.rule_today(run.rule)
        assert rule is not None, "runs are asked for by the rules there are"
        what = move_run(facts, run, rule, facts.customer(run.customer), Moment.of_timer(now))
        return run.rule, run.id, what

    def stay(facts: Facts, run: Run, reason: str) -> tuple[str, str, Moved]:
        log(facts, run, Moment.of_timer(now), "look", "failed", run.step, why=reason)
        return run.rule, run.id, "stayed"

    for rule in pipeline.plan.rules.values():
        if rule.on_change != "finish":
            names = [rule.id, rule.was] if rule.was else [rule.id]
            runs = [run for name in names for run in pipeline.store.runs_on_other_text(name, rule.revision)]
            for rule_id, run_id, what in with_runs(pipeline, runs, now, move, stay):
                found.note(rule_id, run_id, what)
    return found


def with_runs(
    pipeline: Decides,
    run_ids: Sequence[str],
    now: Instant,
    act: Callable[[Facts, Run], T],
    otherwise: Callable[[Facts, Run, str], T] | None = None,
) -> list[T]:
    """Do something to runs, with all that is known of their customers and the effects that they wait for.

    Args:
        act: done again where another worker was faster, so what it finds is to be returned and not counted.
        otherwise: done instead with a run for which `act` raises, and with what, so that the others go on all the same.

    Returns:
        What was returned for each run when it was committed.

    Raises:
        Exception: what `act` raises, where nothing is to be done instead.
    """

    def instead(run_id: str, reason: str) -> list[T]:
        def told(facts: Facts, run: Run) -> T:
            assert otherwise is not None
            return otherwise(facts, run, reason)

        return insisting(pipeline, partial(_with_runs, pipeline, [run_id], now, told))

    do = partial(_with_runs, pipeline, now=now, act=act)
    return _in_chunks(pipeline, run_ids, do, otherwise and instead)


def _with_runs(pipeline: Decides, run_ids: Sequence[str], now: Instant, act: Callable[[Facts, Run], T]) -> list[T]:
    with pipeline.deciding({run.customer for run in pipeline.store.runs_by_id(run_ids).values()}):
        facts = pipeline.facts()
        found = pipeline.store.runs_by_id(run_ids)
        load_customers(pipeline.store, facts, {run.customer for run in found.values()}, now)
        facts.nobody()
        runs = [facts.customer(run.customer).runs.setdefault(run.id, run) for run in found.values()]
        acting = [run.context["acting"] for run in runs if run.context.get("acting")]
        facts.effects.update({effect.id: effect for effect in pipeline.store.effects_by_id(acting)})
        # Queued runs first: one that ends as well must not begin because another frees its key.
        runs.sort(key=lambda run: (run.state is not RunState.QUEUED, run.started_at, run.started_seq, run.id))
        done = [act(facts, run) for run in runs]
        pipeline.commit(facts)
    return done


def with_effects(
    pipeline: Decides,
    effect_ids: Sequence[str],
    now: Instant,
    act: Callable[[Facts, Effect], T],
    otherwise: Callable[[str, str], T] | None = None,
) -> list[T]:
    """Do something to effects, with all that is known of their runs and customers; see `with_runs`.

    Args:
        otherwise: what is returned of an effect, by its id, for which `act` raises, and with what; it stays as it was.
    """

    def instead(effect_id: str, reason: str) -> list[T]:
        assert otherwise is not None
        return [otherwise(effect_id, reason)]

    do = partial(_with_effects, pipeline, now=now, act=act)
    return _in_chunks(pipeline, effect_ids, do, otherwise and instead)


def _with_effects(
    pipeline: Decides, effect_ids: Sequence[str], now: Instant, act: Callable[[Facts, Effect], T]
) -> list[T]:
    with pipeline.deciding({effect.customer for effect in pipeline.store.effects_by_id(effect_ids)}):
        effects = pipeline.store.effects_by_id(effect_ids)
        facts = facts_for_effects(pipeline, effects, now)
        done = [act(facts, effect) for effect in effects]
        pipeline.commit(facts)
    return done


def wake_held(pipeline: Decides, now: Instant) -> int:
    """Ask again for effects that were held by a pause or for want of a plugin; how many they are."""
    return pipeline.store.wake_held_effects(HELD_UNTIL, now)


def _in_chunks(
    pipeline: Decides,
    ids: Sequence[str],
    do: Callable[[Sequence[str]], list[T]],
    instead: Callable[[str, str], list[T]] | None,
) -> list[T]:
    found = []
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        if instead is None:
            found += insisting(pipeline, partial(do, chunk))
        else:
            found += _one_by_one(pipeline, chunk, do, instead)
    return found


def _one_by_one(
    pipeline: Decides,
    ids: Sequence[str],
    do: Callable[[Sequence[str]], list[T]],
    instead: Callable[[str, str], list[T]],
) -> list[T]:
    """For all at once; where that raises, one by one, and something else for those that raise alone."""
    outcome = attempt(pipeline, partial(insisting, pipeline, partial(do, ids)))
    if not isinstance(outcome, Failed):
        return outcome
    if len(ids) > 1:
        return [found for one in ids for found in _one_by_one(pipeline, [one], do, instead)]
    return instead(ids[0], outcome.reason)
