"""Threads for work that may never come back: all of them daemon threads, so that none keeps the process alive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def start(name: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Run `function` in a daemon thread of its own; the future holds what it returned or raised."""
    future: Future[T] = Future()
    threading.Thread(target=settle, args=(future, function, args, kwargs), name=name, daemon=True).start()
    return future


def settle(future: Future[T], function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Run `function` here and put what it returned or raised into a future; not at all where that is cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - a plugin may call sys.exit; whoever waits is told
        future.set_exception(error)
    else:
        future.set_result(result)


class DaemonExecutor(ThreadPoolExecutor):
    """The executor of a plugin's event loop: what `asyncio.to_thread` starts must not hold up the end of the process.

    The standard one joins its threads at exit, so one blocking call of a plugin would hang a stopped daemon for ever.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` in a daemon thread."""
        return start("retain-executor", fn, *args, **kwargs)


class Worker:
    """One daemon thread that takes calls one by one from a bounded queue."""

    def __init__(self, name: str, size: int) -> None:
        self._calls: queue.Queue[tuple[Future[Any], Callable[[], Any]] | None] = queue.Queue(size)
        self._ended = start(name, self._work)

    def offer(self, call: Callable[[], T]) -> Future[T] | None:
        """Queue a call; None where the queue is full."""
        future: Future[T] = Future()
        try:
            self._calls.put_nowait((future, call))
        except queue.Full:
            return None
        return future

    def close(self) -> Future[None]:
        """Ask the worker to end after what is queued; the future is done when it has."""
        threading.Thread(target=self._calls.put, args=(None,), daemon=True).start()
        return self._ended

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            settle(future, call, (), {})
