"""Claimed effects go out to their plugins, many at once, and their results come back in batches."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace

import structlog

from retain.clock import Clock
from retain.deliver.lanes import Attempt, Lane, call_in
from retain.deliver.results import not_begun, of_error, of_result, of_silence
from retain.errors import NotFoundError, TemporaryError
from retain.model import Instant
from retain.registry import Action, ActionRequest, EffectResult, Example, Registry

GRACE_S = 1.0  # beyond its timeout, for an action to notice that it was cancelled
MOST_DETACHED = 8  # attempts of one plugin that never ended; with more, it gets no new work
_MOST_IN_BATCH = 500
log = structlog.get_logger("retain.deliver")
OnResult = Callable[[list[EffectResult]], Awaitable[None]]


class Dispatcher:
    """Carries out claimed effects, within the limits of each action, and hands over what came of them.

    All methods are called from the event loop that made it. A plugin's actions run on a loop in a thread of that
    plugin; an action that does not end within its timeout is detached, reported, and counted until it ends.

    Args:
        registry: the actions.
        on_result: takes results in batches; it is called again with the same batch until it does not raise.
        max_concurrency: attempts under way at once; one plugin gets at most half of them.
        grace_s: seconds beyond its timeout after which an action is detached.
    """

    def __init__(
        self,
        registry: Registry,
        on_result: OnResult,
        *,
        clock: Clock,
        max_concurrency: int = 64,
        grace_s: float = GRACE_S,
    ) -> None:
        self._registry = registry
        self._on_result = on_result
        self._clock = clock
        self._most = max_concurrency
        self._grace_s = grace_s
        self._lanes: dict[str, Lane] = {}
        self._under_way: dict[asyncio.Task[None], Attempt] = {}
        self._by_action: Counter[str] = Counter()
        self._by_plugin: Counter[str] = Counter()
        self._waiting: deque[Attempt] = deque()
        self._detached: Counter[str] = Counter()
        self._waiters: set[asyncio.Task[None]] = set()  # for the end of detached attempts
        self._results: list[EffectResult] = []
        self._arrived = asyncio.Event()
        self._handed_over = asyncio.Event()
        self._handed_over.set()
        self._handover: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def total(self) -> int:
        """How many more requests can begin at once, over all actions."""
        return 0 if self._stopping else max(0, self._most - len(self._under_way) - len(self._waiting))

    @property
    def most(self) -> int:
        """How many requests can be under way at once, over all actions."""
        return self._most

    def concurrency(self, action: str) -> int:
        """How many requests of one action can be under way at once."""
        return self._registry.action(action).concurrency

    @property
    def detached(self) -> Mapping[str, int]:
        """Attempts that did not end in time and still run, by plugin."""
        return {plugin: count for plugin, count in self._detached.items() if count}

    @property
    def in_flight(self) -> int:
        """Attempts under way."""
        return len(self._under_way)

    def free_slots(self) -> Mapping[str, int]:
        """How many more requests of each outside action can begin at once; `total` limits their sum."""
        waiting = Counter(attempt.action.name for attempt in self._waiting)
        outside = (action for action in self._registry.actions.values() if action.is_outside)
        return {action.name: max(0, self._free(action) - waiting[action.name]) for action in outside}

    def submit(self, request: ActionRequest, until: float = math.inf) -> None:
        """Begin a claimed effect, or queue it where no slot is free.

        Args:
            until: the `running()` from which on it is handed back instead of begun.
        """
        if self._handover is None:
            self._handover = asyncio.create_task(self._hand_over())
        request = replace(request, filters=self._registry.filters)
        action = self._registry.actions.get(request.action)
        if action is None or not action.is_outside:
            self._report(_without_action(request, self._registry, self._clock.now()))
        elif self._stopping:
            self._report(not_begun(Attempt(action, request), self._clock.now()))
        elif self._free(action):
            self._begin(Attempt(action, request, until))
        else:
            self._waiting.append(Attempt(action, request, until))

    async def stop(self, timeout: float) -> int:
        """Take no new work, let what is under way end, and hand over the results, all within `timeout` seconds.

        Returns:
            How many effects are left marked as sending: they are in doubt at the next start.
        """
        deadline = time.monotonic() + timeout
        self._stopping = True
        while self._waiting:
            self._report(not_begun(self._waiting.popleft(), self._clock.now()))
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=timeout * 0.7)
        left = self._give_up()
        ends = {asyncio.wrap_future(lane.close()) for lane in self._lanes.values()}
        if ends:
            _, hanging = await asyncio.wait(ends, timeout=max(0.0, (deadline - time.monotonic()) / 2))
            for end in hanging:
                end.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._handed_over.wait(), max(0.0, deadline - time.monotonic()))
        for task in (*self._waiters, *([self._handover] if self._handover else [])):
            task.cancel()
        self._lanes.clear()
        return left

    def _give_up(self) -> int:
        """Leave what did not end in time; what had not begun is handed back."""
        left = 0
        for task, attempt in list(self._under_way.items()):
            task.cancel()
            if attempt.withdraw():
                self._report(not_begun(attempt, self._clock.now()))
            else:
                left += 1
                log.warning("left_in_flight", effect=attempt.request.effect_id, action=attempt.action.name)
        return left

    def _free(self, action: Action) -> int:
        if self._stopping or self._detached[action.plugin] >= MOST_DETACHED:
            return 0
        of_action = action.concurrency - self._by_action[action.name]
        of_plugin = max(1, self._most // 2) - self._by_plugin[action.plugin]
        return max(0, min(of_action, of_plugin, self._most - len(self._under_way)))

    def _begin(self, attempt: Attempt) -> None:
        self._by_action[attempt.action.name] += 1
        self._by_plugin[attempt.action.plugin] += 1
        task = asyncio.create_task(self._attend(attempt))
        self._under_way[task] = attempt
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        attempt = self._under_way.pop(task)
        self._by_action[attempt.action.name] -= 1
        self._by_plugin[attempt.action.plugin] -= 1
        for _ in range(len(self._waiting)):
            queued = self._waiting.popleft()
            if self._free(queued.action):
                self._begin(queued)
            else:
                self._waiting.append(queued)

    async def _attend(self, attempt: Attempt) -> None:
        """Wait for one attempt, but not for ever."""
        lane = self._lane(attempt.action.plugin)
        here, answer = asyncio.get_running_loop(), asyncio.Event()
        results: list[EffectResult] = []

        def ended(result: object, error: BaseException | None) -> None:
            results.append(self._judge(attempt, result, error))
            call_in(here, answer.set)

        lane.start(attempt, ended)
        with suppress(TimeoutError):
            await asyncio.wait_for(answer.wait(), attempt.action.timeout_s + self._grace_s)
        if answer.is_set():
            self._report(results[0])
        else:
            self._report(self._detach(attempt, answer))
            await self._look_after(lane)

    def _judge(self, attempt: Attempt, result: object, error: BaseException | None) -> EffectResult:
        if error is None:
            return of_result(attempt, result)
        return of_error(attempt, error, self._clock.now())

    def _detach(self, attempt: Attempt, answer: asyncio.Event) -> EffectResult:
        """Let go of an attempt that does not end."""
        action = attempt.action
        self._detached[action.plugin] += 1
        waiter = asyncio.create_task(self._await_end(action.plugin, answer))
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)
        log.error("action_does_not_end", plugin=action.plugin, action=action.name, effect=attempt.request.effect_id)
        return of_silence(attempt, f"did not end within {action.timeout_s:g} s", self._clock.now())

    async def _await_end(self, plugin: str, answer: asyncio.Event) -> None:
        await answer.wait()
        self._detached[plugin] -= 1

    async def _look_after(self, lane: Lane) -> None:
        """Give a plugin a new thread where an action blocks the old one."""
        if await lane.answers(self._grace_s) or self._lanes.get(lane.plugin) is not lane:
            return
        log.error("plugin_blocks", plugin=lane.plugin, cure="its actions must await, not block")
        del self._lanes[lane.plugin]
        lane.close()

    def _lane(self, plugin: str) -> Lane:
        found = self._lanes.get(plugin)
        if found is None:
            found = self._lanes[plugin] = Lane(plugin)
        return found

    def _report(self, result: EffectResult) -> None:
        self._results.append(result)
        self._handed_over.clear()
        self._arrived.set()

    async def _hand_over(self) -> None:
        """Give results away as they come, all that have come at once."""
        pause = 0.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._results:
                batch = self._results[:_MOST_IN_BATCH]
                try:
                    await self._on_result(batch)
                except Exception:
                    pause = min(5.0, pause * 2 + 0.1)
                    log.exception("results_not_taken", results=len(batch), again_in_s=pause)
                    await asyncio.sleep(pause)
                else:
                    pause = 0.0
                    del self._results[: len(batch)]
            self._handed_over.set()


def _without_action(request: ActionRequest, registry: Registry, now: Instant) -> EffectResult:
    """An effect whose plugin is gone or disabled waits for it as it would for a server that is down."""
    missing = NotFoundError("action", request.action, registry.actions)
    stand_in = Action(name=request.action, summary="", inputs={}, example=Example(inputs={}))
    return of_error(Attempt(stand_in, request), TemporaryError(missing.what, cure=missing.cure), now)
