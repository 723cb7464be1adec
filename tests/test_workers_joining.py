"""A worker that joins: what it needs of the database, and what is left where it cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from postgres_help import database
from retain.errors import StoreBusyError
from retain.store import migrate
from retain.store.sharing import PARTITIONS
from retain.store.store import Store
from retain.store.tables import SCHEMA_VERSION

_REFUSE = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
    " CREATE TRIGGER refusing BEFORE UPDATE ON partitions EXECUTE FUNCTION refuse()"
)


def test_a_worker_that_can_take_nothing_does_not_live_on_as_one_that_decides_nothing() -> None:
    with database(empty=True) as url:
        Store.open(url).close()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(_REFUSE)
        before = set(threading.enumerate())
        with pytest.raises(psycopg.Error, match="no"):
            Store.open(url)
        assert set(threading.enumerate()) <= before


def test_a_worker_takes_over_from_one_whose_connections_it_may_not_end() -> None:
    with database(empty=True) as url, role("other", url) as other:
        Store.open(url).close()
        with psycopg.connect(url, autocommit=True, application_name="retain lost") as lost:
            for kind in ("TABLES", "SEQUENCES"):
                lost.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA public TO other")
            lost.execute("INSERT INTO workers (id, name, leased_until) VALUES ('lost', 'elsewhere:1', 0)")
            lost.execute("UPDATE partitions SET owner = 'lost'")
            with closing(Store.open(other)) as store:
                assert store._share is not None
                assert len(store._share.tokens) == PARTITIONS
            assert lost.execute("SELECT 1").fetchone() == (1,)


def test_tables_are_not_brought_up_to_date_under_a_worker_that_lives() -> None:
    with database(empty=True) as url:
        migrate.upgrade(url, to="0003")
        with psycopg.connect(url, autocommit=True) as worker:
            worker.execute("INSERT INTO workers (id, name, leased_until) VALUES ('older', 'elsewhere:1', 9e15)")
            with pytest.raises(StoreBusyError, match="elsewhere:1"):
                migrate.upgrade(url)
            worker.execute("UPDATE workers SET leased_until = 0")
        assert migrate.upgrade(url) == ("0003", SCHEMA_VERSION)


@contextmanager
def role(name: str, url: str) -> Iterator[str]:
    """The database's URL for a user of its own, who may do nothing yet."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN")
    try:
        yield url.replace("//retain@", f"//{name}@")
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
