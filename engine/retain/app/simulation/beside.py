"""Work beside the process's own: in a copy of the process where the system makes one cheaply, else in its turn."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from retain.errors import RetainError

T = TypeVar("T")


class Beside(Generic[T]):
    """One piece of work that goes on at once in a copy of this process, with all that is in memory.

    Plans hold compiled conditions, which cannot be sent to another process; a copy has them. What the work returns is
    sent back. It must leave alone every connection that is open here.
    """

    def __init__(self, work: Callable[[], T], *, here: bool = False) -> None:
        """Begin; `here` does the work in this process, when its result is asked for."""
        self._work = work
        self._process = None
        self._is_done = False
        if here or not can_copy():
            return
        context = get_context("fork")
        self._answers, answers = context.Pipe(duplex=False)
        self._process = context.Process(target=_send, args=(work, answers), daemon=True)
        self._process.start()
        answers.close()

    def result(self) -> T:
        """What the work returned; waits for it.

        Raises:
            Exception: what the work raised.
        """
        if self._process is None:
            return self._work()
        try:
            value, error = self._answers.recv()
        except EOFError:
            self._is_done = True
            self._process.join()
            what = f"a process beside this one ended with {self._process.exitcode}"
            raise RetainError(what, cure="look for what ended it, such as a lack of memory") from None
        self._is_done = True
        self._process.join()
        if error is not None:
            raise error
        found: T = value
        return found

    def __enter__(self) -> Beside[T]:
        return self

    def __exit__(self, *_: object) -> None:
        """End the work, where it still goes on and its result is of no use any more."""
        if self._process is not None and not self._is_done:
            self._process.terminate()
            self._process.join()


def can_copy() -> bool:
    """Whether a copy of this process can work: on Linux, and while it has one thread."""
    return sys.platform == "linux" and not current_process().daemon and _threads() == 1


def _threads() -> int:
    """How many threads there are; from Python 3.12 on those count that Python does not know, since it warns of them."""
    if sys.version_info >= (3, 12):
        return len(os.listdir("/proc/self/task"))
    return threading.active_count()


def how_many(asked: int | None, most: int) -> int:
    """Over how many processes work is shared out: so many as are asked for, else one a processor, `most` at most."""
    return asked or min(processors(), most)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _send(work: Callable[[], object], answers: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began the work ends it
    try:
        answers.send((work(), None))
    except Exception as error:  # noqa: BLE001  raised again by whoever asks for the result
        answers.send((None, error))
