"""Bringing a store of an older version up to this one: `retain db upgrade`. The only module that imports alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from retain.errors import SchemaVersionError, StoreBusyError, StoreUnavailableError
from retain.store.dialects.location import file_of, is_server
from retain.store.dialects.postgres import PostgresDialect
from retain.store.dialects.sqlite import SqliteDialect
from retain.store.leases import LIVING
from retain.store.lock import StoreLock


def upgrade(url_or_path: str | Path, to: str = "head") -> tuple[str, str]:
    """Run the missing steps in one transaction; the versions before and after.

    Args:
        to: the version to stop at; by default this program's.

    Raises:
        StoreBusyError: a daemon or worker has the store open.
        StoreUnavailableError: there is no such file, or it cannot be used.
        SchemaVersionError: the store is newer than this program.
    """
    if is_server(url_or_path):
        return _upgrade(PostgresDialect(str(url_or_path)), to)
    path = file_of(url_or_path)
    if not path.exists():
        raise StoreUnavailableError("there is no store", where=str(path), cure="make a project with `retain init`")
    lock = StoreLock.exclusive(path)
    try:
        return _upgrade(SqliteDialect(path), to)
    finally:
        lock.release()


def _upgrade(dialect: SqliteDialect | PostgresDialect, to: str) -> tuple[str, str]:
    try:
        with dialect.migrating() as connection:
            connection.exec_driver_sql(dialect.lock_schema)
            if dialect.is_shared and _version(connection) < newest_version():
                _refuse_workers(connection, dialect)
            return _run(connection, to, dialect.where)
    except dialect.errors as error:
        raise dialect.translate(error) or error from error


def _refuse_workers(connection: Connection, dialect: SqliteDialect | PostgresDialect) -> None:
    """A worker that goes on would write rows as it knows them into tables that mean more by now."""
    if ("workers",) not in map(tuple, connection.exec_driver_sql(dialect.tables)):
        return
    living = [row[0] for row in connection.exec_driver_sql(dialect.spelled(LIVING), ("",))]
    if living:
        cure = "stop them all; one that was killed counts until its lease ends"
        raise StoreBusyError(f"workers have the store open: {', '.join(living)}", where=dialect.where, cure=cure)


def newest_version() -> str:
    """The version that the steps lead to."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _run(connection: Connection, to: str, where: str) -> tuple[str, str]:
    before = _version(connection)
    if before > newest_version():
        raise SchemaVersionError(
            f"the store's tables are at version {before}, this program knows {newest_version()}",
            where=where,
            cure="install the newer version of retain that wrote it",
        )
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    return before, _version(connection)


def _version(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
