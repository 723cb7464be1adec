"""A worker's lease on its partitions: renewed by a thread of its own, by the database's clock.

The same thread listens for other workers, so that what one of them takes in is decided at once where it belongs.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from secrets import token_hex
from typing import Any

from retain.clock import running
from retain.store.database import Session
from retain.store.dialects.base import Dialect

LEASE_MS = 10_000
CHANNEL = "retain"
_BEATS = 4  # in the time of a lease
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_FREE = f"FROM partitions p LEFT JOIN workers w ON w.id = p.owner WHERE w.id IS NULL OR w.leased_until <= {_NOW}"
_RENEW = (
    f"INSERT INTO workers (id, name, leased_until) VALUES (?, ?, {_NOW} + ?)"
    " ON CONFLICT (id) DO UPDATE SET leased_until = excluded.leased_until"
)
_CLAIM = (
    "UPDATE partitions SET owner = ?, token = token + 1 WHERE number IN"
    f" (SELECT p.number {_FREE} ORDER BY p.number LIMIT ? FOR UPDATE OF p SKIP LOCKED)"
)
_GIVE_UP = "UPDATE partitions SET owner = NULL, token = token + 1 WHERE owner = ? AND number = ANY(?)"
_END_LOST = (  # a process that was stopped in the middle of a transaction holds its locks while it is stopped
    "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a"
    " JOIN workers w ON a.application_name = 'retain ' || w.id"
    f" WHERE w.leased_until <= {_NOW} AND w.id != ? AND a.usename = current_user"  # others may not be ended
)
LIVING = f"SELECT name FROM workers WHERE leased_until > {_NOW} AND id != ? ORDER BY name"
_FORGET = f"DELETE FROM workers WHERE leased_until < {_NOW} - 3600000"


class Leases:
    """One worker's standing among the others.

    Args:
        lease_ms: how long a worker that does not answer keeps its partitions.
        woken: called from the thread when another worker has taken something in.
    """

    def __init__(self, dialect: Dialect, lease_ms: int = LEASE_MS) -> None:
        self.worker = token_hex(8)
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.lease_ms = lease_ms
        self.others = 0
        self.unbalanced = False
        self.sure_until = 0.0  # the `running()` up to which nobody else takes this worker for lost
        self.woken: Callable[[], None] | None = None
        self._dialect = dialect
        self._beat_s = lease_ms / 1000 / _BEATS
        self._owned: set[int] = set()
        self._waits = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="retain-lease", daemon=True)

    def start(self, session: Session) -> None:
        """Begin to live, before anything is claimed."""
        self.renew(session)
        self._thread.start()

    def renew(self, session: Session) -> None:
        """Say that this worker lives, and see who else does and what is free."""
        began = running()
        session.change(_RENEW, (self.worker, self.name, self.lease_ms))
        self.sure_until = began + self.lease_ms / 1000
        session.rows(_END_LOST, (self.worker,))
        others = session.row(f"SELECT count(*) FROM workers WHERE leased_until > {_NOW} AND id != ?", (self.worker,))
        owned = {row[0] for row in session.rows("SELECT number FROM partitions WHERE owner = ?", (self.worker,))}
        free = session.row(f"SELECT count(*) {_FREE}")
        total = session.row("SELECT count(*) FROM partitions")
        self.others = others[0] if others else 0
        fair = self.fair_share(total[0] if total else 0)
        has_room = bool(free and free[0]) and len(owned) < fair
        self.unbalanced = has_room or len(owned) > fair or owned != self._owned or self._waits

    def fair_share(self, partitions: int) -> int:
        """How many partitions are one worker's, rounded up."""
        return -(-partitions // (self.others + 1))

    def claim(self, session: Session, most: int) -> None:
        """Take partitions that are nobody's; what another worker is just taking is left alone."""
        session.change(_FORGET)
        session.change(_CLAIM, (self.worker, most))

    def give_up(self, session: Session, numbers: Collection[int]) -> None:
        """Leave partitions to others."""
        session.change(_GIVE_UP, (self.worker, list(numbers)))

    def balanced(self, owned: set[int], *, waits: bool) -> None:
        """Take note of what is owned after a balance, and whether something is still to be given up."""
        self._owned, self._waits, self.unbalanced = owned, waits, False

    def leave(self, session: Session) -> None:
        """Give everything up and be gone."""
        self._ended.set()
        session.change("UPDATE partitions SET owner = NULL, token = token + 1 WHERE owner = ?", (self.worker,))
        session.change("DELETE FROM workers WHERE id = ?", (self.worker,))

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _work(self) -> None:
        session: Session | None = None
        while not self._ended.wait(0 if session is not None else min(1.0, self._beat_s)):
            try:
                if session is None or session.is_lost:
                    session = Session(self._dialect.connect_writer(), self._dialect)
                    session.change(f"LISTEN {CHANNEL}")
                self.renew(session)
                self._listen(session, self._beat_s)
            except self._dialect.errors:  # the database is away: whoever writes says so, here it is tried again
                if session is not None:
                    session.close()
                session = None
        if session is not None:
            session.close()

    def _listen(self, session: Session, seconds: float) -> None:
        driver: Any = session.driver
        end = time.monotonic() + seconds
        while not self._ended.is_set() and (left := end - time.monotonic()) > 0:
            for _ in driver.notifies(timeout=min(left, 0.25), stop_after=1):
                if self.woken is not None:
                    self.woken()
            if self.unbalanced and self.woken is not None:
                self.woken()
