"""The first look of new and edited watches at all customers: which backfills there are, and how far they have come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from retain.decide.facts import FirstLook
from retain.instants import format_instant
from retain.language.plan import Plan, Planned, Watch
from retain.model import Instant, Json
from retain.store.rows import Batch, WatchRow
from retain.store.store import Store

Kept: TypeAlias = Watch | Planned  # what is kept up to date for each customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """How far one has come. Customers are counted by their numbers, those that were absorbed included."""

    rule: str
    path: str  # of the trigger
    since: Instant
    looked_at: int
    customers: int
    done: bool = False
    paced: bool = False  # whether it waits for the breaker of its rule

    @property
    def left(self) -> int:
        """How many customers it has still to look at."""
        return 0 if self.done else max(0, self.customers - self.looked_at)

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {
            "rule": self.rule,
            "trigger": self.path,
            "since": format_instant(self.since),
            "looked_at": self.looked_at,
            "customers": self.customers,
            "done": self.done,
        }


def kept_by(plan: Plan) -> dict[str, Kept]:
    """What a plan keeps up to date for each customer, by the identity of its state."""
    kept: list[Kept] = [*plan.watches, *plan.personal_schedules]
    return {item.id: item for item in kept}


def backfills_of(store: Store, plan: Plan, *, done: bool = False) -> list[Backfill]:
    """Those of a plan's rules that are under way, as the store knows them.

    Args:
        done: those that are done as well.
    """
    rows = [row for row in store.watch_rows() if done or not row.done]
    if not rows:
        return []
    kept, last = kept_by(plan), store.last_customer()
    return [progress(row, kept[row.watch], last) for row in rows if row.watch in kept]


def progress(row: WatchRow, item: Kept, last: int, *, paced: bool = False) -> Backfill:
    """How far one backfill is.

    Args:
        last: the greatest number of a customer.
    """
    return Backfill(
        rule=item.rule.id,
        path=item.trigger.path,
        since=row.since,
        looked_at=last if row.done else min(row.position, last),
        customers=last,
        done=row.done,
        paced=paced,
    )


def is_silent(item: Kept) -> bool:
    """Whether it starts nothing for those of whom it is true already."""
    return isinstance(item, Planned) or not item.trigger.backfill


def first_looks(rows: Iterable[WatchRow], kept: Mapping[str, Kept]) -> dict[str, FirstLook]:
    """The silent watches whose backfills are not done, and whom each has still to look at."""
    found = {}
    for row in rows:
        item = kept[row.watch]
        if not row.done and isinstance(item, Watch) and is_silent(item):
            found[row.watch] = FirstLook(item, row.since, row.position)
    return found


def register(store: Store, kept: Mapping[str, Kept], now: Instant) -> dict[str, WatchRow]:
    """How far each backfill is; those that are new begin, and what no rule keeps any more is noted.

    Of several workers the one that leads writes it down.
    """
    known = {row.watch: row for row in store.watch_rows()}
    nobody_yet = not store.customer_ids_after(0, 1)
    fresh = [WatchRow(name, item.rule.id, now, 0, nobody_yet) for name, item in kept.items() if name not in known]
    # What no rule watches is not kept up to date: should an edit be taken back, it is looked at anew.
    idle = [
        replace(row, rule="", position=0, done=False) for row in known.values() if row.watch not in kept and row.rule
    ]
    if (fresh or idle) and store.leads:
        store.commit(Batch(watch_progress=[*fresh, *idle]))
    rows = known | {row.watch: row for row in fresh}
    return {name: _begun(rows[name], now) for name in kept}


def _begun(row: WatchRow, now: Instant) -> WatchRow:
    """What comes back counts from then on; once a part of it is done, the store knows since when."""
    is_back = not row.rule and not row.position
    return replace(row, since=max(row.since, now)) if is_back else row
