"""The way out and back: effects that the writer releases go to the dispatcher's loop, free slots come back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from retain.deliver.dispatch import Dispatcher
from retain.registry import ActionRequest


@dataclass(frozen=True, slots=True)
class Slots:
    """How many more effects can begin at once, by action and in all, and when that was so."""

    by_action: Mapping[str, int]
    total: int
    at: float = field(default_factory=time.monotonic)


class Outside(Protocol):
    """What carries effects out; called from the writer's thread, returns at once."""

    def begin(self, requests: Sequence[ActionRequest]) -> None:
        """Carry out claimed effects, then say what is free."""

    def ask_for_slots(self) -> None:
        """Say what is free."""

    def under_way(self) -> frozenset[str]:
        """The effects whose result is not written yet."""


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
        self._begun: set[str] = set()  # effects without a written result, as the writer's thread knows them
        self._open: dict[str, str] = {}  # effects without a written result, and their actions

    def begin(self, requests: Sequence[ActionRequest]) -> None:
        """Carry out claimed effects, then say what is free."""
        self._begun.update(request.effect_id for request in requests)
        self._call(self._submit, [self._prepare(request) for request in requests])

    def ask_for_slots(self) -> None:
        """Say what is free."""
        self._call(self._submit, [])

    def under_way(self) -> frozenset[str]:
        """The effects whose result is not written yet; called from the writer's thread."""
        return frozenset(tuple(self._begun))

    def recorded(self, effect_ids: Iterable[str]) -> None:
        """The results of these effects are written; called from the loop."""
        for effect_id in effect_ids:
            self._open.pop(effect_id, None)
            self._begun.discard(effect_id)
        self._submit([])

    def _submit(self, requests: Sequence[ActionRequest]) -> None:
        for request in requests:
            self._open[request.effect_id] = request.action
            self._dispatcher.submit(request)
        under_way = Counter(self._open.values())
        free = {
            action: min(count, self._dispatcher.concurrency(action) - under_way[action])
            for action, count in self._dispatcher.free_slots().items()
        }
        self._offer(Slots(free, min(self._dispatcher.total, self._dispatcher.most - len(self._open))))

    def _call(self, call: Callable[[Sequence[ActionRequest]], None], requests: Sequence[ActionRequest]) -> None:
        with suppress(RuntimeError):  # the loop is closed: what is marked as sending is in doubt at the next start
            self._loop.call_soon_threadsafe(call, requests)
