"""Hooks that are called while the engine runs: observers, and `before_effect`. No plugin can hold it up here."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pluggy
import structlog

from retain.deliver.threads import Worker
from retain.instants import MINUTE, SECOND
from retain.model import Effect, Fields, Instant
from retain.registry import Veto

log = structlog.get_logger("retain.plugins")

_QUEUE = 1_000  # calls that may wait for one slow observer; more are dropped and said
_DELAY = 5 * MINUTE  # a veto that cannot be asked for delays the effect by this much


@dataclass(slots=True)
class Hooks:
    """The observers and vetoes of all loaded plugins, each plugin in a thread of its own."""

    managers: Mapping[str, pluggy.PluginManager] = field(default_factory=dict)
    limit_s: float = 1.0  # how long a veto may take
    _workers: dict[tuple[str, str], Worker] = field(default_factory=dict)
    _silent_until: dict[str, float] = field(default_factory=dict)  # plugin -> time.monotonic(); not asked before

    def notify(self, hook: str, **args: Any) -> None:
        """Tell all observers, without waiting for them; what one raises is logged.

        The values handed over are copies, since runs and effects change in place while an observer looks at them.
        """
        for name, manager in self._having(hook):
            call = partial(getattr(manager.hook, hook), **copy.deepcopy(args))
            future = self._worker("observer", name).offer(call)
            if future is None:
                log.warning("observer_too_slow", plugin=name, hook=hook)
            else:
                future.add_done_callback(partial(_log_failure, name, hook))

    def before_effect(self, effect: Effect, customer: Fields, now: Instant) -> Veto | None:
        """The first plugin's veto, in the order of names; a raise is a veto, and no answer in time a delay."""
        for name, manager in self._having("before_effect"):
            own = copy.deepcopy({"effect": effect, "customer": customer})  # one that hangs may still look at them later
            call = partial(manager.hook.before_effect, **own, now=now)
            veto = self._ask(name, call, now)
            if veto is not None:
                return veto
        return None

    def close(self, timeout: float) -> None:
        """End all threads after what is queued, waiting at most `timeout` seconds for all of them together."""
        wait([worker.close() for worker in self._workers.values()], timeout)
        self._workers.clear()

    def _ask(self, name: str, call: Callable[[], list[Any]], now: Instant) -> Veto | None:
        late = Veto(reason=f"plugin {name} did not answer before_effect in time", until=now + _DELAY)
        if time.monotonic() < self._silent_until.get(name, 0):
            return late
        try:
            future = self._worker("veto", name).offer(call)
            answers = future.result(self.limit_s) if future is not None else None
        except FutureTimeout:
            answers = None
        except Exception as error:
            log.exception("before_effect_failed", plugin=name)
            return Veto(reason=f"plugin {name} failed in before_effect: {type(error).__name__}")
        if answers is None:
            del self._workers["veto", name]  # its thread may hang for ever; the next call gets a new one
            self._silent_until[name] = time.monotonic() + _DELAY / SECOND
            return late
        return next((answer for answer in answers if isinstance(answer, Veto)), None)

    def _having(self, hook: str) -> list[tuple[str, pluggy.PluginManager]]:
        return [(name, one) for name, one in self.managers.items() if getattr(one.hook, hook).get_hookimpls()]

    def _worker(self, purpose: str, plugin: str) -> Worker:
        found = self._workers.get((purpose, plugin))
        if found is None:
            found = self._workers[purpose, plugin] = Worker(f"retain-{purpose}-{plugin}", _QUEUE)
        return found


def _log_failure(plugin: str, hook: str, future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        log.error("observer_failed", plugin=plugin, hook=hook, exc_info=error)
