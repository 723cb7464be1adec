"""A project's store, opened for looking at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retain.config import Config
from retain.errors import NotFoundError, StoreUnavailableError
from retain.model import Json
from retain.store.rows import CustomerRow
from retain.store.store import Store


def store_path(config: Config) -> Path:
    """Where the store's file is."""
    return Path(config.store_location().removeprefix("sqlite:///"))


@contextmanager
def reading(config: Config) -> Iterator[Store]:
    """The store, read-only; beside a running daemon too.

    Raises:
        StoreUnavailableError: nothing has been stored yet, or the file cannot be used.
    """
    path = store_path(config)
    if not path.exists():
        raise StoreUnavailableError(
            "nothing is stored yet", where=str(path), cure="start with: retain import FILE, or: retain run"
        )
    with Store.open(config.store_location(), read_only=True) as store:
        yield store


def find_customer(store: Store, name: str) -> CustomerRow:
    """The customer whom a text names: user id, anonymous id, address, key, or `#` and the internal number.

    Raises:
        NotFoundError: nobody is called so.
    """
    found = store.find_customer(name)
    if found is None:
        raise NotFoundError("customer", name)
    return found


def short_key(key: str) -> str:
    """A customer's name for people: the user id as it came, other names with their kind."""
    return key.removeprefix("user:")


def names_of(store: Store, customers: Iterable[int]) -> dict[int, str]:
    """The short name of each customer by internal number; `-` for nobody."""
    wanted = {customer for customer in customers if customer}
    return {0: "-"} | {number: short_key(row.key) for number, row in store.customers(sorted(wanted)).items()}


def customer_json(store: Store, row: CustomerRow) -> dict[str, Json]:
    """A customer as plain JSON."""
    return {
        "id": row.id,
        "customer": short_key(row.key),
        "key": row.key,
        "names": store.identities_of(row.id),
        "fields": row.fields,
    }
