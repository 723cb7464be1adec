"""Deciding in a store that other workers decide in as well, and what goes out of it."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from retain.decide.facts import HELD_UNTIL, Changes, Facts
from retain.decide.records import RecordBook
from retain.errors import StoreConflictError
from retain.language.plan import Plan
from retain.model import EffectState, Instant, RunState
from retain.pipeline import outbox
from retain.pipeline.breakers import Breakers
from retain.pipeline.options import Options
from retain.pipeline.outbox import EffectAttempt
from retain.pipeline.sweeps import Sweeps
from retain.registry import ActionRequest, EffectResult
from retain.store.rows import Batch
from retain.store.store import Store

_CAREFUL = 20
_LOOK_S = 1.0


class SharedMethods(outbox.Decides):
    """The part of the pipeline that gets along with other workers, of which a file has none, and with the outside."""

    store: Store
    plan: Plan
    options: Options
    sweeps: Sweeps
    _careful: int
    _look_again: float  # time.monotonic() of the next look at what other workers have asked for
    _paused: dict[tuple[str, str], str]  # (scope, name) -> reason
    _is_stale: bool  # what is in memory could not be read anew when it had to be
    _untold: list[Changes]
    _records: RecordBook | None
    _breakers: Breakers | None

    @abstractmethod
    def use(self, plan: Plan, now: Instant) -> None:
        """Take a plan."""

    @contextmanager
    def deciding(self, customers: Collection[int]) -> Iterator[None]:
        """Facts are read and decisions written for these customers.

        On a store of several workers all of it is one transaction that keeps the others out, where one of the customers
        is theirs, or where a decision was in vain before.
        """
        self._catch_up()
        if not self.store.is_shared:
            yield
            return
        if self.store.others:
            self._look_at_others()
        if not self._careful and not self.store.is_foreign(customers):
            yield
            return
        self._careful = max(0, self._careful - 1)
        with self.store.exclusively(customers):
            self._look_at_others()
            yield
        told, self._untold = self._untold, []
        for changes in told:
            self._tell(changes)

    def _catch_up(self) -> None:
        if self._is_stale:
            self.refresh()
            return
        is_time = self.store.is_shared and time.monotonic() >= self._look_again
        if self.store.others or is_time:  # a command that a person gives elsewhere comes and goes unseen
            self._read_pauses()
        if is_time:
            self._look_again = time.monotonic() + _LOOK_S
            self._look_at_others()
            if self.store.leads:  # others may want everybody looked at anew
                self.sweeps.resync()

    def _read_pauses(self) -> None:
        before = {name for scope, name in self._paused if scope == "rule"}
        paused = [row for row in self.store.pauses() if row.paused]
        self._paused = {(row.scope, row.name): row.reason or "paused" for row in paused}
        if before - {row.name for row in paused if row.scope == "rule"}:
            self._breakers = None  # whoever resumed a rule may have let its breaker count anew

    def _look_at_others(self) -> None:
        if self.store.records_changed():
            self._records = None
        if self.sweeps.first_looks:
            self.sweeps.resync()

    def _rely(self, made: Batch, facts: Facts) -> None:
        """Say what a batch was decided on, which other workers may change before it is committed."""
        # 0 stands in for nobody, who is one worker's alone; what is written of runs without a customer names it anyway.
        made.about = facts.customers.keys() - {0}
        made.starts = self._breakers.to_commit() if self._breakers is not None else []
        if _waits_for_a_person(facts.changes):
            made.paused = self._paused.keys()

    def give_way(self) -> None:
        """Another worker was faster: what follows is decided from fresh facts, and without others for a while."""
        self._careful = _CAREFUL
        self.refresh()

    def balance(self, now: Instant, *, besides: Collection[EffectAttempt] = ()) -> bool:
        """Take customers over from workers that are gone, or leave some to new ones; whether any were gained.

        What the worker before was sending is in doubt, as after a start.

        Args:
            besides: attempts that are under way here.
        """
        gained = self.store.balance()
        self.use(self.plan, now)
        if gained:
            outbox.recover(self, now, gained, besides=besides)
        return bool(gained)

    def _tell(self, changes: Changes) -> None:
        if self.options.committed is not None:
            self.options.committed(changes)

    def release(self, now: Instant, slots: Mapping[str, int], total: int) -> list[ActionRequest]:
        """Claim due effects for sending, at most as many as there are free slots.

        Every effect is asked for again: exits, consent, caps, quiet hours. The mark `sending` is committed before
        anything is sent, so that only what is really in doubt is in doubt after a crash.
        """
        try:
            return outbox.release(self, now, slots, total)
        except StoreConflictError:
            self.give_way()
            return []

    def finish(self, results: Sequence[EffectResult], now: Instant) -> None:
        """Take the results of attempts: their runs go on, their events are decided."""
        outbox.finish(self, results, now)

    def recover(self, now: Instant, *, besides: Collection[EffectAttempt] = ()) -> int:
        """Effects that were being sent when the last process ended are in doubt; their action's policy decides.

        Args:
            besides: attempts that are under way here.
        """
        return outbox.recover(self, now, besides=besides)


def _waits_for_a_person(changes: Changes) -> bool:
    """Whether something was parked or held, for which nobody would look again if the pause has ended meanwhile."""
    parked = any(run.state is RunState.PARKED for run in changes.runs.values())
    held = (effect.due_at == HELD_UNTIL and effect.state is EffectState.PENDING for effect in changes.effects.values())
    return parked or any(held)
