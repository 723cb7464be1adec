"""Small things that the tests of delivery share: requests, actions, and a dispatcher whose results can be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from retain.clock import Clock, FixedClock
from retain.deliver.dispatch import Dispatcher
from retain.registry import Action, ActionRequest, EffectResult, Example, Registry, RunAction

NOW = 1_780_000_000_000
EMPTY = {"type": "object", "properties": {}}
PATIENCE_S = 30.0  # for what comes at once where nothing is wrong


def request(action: str, effect_id: str = "run1:1", **values: Any) -> ActionRequest:
    """A claimed effect of customer `user:17`, with only what a test cares about."""
    filled = {
        "inputs": {}, "attempt": 1, "now": NOW, "rule": "r", "run": "run1", "step": "then[0]", "customer_id": 17,
        "customer_key": "user:17", "customer": {}, "event": {}, "steps": {}, "purpose": "", "config": {},
    }  # fmt: skip
    return ActionRequest(effect_id=effect_id, action=action, **{**filled, **values})


def outside(name: str, run: RunAction, **values: Any) -> Action:
    """An outside action of the plugin that its name begins with."""
    values = {"plugin": name.partition(".")[0], "timeout_s": 5.0, **values}
    return Action(name=name, summary="", inputs=EMPTY, example=Example(inputs={}), run=run, **values)


def registry(*actions: Action, **values: Any) -> Registry:
    """A registry with these actions."""
    return Registry(actions={action.name: action for action in actions}, **values)


class Results:
    """Takes results as the pipeline would, and lets a test wait for them."""

    def __init__(self) -> None:
        self.batches: list[list[EffectResult]] = []
        self._changed = asyncio.Event()

    async def take(self, batch: list[EffectResult]) -> None:
        self.batches.append(batch)
        self._changed.set()

    @property
    def by_id(self) -> Mapping[str, EffectResult]:
        return {result.effect_id: result for batch in self.batches for result in batch}

    async def wait_for(self, *effect_ids: str, timeout: float = PATIENCE_S) -> list[EffectResult]:
        async with asyncio.timeout(timeout):
            while not set(effect_ids) <= set(self.by_id):
                self._changed.clear()
                await self._changed.wait()
        return [self.by_id[effect_id] for effect_id in effect_ids]


async def until(true: Callable[[], object]) -> None:
    """Until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def dispatching(
    *actions: Action, clock: Clock | None = None, **options: Any
) -> AsyncIterator[tuple[Dispatcher, Results]]:
    """A running dispatcher over these actions; it is stopped at the end."""
    results = Results()
    options = {"grace_s": 0.1, **options}
    dispatcher = Dispatcher(registry(*actions), results.take, clock=clock or FixedClock(NOW), **options)
    try:
        yield dispatcher, results
    finally:
        await dispatcher.stop(1.0)
