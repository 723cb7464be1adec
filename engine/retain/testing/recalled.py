"""What runs of a rule did to a customer, as the steps of a test expect it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from retain.decide.steps import step_index
from retain.instants import SECOND, format_duration
from retain.language.rules import ActionStep, Rule
from retain.model import DecisionRow, Effect, EffectState, Instant, Json, Run
from retain.registry import Registry
from retain.store.store import Store

_ALL = 100_000


class Recalled(NamedTuple):
    """One thing that came of a run: an action that was performed, or one that was refused."""

    at: Instant
    key: str  # of a test's step: expect or refused
    item: Json


@dataclass(slots=True)
class Recollection:
    """What runs of a rule for one customer did until an instant.

    Args:
        runs: those that a test of the same events starts too.
    """

    store: Store
    registry: Registry
    rule: Rule
    customer: int
    runs: Sequence[Run]
    until: Instant
    effects: dict[str, list[Effect]] = field(init=False)

    def __post_init__(self) -> None:
        self.effects = {run.id: self.store.list_effects(run=run.id, limit=_ALL) for run in self.runs}

    def results(self) -> dict[str, Json]:
        """What outside actions really answered, attempt by attempt, where a later step or the end depends on it."""
        found: dict[str, list[Json]] = {}
        rows = self._log()
        attempts = [one for effect in self._sent(rows) for one in self._attempts(effect, rows)]
        for _, action, answer in sorted(attempts, key=itemgetter(0)):
            found.setdefault(action, []).append(answer)
        uneventful = all(answer == {"status": "done"} for answers in found.values() for answer in answers)
        return {} if uneventful else dict(found)

    def _attempts(self, effect: Effect, rows: Sequence[DecisionRow]) -> Iterator[tuple[Instant, str, Json]]:
        """When each attempt was over, and its answer; the last one's is in the effect itself."""
        failed = [row for row in _of_effect(effect, rows) if self._is_tried_again(effect, row)]
        again = [*(row.at for row in failed[1:]), effect.sent_at or effect.due_at]
        for row, at in zip(failed, again, strict=False):
            pause = format_duration(max((at - row.at) // SECOND * SECOND, SECOND))
            retry: Json = {"status": "retry", "retry_in": pause}
            yield row.at, effect.action, retry if row.outcome == "retry" else {"status": "in_doubt"}
        if effect.sent_at is not None and effect.sent_at <= self.until:
            yield effect.sent_at, effect.action, self._answer(effect)

    def _answer(self, effect: Effect) -> Json:
        stop = step_index(self.rule).get(effect.step)
        if effect.state is EffectState.DEAD:
            return {"status": "dead", "reason": effect.reason[:60]}
        if effect.state is EffectState.IN_DOUBT:
            return {"status": "in_doubt"}
        if effect.state is EffectState.SENDING:
            return {"status": "later"}
        if stop is not None and isinstance(stop.step, ActionStep) and stop.step.id and effect.output:
            return {"status": "done", "output": effect.output}
        return {"status": "done"}

    def _is_tried_again(self, effect: Effect, row: DecisionRow) -> bool:
        action = self.registry.actions.get(effect.action)
        resent = action is not None and action.in_doubt == "resend"
        return row.outcome == "retry" or (row.outcome == "in_doubt" and resent)

    def each(self) -> Iterator[Recalled]:
        """What was performed, and what was refused, in the order in which it came."""
        live = {run.id for run in self.runs if run.arm == "live"}
        rows = [row for row in self._log() if row.run in live]
        places = {(row.run, row.path): place for place, row in reversed([*enumerate(rows)])}
        found = [(row.at, places[row.run, row.path], one) for row in rows for one in self._of(row)]
        for effect in self._sent(rows):
            if effect.run in live:
                at = min(
                    [effect.sent_at or self.until, *(row.at for row in _of_effect(effect, rows) if _was_sent(row))]
                )
                one = Recalled(at, "expect", self._item(effect.step))
                found.append((at, places.get((effect.run, effect.step), len(rows)), one))
        yield from (one for _, _, one in sorted(found, key=itemgetter(0, 1)))

    def _of(self, row: DecisionRow) -> Iterator[Recalled]:
        if row.outcome == "applied":
            yield Recalled(row.at, "expect", self._item(row.path))
        elif row.outcome == "refused":
            actions = (effect.action for effect in self.effects[row.run] if effect.step == row.path)
            yield from (Recalled(row.at, "refused", {action: row.why}) for action in actions)

    def _sent(self, rows: Sequence[DecisionRow]) -> Iterator[Effect]:
        """The effects that went out at least once, be it in vain."""
        for effect in (effect for effects in self.effects.values() for effect in effects):
            before = effect.sent_at is not None and effect.sent_at <= self.until
            if before or any(self._is_tried_again(effect, row) for row in _of_effect(effect, rows)):
                yield effect

    def _log(self) -> list[DecisionRow]:
        """What the log says of effects, the oldest first."""
        rows = self.store.decisions_of(customer=self.customer, rule=self.rule.id, limit=_ALL)
        return [row for row in reversed(rows) if row.kind == "effect" and row.at <= self.until]

    def _item(self, path: str) -> Json:
        """An action with the inputs that the rule writes out; those that it works out may hold personal values."""
        stop = step_index(self.rule).get(path)
        assert stop is not None
        assert isinstance(stop.step, ActionStep)
        shape = stop.step.inputs.shape
        if not isinstance(shape, Mapping):
            return stop.step.action
        literal = {name: value for name, value in shape.items() if isinstance(value, (str, int, float))}
        return {stop.step.action: literal} if literal else stop.step.action


def _of_effect(effect: Effect, rows: Iterable[DecisionRow]) -> Iterator[DecisionRow]:
    return (row for row in rows if (row.run, row.path) == (effect.run, effect.step))


def _was_sent(row: DecisionRow) -> bool:
    return row.outcome not in ("delayed", "refused")
