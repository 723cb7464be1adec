"""Who a condition may hold for, page by page: the database looks at all customers, Python only at those it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from retain.language.sql import statements
from retain.language.sql.conditions import SqlCompiler
from retain.language.sql.setting import Setting
from retain.language.syntax.ast import Node
from retain.model import Instant
from retain.store.store import Store

FEW = 1_000  # so many customers are looked at without asking which of them are worth it
SPAN = 50_000  # ids that one query looks through, so that deciding never waits long


@dataclass(frozen=True, slots=True)
class Page:
    """Customers to look at, in order of id, and up to which id there are no others."""

    ids: list[int]
    reached: int
    is_last: bool


class CustomerPages:
    """All customers for whom some clauses may be true together; without clauses, all there are."""

    def __init__(self, store: Store, nodes: Sequence[Node], zone: tzinfo) -> None:
        self._store = store
        self._nodes = nodes
        self._zone = zone

    def page(self, after: int, limit: int, now: Instant) -> Page:
        """The next ones after an id; where a stretch holds none of them, a page without ids."""
        last = self._store.last_customer()
        if not self._nodes or last <= FEW:
            ids = self._store.customer_ids_after(after, limit)
            return Page(ids, ids[-1] if ids else after, len(ids) < limit)
        upto = min(after + SPAN, last)
        compiler = SqlCompiler(self._store.database, setting_of(self._store, self._zone, now))
        query = statements.members(compiler, compiler.search(self._nodes), statements.Ids(after, upto, limit))
        ids = [row[0] for row in self._store.ask(query)]
        if len(ids) == limit:
            return Page(ids, ids[-1], is_last=False)
        return Page(ids, upto, upto >= last)

    def first(self, after: int, now: Instant) -> int:
        """The next one after an id, however far it is."""
        page = self.page(after, 1, now)
        while not page.ids:
            page = self.page(page.reached, 1, now)
        return page.ids[0]


def setting_of(store: Store, zone: tzinfo, now: Instant) -> Setting:
    """What is asked of the store as it is, about an instant."""
    decided = store.decided()
    return Setting(
        now=now,
        zone=zone,
        watermark=decided.upto,
        is_settled=decided.is_settled,
        has_failed=store.has_failed_events(),
    )
