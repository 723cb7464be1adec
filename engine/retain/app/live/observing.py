"""Tells plugins what has happened, once it is written, and counts it."""

from __future__ import annotations

from retain.app.live.counters import Counters
from retain.decide.facts import Changes
from retain.deliver.hooks import Hooks
from retain.model import Effect, EffectState, Outcome
from retain.registry import ActionResult

_FINISHED = (EffectState.DONE, EffectState.DEAD, EffectState.REFUSED, EffectState.IN_DOUBT)


class Observers:
    """The observers of all plugins, and the counts of what they are told."""

    def __init__(self, hooks: Hooks, stats: Counters) -> None:
        self._hooks = hooks
        self._stats = stats

    def committed(self, changes: Changes) -> None:
        """The changes of one batch are written."""
        for row in changes.decisions:
            run = changes.runs.get(row.run)
            if run is None:
                continue
            if row.kind == "start" and row.outcome == Outcome.STARTED:
                self._stats.started[row.rule] += 1
                self._hooks.notify("run_started", run=run)
            elif row.kind == "end":
                self._stats.ended[row.rule, row.outcome] += 1
                self._hooks.notify("run_finished", run=run)
        for effect in changes.effects.values():
            self._stats.effects[effect.action, effect.state.value] += 1
            if effect.state in _FINISHED:
                self._hooks.notify("effect_finished", effect=effect, result=_result_of(effect))


def _result_of(effect: Effect) -> ActionResult | None:
    return ActionResult(output=effect.output) if effect.state is EffectState.DONE else None
