"""One plugin's event loop in a thread of its own: an action that blocks stalls its own plugin and nobody else."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from retain.clock import running
from retain.deliver.threads import DaemonExecutor, start
from retain.registry import Action, ActionRequest

_FAREWELL_S = 1.0  # for tasks of the plugin to close their connections


class OutOfTimeError(Exception):
    """An action took longer than it declared."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One request under way, as the loop of the dispatcher and the thread of the plugin both see it."""

    action: Action
    request: ActionRequest
    until: float = math.inf  # running() from which on it may not begin: others may have claimed it by then
    began: bool = False  # whether the action was called: until then nothing can have been sent
    _withdrawn: bool = False

    def begin(self) -> bool:
        """Mark it as begun; False where it was withdrawn before, or is too late."""
        if running() >= self.until:
            return False
        self.began = True
        return not self._withdrawn

    def withdraw(self) -> bool:
        """Whether it had not begun and now never will.

        Each side sets its own mark before it looks at the other's, so that never both go ahead.
        """
        self._withdrawn = True
        return not self.began


Ended: TypeAlias = Callable[[object, BaseException | None], None]  # (what it returned, what it raised)


@dataclass(slots=True, eq=False)
class Lane:
    """The event loop that carries out the actions of one plugin."""

    plugin: str
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _ended: Future[None] = field(init=False)

    def __post_init__(self) -> None:
        self._loop.set_default_executor(DaemonExecutor(1))
        self._ended = start(f"retain-plugin-{self.plugin}", self._serve)

    def start(self, attempt: Attempt, ended: Ended) -> None:
        """Begin an attempt; `ended` is called in this lane's thread when it has really ended, however late."""
        self._call(partial(self._begin, attempt, ended))

    async def answers(self, within_s: float) -> bool:
        """Whether the loop turns; a blocking call in an action stops it."""
        here, pong = asyncio.get_running_loop(), asyncio.Event()
        self._call(partial(call_in, here, pong.set))
        with suppress(TimeoutError):
            await asyncio.wait_for(pong.wait(), within_s)
        return pong.is_set()

    def close(self) -> Future[None]:
        """Ask the loop to cancel what runs and to end; the future is done when it has."""
        self._call(self._loop.stop)
        return self._ended

    def _call(self, call: Callable[[], object]) -> None:
        call_in(self._loop, call)

    def _begin(self, attempt: Attempt, ended: Ended) -> None:
        task = self._loop.create_task(_carry_out(attempt, ended))
        self._tasks.add(task)  # the loop itself holds only a weak reference
        task.add_done_callback(self._tasks.discard)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_cancel_all())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


def call_in(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Have another thread's loop make a call; a loop that is closed already needs none."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


async def _carry_out(attempt: Attempt, ended: Ended) -> None:
    try:
        result = await _run(attempt)
    except BaseException as error:  # noqa: BLE001 - sys.exit in an action must not end its loop; the dispatcher judges
        ended(None, error)
    else:
        ended(result, None)


async def _run(attempt: Attempt) -> object:
    action = attempt.action
    assert action.run is not None, "only outside actions are dispatched"
    if not attempt.begin():
        raise OutOfTimeError("was withdrawn before it began")
    try:
        async with asyncio.timeout(action.timeout_s) as limit:
            return await action.run(attempt.request)
    except TimeoutError as error:
        if limit.expired():
            raise OutOfTimeError(f"took longer than {action.timeout_s:g} s") from error
        raise


async def _cancel_all() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=_FAREWELL_S)
