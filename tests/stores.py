"""Every kind of store that there is, for tests of what all of them promise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postgres_help import database
from retain.store.store import Store

KINDS = ("file", "memory", "postgresql")


@contextmanager
def new_store(kind: str, folder: Path) -> Iterator[Store]:
    """A new store of one kind."""
    if kind == "postgresql":
        with database() as url, Store.open(url) as store:
            yield store
    elif kind == "file":
        with Store.open(folder / "retain.db") as store:
            yield store
    else:
        with Store.in_memory() as store:
            yield store
