"""The yardstick of durable decisions: what ours has written, written again by a script that decides nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
import psycopg

from retain.model import Message
from retain.store.acceptance import INSERT_NEW_EVENT
from retain.store.database import Session, Values
from retain.store.dialects.postgres import PostgresDialect
from retain.store.dialects.sqlite import BEGIN_WRITE

Log: TypeAlias = list[tuple[str, list[Values]]]

SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA cache_size = -65536",
)
_encode = msgspec.json.Encoder().encode


class Recorder:
    """Notes every statement that changes the file, with its rows; reading is not noted."""

    def __init__(self) -> None:
        self._change, self._change_many = Session.change, Session.change_many
        self._log: Log = []

    def start(self) -> None:
        """Note from here on."""
        change, change_many, log = self._change, self._change_many, self._log

        def noted(session: Session, sql: str, values: Values = ()) -> int:
            log.append((sql, [values]))
            return change(session, sql, values)

        def noted_many(session: Session, sql: str, rows: Iterable[Values]) -> int:
            kept = list(rows)
            if kept:
                log.append((sql, kept))
            return change_many(session, sql, kept)

        Session.change, Session.change_many = noted, noted_many  # type: ignore[method-assign]

    def take(self) -> Log:
        """Stop, and give what was noted."""
        Session.change, Session.change_many = self._change, self._change_many  # type: ignore[method-assign]
        taken, self._log = self._log, []
        return taken


class Bare:
    """The same statements with the same rows, on a copy of the file or database.

    Args:
        commits: 2 for a batch as ours, or 1.
        ready: whether the rows of events are ready made as well; else they are made of the messages, as any program
            that is handed events must.
    """

    def __init__(self, path: Path | str, *, commits: int = 2, ready: bool = False) -> None:
        self._open(path)
        self._every = 2 // commits
        self._ready = ready

    def _open(self, path: Path | str) -> None:
        driver = sqlite3.connect(path, isolation_level=None, cached_statements=512)
        for setting in SETTINGS:
            driver.execute(setting)
        self._run: Callable[..., object] = driver.execute
        self._run_many: Callable[..., object] = driver.executemany

    def run(self, log: Log, messages: Sequence[Message]) -> None:
        """Write one round; with one commit, two transactions in a row are made one."""
        run, run_many = self._run, self._run_many
        ended = written = 0
        for sql, rows in log:
            if sql == "COMMIT":
                ended += 1
                if ended % self._every == 0:
                    run(sql)
            elif sql in (BEGIN_WRITE, PostgresDialect.begin_write):
                if ended % self._every == 0:
                    run(sql)
            elif sql == INSERT_NEW_EVENT and not self._ready:
                run_many(sql, _made(rows, messages[written : written + len(rows)]))
                written += len(rows)
            elif len(rows) == 1:
                run(sql, rows[0])
            else:
                run_many(sql, rows)


class PostgresBare(Bare):
    """The same on a copy of a database; many rows by one statement, as ours writes them."""

    def _open(self, path: Path | str) -> None:
        connection = psycopg.connect(str(path), autocommit=True)
        cursor, dialect = connection.cursor(), PostgresDialect(str(path))
        self._run = lambda sql, values=(): cursor.execute(dialect.spelled(sql), values)
        self._run_many = lambda sql, rows: dialect.change_many(connection, sql, rows)
        self._by_row = lambda sql, rows: cursor.executemany(dialect.spelled(sql), rows)
        self.close = connection.close


class PostgresBareByRow(PostgresBare):
    """The same with a statement for each row, as the driver sends them."""

    def _open(self, path: Path | str) -> None:
        super()._open(path)
        self._run_many = self._by_row


def _made(rows: Sequence[Values], messages: Sequence[Message]) -> list[Values]:
    """Event rows from messages; place, customer, kind and source are taken as known."""
    return [
        (
            row[0], row[1], row[2], message.name, _encode(message.fields).decode(), message.occurred_at,
            message.received_at, row[7], message.message_id, 0, message.historical, None, None, None,
        )
        for row, message in zip(rows, messages, strict=True)
    ]  # fmt: skip
