"""The file: one writer, readers that leave no trace, tables of the right version, errors that say what to do."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from postgres_help import database
from retain.errors import (
    SchemaVersionError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from retain.store import migrate
from retain.store.filesystem import refuse_network
from retain.store.lock import writer_of
from retain.store.store import Store
from retain.store.tables import SCHEMA_VERSION, metadata
from store_help import T0, message


def filled(path, events=3):
    with Store.open(path) as store:
        store.accept([message() for _ in range(events)], T0)
    return path


def traces(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def set_version(path, version):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()


def test_what_was_stored_is_there_when_it_is_opened_again(tmp_path):
    filled(tmp_path / "a b#?.db")
    with Store.open(f"sqlite:///{tmp_path}/a b#?.db") as store:
        assert len(store.undecided(10)) == 3
        assert store.accept([message(user_id="2")], T0)[0].customer == 2


def test_a_second_writer_is_refused_and_told_who_holds_the_store(tmp_path):
    with Store.open(tmp_path / "retain.db"):
        assert writer_of(tmp_path / "retain.db") == os.getpid()
        with pytest.raises(StoreBusyError, match=f"process {os.getpid()} has the store open"):
            Store.open(tmp_path / "retain.db")
    assert writer_of(tmp_path / "retain.db") is None
    Store.open(tmp_path / "retain.db").close()


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path):
    code = "import os, sys; from retain.store.store import Store; Store.open(sys.argv[1]); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "r.db")], check=False).returncode == -9
    Store.open(tmp_path / "r.db").close()


def test_reading_a_store_at_rest_leaves_no_trace(tmp_path):
    path = filled(tmp_path / "retain.db")
    before = traces(tmp_path)
    with Store.open(path, read_only=True) as store:
        assert store.counts().events == 3
        assert traces(tmp_path) == before
        with pytest.raises(StoreError, match="for reading only"):
            store.accept([message()], T0)
    assert traces(tmp_path) == before


def test_a_writer_waits_for_readers_of_a_store_at_rest(tmp_path):
    path = filled(tmp_path / "retain.db")
    with Store.open(path, read_only=True), pytest.raises(StoreBusyError, match="another process reads"):
        Store.open(path, lock_wait_s=0.1)
    Store.open(path, lock_wait_s=0.1).close()


def test_a_store_can_be_read_while_a_daemon_writes(tmp_path):
    with Store.open(tmp_path / "retain.db") as writer:
        writer.accept([message()], T0)
        with Store.open(tmp_path / "retain.db", read_only=True) as reader:
            assert reader.counts().events == 1
            writer.accept([message()], T0)
            assert reader.counts().events == 2


def test_a_store_can_be_read_after_a_crash_with_all_that_was_committed(tmp_path):
    with Store.open(tmp_path / "retain.db") as store:
        store.accept([message()], T0)
        (tmp_path / "crashed").mkdir()
        for name in ("retain.db", "retain.db-wal", "retain.db-shm"):
            shutil.copy(tmp_path / name, tmp_path / "crashed" / name)
    with Store.open(tmp_path / "crashed" / "retain.db", read_only=True) as reader:
        assert reader.counts().events == 1


def test_after_a_checkpoint_a_copy_of_the_file_alone_is_whole(tmp_path):
    with Store.open(tmp_path / "retain.db") as store:
        store.accept([message()], T0)
        store.checkpoint()
        shutil.copy(tmp_path / "retain.db", tmp_path / "copy.db")
    with Store.open(tmp_path / "copy.db", read_only=True) as copy:
        assert copy.counts().events == 1


def test_a_missing_store_is_made_only_by_a_writer_that_may(tmp_path):
    for how in ({"read_only": True}, {"create": False}):
        with pytest.raises(StoreUnavailableError, match="no store"):
            Store.open(tmp_path / "retain.db", **how)
    with pytest.raises(StoreUnavailableError, match="no such folder"):
        Store.open(tmp_path / "nowhere" / "retain.db")


def test_a_scratch_store_takes_everything_and_shows_it_to_other_threads(tmp_path):
    with Store.open(tmp_path / "scratch.db", scratch=True) as store:
        store.accept([message()], T0)
        assert store.counts().events == 1


@pytest.mark.parametrize("content", [b"hello " * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_store_is_refused(tmp_path, content, read_only):
    (tmp_path / "retain.db").write_bytes(content)
    with pytest.raises(StoreUnavailableError):
        Store.open(tmp_path / "retain.db", read_only=read_only)


def test_another_programs_database_is_refused_untouched(tmp_path):
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(StoreUnavailableError, match="no store of Retain"):
        Store.open(tmp_path / "other.db")


def test_other_databases_are_named_as_not_supported():
    with pytest.raises(StoreError, match="'mysql' are not supported"):
        Store.open("mysql://localhost/retain")


def test_an_older_store_names_the_command_and_a_newer_one_the_cure(tmp_path):
    path = filled(tmp_path / "retain.db")
    set_version(path, "0000")
    with pytest.raises(SchemaVersionError, match="retain db upgrade"):
        Store.open(path)
    set_version(path, "9999")
    for opened in (Store.open, lambda path: Store.open(path, read_only=True), migrate.upgrade):
        with pytest.raises(SchemaVersionError, match="newer version of retain"):
            opened(path)


def test_the_migrations_lead_to_the_version_of_the_tables():
    assert migrate.newest_version() == SCHEMA_VERSION


def test_the_migrations_make_the_same_tables_as_the_metadata(tmp_path):
    (tmp_path / "migrated.db").touch()
    assert migrate.upgrade(tmp_path / "migrated.db") == ("", SCHEMA_VERSION)
    filled(tmp_path / "created.db", events=0)
    assert schema(tmp_path / "migrated.db") == schema(tmp_path / "created.db")
    engine = create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_make_the_same_tables_on_postgresql():
    with database(empty=True) as migrated, database() as created:
        assert migrate.upgrade(migrated) == ("", SCHEMA_VERSION)
        assert catalogue(migrated) == catalogue(created)
        Store.open(migrated).close()


def catalogue(url):
    """Columns, indexes and keys as PostgreSQL describes them."""
    columns = "table_name, column_name, data_type, is_nullable, collation_name, column_default"
    queries = (
        f"SELECT {columns} FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    )
    with psycopg.connect(url) as connection:
        return [connection.execute(query).fetchall() for query in queries]


def schema(path):
    connection = sqlite3.connect(path)
    found = {
        name: " ".join(sql.split())
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE sql > ''")
    }
    connection.close()
    return found


def test_a_migrated_store_works_and_is_left_alone_by_a_second_upgrade(tmp_path):
    (tmp_path / "retain.db").touch()
    migrate.upgrade(tmp_path / "retain.db")
    filled(tmp_path / "retain.db")
    assert migrate.upgrade(tmp_path / "retain.db") == (SCHEMA_VERSION, SCHEMA_VERSION)
    with Store.open(tmp_path / "retain.db") as store:
        assert store.counts().events == 3
        with pytest.raises(StoreBusyError):
            migrate.upgrade(tmp_path / "retain.db")


def test_a_query_that_takes_too_long_is_ended_in_threads_that_do_not_write(tmp_path):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with Store.open(tmp_path / "retain.db", read_limit_s=0.05) as store:

        def ask():
            with pytest.raises(StoreError, match="too long"), store._db.read() as session:
                session.rows(endless)
            return store.counts().events

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(ask).result() == 0


def test_health_names_the_file_and_the_version(tmp_path):
    with Store.open(tmp_path / "retain.db") as store:
        store.accept([message()], T0)
        health = store.health()
    assert health.path == str(tmp_path / "retain.db")
    assert min(health.file_bytes, health.journal_bytes, health.free_bytes) > 0
    assert health.is_safe_version is (sqlite3.sqlite_version_info >= (3, 51, 3))
    with Store.in_memory() as store:
        assert store.health().path == ""


def test_every_column_says_what_it_holds():
    columns = [column for table in metadata.tables.values() for column in table.columns]
    assert [f"{column.table.name}.{column.name}" for column in columns if not column.comment] == []


def test_network_file_systems_are_refused(tmp_path):
    device = tmp_path.stat().st_dev
    line = f"36 35 {os.major(device)}:{os.minor(device)} / /mnt rw,noatime shared:1 - {{kind}} server:/x rw\n"
    refuse_network(tmp_path, line.format(kind="ext4"))
    refuse_network(tmp_path, "37 35 0:999 / /other rw - nfs4 server:/x rw\n")
    with pytest.raises(StoreError, match=r"network file system \(nfs4\)"):
        refuse_network(tmp_path, line.format(kind="nfs4"))


def test_a_full_disk_stores_nothing_of_the_call_and_is_recovered_from(tmp_path):
    with Store.open(tmp_path / "retain.db") as store:
        set_pages(store, 120)
        acknowledged = fill(store)
        assert store.counts().events == acknowledged > 0
        with pytest.raises(StoreFullError):
            store.accept([message(fields={"text": "x" * 100_000})], T0)
        set_pages(store, 10_000)
        store.accept([message()], T0)
        assert store.counts().events == acknowledged + 1
    with Store.open(tmp_path / "retain.db") as store:
        assert [event.seq for event in store.undecided(10_000)][-1] >= acknowledged


def test_whatever_write_a_disk_fills_up_at_what_is_acknowledged_is_stored(tmp_path):
    for pages in range(100, 106):
        with Store.open(tmp_path / f"{pages}.db") as store:
            set_pages(store, pages)
            acknowledged = fill(store, size=7)
            assert store.counts().events == acknowledged
            assert store.find_customer("nobody") is None


def set_pages(store, pages):
    """Let the file grow to so many pages and no further, as a disk of that size would."""
    with store._db.read() as session:
        session.rows(f"PRAGMA max_page_count = {pages}")


def fill(store, size=20):
    acknowledged = 0
    while True:
        batch = [message(user_id=f"{acknowledged}-{place}", fields={"text": "x" * 500}) for place in range(size)]
        try:
            acknowledged += len(store.accept(batch, T0))
        except StoreFullError:
            return acknowledged
