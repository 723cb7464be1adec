"""The one thread that writes: it takes messages in, decides what is due, claims effects, and does what is asked of it.

Messages are committed in groups before they are acknowledged. A store that is full or away fails those who wait for it
and is tried again; nothing false is acknowledged, and deciding goes on by itself once it is back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from retain.app.live.counters import Counters
from retain.app.live.outside import Outside, Slots
from retain.clock import Clock
from retain.deliver.threads import settle
from retain.errors import OverloadedError, RetainError, StoreError, StoreUnavailableError
from retain.model import Instant, Message
from retain.pipeline import Pipeline
from retain.store.rows import Accepted

MOST_IN_COMMIT = 1_000  # messages
MOST_WAITING = 20_000  # messages; with more, senders are asked to come back
LINGER_S = 0.002  # for others to join a commit
IDLE_S = 0.25  # the longest sleep
SLOTS_AGE_S = 0.25  # after which free slots are asked for again
PAUSES_S = (0.1, 0.3, 1.0, 2.0)  # between attempts on a store that fails
log = structlog.get_logger("retain.writer")
T = TypeVar("T")


@dataclass(slots=True)
class _Incoming:
    messages: Sequence[Message]
    future: Future[list[Accepted]]
    since: float


class Writer:
    """Owns the pipeline and all writes from `start` on.

    Args:
        outside: where released effects go.
        stats: gains what is done.
        began: called in the writer's thread before anything else.
    """

    def __init__(
        self, pipeline: Pipeline, clock: Clock, outside: Outside, stats: Counters, *, began: Callable[[], None]
    ) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._outside = outside
        self._stats = stats
        self._began = began
        self._incoming: deque[_Incoming] = deque()
        self._waiting = 0  # messages in `_incoming`
        self._calls: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._slots: Slots | None = None
        self._releasing = True
        self._stopping = False
        self._is_busy = False
        self._failures = 0
        self._not_before = 0.0  # time.monotonic() of the next attempt to decide
        self._troubles: dict[str, str] = {}  # what fails, and why
        self._is_unsure = False  # whether effects may be marked as sending that were never sent
        pipeline.store.listen(self._woken.set)
        self._thread = threading.Thread(target=self._work, name="retain-writer", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why something cannot be stored or decided; "" while all is well."""
        return next(iter(self._troubles.values()), "")

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def accept(self, messages: Sequence[Message]) -> Future[list[Accepted]]:
        """Store messages; done after the commit.

        Raises:
            OverloadedError: too many wait already.
        """
        future: Future[list[Accepted]] = Future()
        future.set_running_or_notify_cancel()  # whoever stops waiting must not fail those of the same commit
        with self._lock:
            if self._stopping:
                raise StoreUnavailableError("the daemon is stopping", cure="send it again in a moment")
            if self._incoming and self._waiting + len(messages) > MOST_WAITING:
                self._stats.overloaded += 1
                raise OverloadedError("more comes in than can be stored", cure="send it again later", after=2.0)
            self._waiting += len(messages)
            self._incoming.append(_Incoming(messages, future, time.monotonic()))
        self._woken.set()
        return future

    def call(self, job: Callable[[], T]) -> Future[T]:
        """Do something between two steps."""
        future: Future[T] = Future()
        with self._lock:
            if self._stopping:
                raise StoreUnavailableError("the daemon is stopping")
            self._calls.append(partial(settle, future, job, (), {}))
        self._woken.set()
        return future

    def offer(self, slots: Slots) -> None:
        """Say how many effects can begin at once; good for one release."""
        self._slots = slots
        self._woken.set()

    def hold(self) -> None:
        """Claim no more effects."""
        self._releasing = False

    def stop(self) -> None:
        """Finish what was asked for, and end; `join` waits for that."""
        with self._lock:
            self._stopping = True
        self._woken.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; False where it does not come in time."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        self._began()
        while True:
            self._woken.clear()
            stopping = self._stopping
            try:
                self._turn()
            except Exception:
                log.exception("writer_failed")
                self._not_before = time.monotonic() + PAUSES_S[-1]
            if stopping and not self._incoming and not self._calls:
                return

    def _turn(self) -> None:
        """One round: messages, calls, one step of deciding, one release."""
        if self._incoming:
            self._take_in(self._next_group())
        while self._calls:
            self._calls.popleft()()
        if self._stopping:
            return
        now = self._clock.now()
        self._is_busy = self._decide(now)
        if not self._is_busy and not self._incoming and not self._calls:
            self._woken.wait(self._until_next(now))

    def _next_group(self) -> list[_Incoming]:
        """The requests of one commit: what waits, and, where there is nothing else to do, what comes within 2 ms."""
        group: list[_Incoming] = []
        count = 0
        while True:
            while self._incoming and (not group or count + len(self._incoming[0].messages) <= MOST_IN_COMMIT):
                one = self._incoming.popleft()
                group.append(one)
                count += len(one.messages)
            left = group[0].since + LINGER_S - time.monotonic()
            if self._is_busy or self._stopping or self._incoming or count >= MOST_IN_COMMIT or left <= 0:
                break
            self._woken.clear()
            self._woken.wait(left)
        with self._lock:
            self._waiting -= count
        return group

    def _take_in(self, group: list[_Incoming]) -> None:
        began = time.perf_counter()
        try:
            stored = self._pipeline.store.accept([message for one in group for message in one.messages], self._now())
        except StoreError as error:
            self._note_trouble("ingest", error)
            for one in group:
                one.future.set_exception(error)
        except Exception as error:  # one sender's message must not fail the others
            if len(group) == 1:
                log.exception("message_not_stored")
                group[0].future.set_exception(error)
            else:
                for one in group:
                    self._take_in([one])
        else:
            self._note_success("ingest")
            self._stats.ingest_commits.add(time.perf_counter() - began)
            duplicates = sum(one.duplicate for one in stored)
            self._stats.duplicates += duplicates
            self._stats.accepted += len(stored) - duplicates
            position = 0
            for one in group:
                one.future.set_result(stored[position : position + len(one.messages)])
                position += len(one.messages)

    def _decide(self, now: Instant) -> bool:
        """One step and one release; whether there is more to do at once."""
        if time.monotonic() < self._not_before:
            return False
        began = time.perf_counter()
        try:
            if self._troubles:
                self._pipeline.store.probe()
                self._note_success("ingest")
            if self._pipeline.store.needs_balance():
                self._is_unsure = True  # until it is known what was being sent by those whose customers are gained
                self._pipeline.balance(now, besides=self._outside.under_way())
            if self._is_unsure:
                self._pipeline.recover(now, besides=self._outside.under_way())
                self._is_unsure = False
            report = self._pipeline.step(now)
            released = self._release(now)
        except RetainError as error:
            self._note_trouble("deciding", error)
            return False
        except Exception as error:  # messages are still taken in, and it is tried again
            log.exception("deciding_failed")
            self._note_trouble("deciding", error)
            return False
        self._note_success("deciding")
        if report.events or report.timers or report.quarantined:
            self._stats.steps.add(time.perf_counter() - began)
        self._stats.decided += report.events
        self._stats.timers += report.timers
        if report.quarantined:
            self._stats.quarantined += report.quarantined
            log.error("put_aside", items=report.quarantined, cure="see: retain doctor")
        return report.more or released

    def _release(self, now: Instant) -> bool:
        slots = self._slots
        if not self._releasing or slots is None:
            return False
        if slots.total <= 0 or time.monotonic() - slots.at > SLOTS_AGE_S:
            self._slots = None
            self._outside.ask_for_slots()
        if slots.total <= 0:
            return False
        self._is_unsure = self._pipeline.store.is_shared  # a commit may be lost on its way back
        until = self._pipeline.store.leased_until()  # as of before: it may be renewed where customers are lost already
        requests = self._pipeline.release(now, slots.by_action, slots.total)
        self._is_unsure = False
        if requests:
            self._slots = None
            self._outside.begin(requests, until)
        return bool(requests)

    def _until_next(self, stepped_at: Instant) -> float:
        """How long to sleep: until something is due, and never long."""
        pause = self._not_before - time.monotonic()
        if pause > 0:
            return min(pause, IDLE_S)
        try:
            due = self._pipeline.next_due()
        except StoreError as error:
            self._note_trouble("deciding", error)
            return IDLE_S
        if due is None or due <= stepped_at:
            return IDLE_S
        return min(IDLE_S, max(0.001, (due - self._now()) / 1000))

    def _now(self) -> Instant:
        return self._clock.now()

    def _note_trouble(self, what: str, error: Exception) -> None:
        self._stats.store_errors[type(error).__name__] += 1
        pause = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        self._not_before = time.monotonic() + pause
        reason = error.what if isinstance(error, RetainError) else f"{type(error).__name__}: {error}"
        if self._troubles.get(what) != reason:
            log.error(f"{what}_fails", reason=reason)
        self._troubles[what] = reason

    def _note_success(self, what: str) -> None:
        was = self._troubles.pop(what, "")
        if was:
            log.info(f"{what}_works_again", was=was)
        if not self._troubles:
            self._failures = 0
            self._not_before = 0.0
