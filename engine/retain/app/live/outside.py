"""The way out and back: effects that the writer releases go to the dispatcher's loop, free slots come back."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from retain.deliver.dispatch import Dispatcher
from retain.pipeline.outbox import EffectAttempt
from retain.registry import ActionRequest


@dataclass(frozen=True, slots=True)
class Slots:
    """How many more effects can begin at once, by action and in all, and when that was so."""

    by_action: Mapping[str, int]
    total: int
    at: float = field(default_factory=time.monotonic)


class Outside(Protocol):
    """What carries effects out; called from the writer's thread, returns at once."""

    def begin(self, requests: Sequence[ActionRequest], until: float) -> None:
        """Carry out claimed effects, as far as they begin before `running()` is `until`; then say what is free."""

    def ask_for_slots(self) -> None:
        """Say what is free."""

    def under_way(self) -> frozenset[EffectAttempt]:
        """The attempts whose result is not written yet."""


class ToDispatcher:
    """The way from the writer's thread to the loop of a dispatcher.

    A slot is free again once the result is written, not once it is there: so at most as many effects as may be under
    way at once are in doubt after a crash.

    Args:
        prepare: makes a request ready for its plugin.
        offer: told what is free, from the loop.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        loop: asyncio.AbstractEventLoop,
        prepare: Callable[[ActionRequest], ActionRequest],
        offer: Callable[[Slots], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._loop = loop
        self._prepare = prepare
        self._offer = offer
        self._begun: set[EffectAttempt] = set()  # attempts without a written result, as the writer's thread knows them
        self._open: dict[EffectAttempt, str] = {}  # attempts without a written result, and their actions

    def begin(self, requests: Sequence[ActionRequest], until: float) -> None:
        """Carry out claimed effects, as far as they begin before `running()` is `until`; then say what is free."""
        self._begun.update((request.effect_id, request.attempt) for request in requests)
        self._call(self._submit, [self._prepare(request) for request in requests], until)

    def ask_for_slots(self) -> None:
        """Say what is free."""
        self._call(self._submit, [], math.inf)

    def under_way(self) -> frozenset[EffectAttempt]:
        """The attempts whose result is not written yet; called from the writer's thread."""
        return frozenset(tuple(self._begun))

    def recorded(self, attempts: Iterable[EffectAttempt]) -> None:
        """The results of these attempts are written; called from the loop."""
        for attempt in attempts:
            self._open.pop(attempt, None)
            self._begun.discard(attempt)
        self._submit([], math.inf)

    def _submit(self, requests: Sequence[ActionRequest], until: float) -> None:
        for request in requests:
            self._open[request.effect_id, request.attempt] = request.action
            self._dispatcher.submit(request, until)
        under_way = Counter(self._open.values())
        free = {
            action: min(count, self._dispatcher.concurrency(action) - under_way[action])
            for action, count in self._dispatcher.free_slots().items()
        }
        self._offer(Slots(free, min(self._dispatcher.total, self._dispatcher.most - len(self._open))))

    def _call(
        self, call: Callable[[Sequence[ActionRequest], float], None], requests: Sequence[ActionRequest], until: float
    ) -> None:
        with suppress(RuntimeError):  # the loop is closed: what is marked as sending is in doubt at the next start
            self._loop.call_soon_threadsafe(call, requests, until)
