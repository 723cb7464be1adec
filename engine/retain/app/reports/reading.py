"""A project's store, opened for looking at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from retain.app.reports.times import read_time
from retain.clock import SystemClock
from retain.config.settings import Config
from retain.errors import NotFoundError, StoreUnavailableError
from retain.model import DecisionRow, EffectState, Instant, Json, Run, RunState
from retain.store.dialects.location import shown
from retain.store.rows import CustomerRow
from retain.store.store import Store

__all__ = [
    "Chosen",
    "Store",
    "chosen",
    "customer_json",
    "find_customer",
    "find_run",
    "names_of",
    "reading",
    "stuck_runs",
]
_ALL = 10_000
_EVERY = 1 << 31
_FOR_A_PERSON = (EffectState.DEAD, EffectState.IN_DOUBT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a list is narrowed to; None is everything."""

    rule: str | None
    customer: int | None
    since: Instant | None
    until: Instant | None


def has_store(config: Config) -> bool:
    """Whether anything has been stored yet.

    Raises:
        StoreUnavailableError: the database does not answer.
    """
    return Store.exists(config.store_location())


FILL = "start with: retain import FILE, or: retain run"
FILL_OR_NAME = "name files with --events, or fill it: retain import FILE"


@contextmanager
def reading(config: Config, *, cure: str = FILL) -> Iterator[Store]:
    """The store, read-only; beside a running daemon too.

    Args:
        cure: what to do where nothing is stored yet.

    Raises:
        StoreUnavailableError: nothing has been stored yet, or the file cannot be used.
    """
    location = config.store_location()
    if not Store.exists(location):
        raise StoreUnavailableError("nothing is stored yet", where=shown(location), cure=cure)
    with Store.open(location, read_only=True) as store:
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


def find_run(store: Store, run_id: str) -> Run:
    """One run by its id.

    Raises:
        NotFoundError: there is none.
    """
    run = store.runs_by_id([run_id]).get(run_id)
    if run is None:
        raise NotFoundError("run", run_id)
    return run


def log_of(store: Store, run: Run) -> list[DecisionRow]:
    """Everything that was decided about a run, in order."""
    rows = store.decisions_of(customer=run.customer, rule=run.rule, since=run.started_at, limit=_ALL)
    return [row for row in reversed(rows) if row.run == run.id]


def time_or_none(text: str | None, config: Config) -> Instant | None:
    """A time of the command line, in the project's zone; None where none is given."""
    return None if text is None else read_time(text, SystemClock().now(), ZoneInfo(config.zone))


def chosen(
    config: Config,
    store: Store,
    *,
    rule: str | None = None,
    customer: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Chosen:
    """What people wrote to narrow a list, as values."""
    return Chosen(
        rule=rule,
        customer=None if customer is None else find_customer(store, customer).id,
        since=time_or_none(since, config),
        until=time_or_none(until, config),
    )


def short_key(key: str) -> str:
    """A customer's name for people: the user id as it came, other names with their kind."""
    return key.removeprefix("user:")


def names_of(store: Store, customers: Iterable[int]) -> dict[int, str]:
    """The short name of each customer by internal number; `-` for nobody."""
    wanted = {customer for customer in customers if customer}
    return {0: "-"} | {number: short_key(row.key) for number, row in store.customers(sorted(wanted)).items()}


def stuck_runs(store: Store, rule: str | None = None) -> list[Run]:
    """Runs that are held because deciding about them raised, and not for an effect that waits for a person."""
    held = store.list_runs(rule=rule, states=[RunState.HELD], limit=_EVERY)
    acting = [str(run.context["acting"]) for run in held if run.context.get("acting")]
    waiting = {effect.id for effect in store.effects_by_id(acting) if effect.state in _FOR_A_PERSON}
    return [run for run in held if run.context.get("acting") not in waiting]


def customer_json(store: Store, row: CustomerRow) -> dict[str, Json]:
    """A customer as plain JSON."""
    return {
        "id": row.id,
        "customer": short_key(row.key),
        "key": row.key,
        "names": store.identities_of(row.id),
        "fields": row.fields,
    }
