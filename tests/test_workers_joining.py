"""A worker that joins: what it needs of the database, and what is left where it cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from postgres_help import database
from retain.store.sharing import PARTITIONS
from retain.store.store import Store

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
