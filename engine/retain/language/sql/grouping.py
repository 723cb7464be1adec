"""Conditions that begin with events: whom a test of one event's history holds for, as groups of those events.

Looking into the history of every customer costs a look-up each. Where a test cannot be true of somebody without such
an event, all events are grouped in one pass instead, and only the customers of the groups that pass are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import cast

from sqlalchemy import Select, and_, func, select, true
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter, True_
from sqlalchemy.sql.functions import FunctionElement

from retain.language.evaluation.interpreter import evaluate
from retain.language.scope import History, Scope
from retain.language.sql.dialect import Dialect
from retain.language.sql.history import HistoryReading
from retain.language.sql.operand import NotInSqlError, Operand, bound, compared, raw
from retain.language.sql.setting import Setting
from retain.language.sql.source import EVENTS, From, Sql
from retain.language.sql.zones import Zones
from retain.language.syntax import ast
from retain.language.syntax.ast import Node, Window
from retain.language.types import SETS
from retain.model import Instant, Json

Groups = Select[tuple[int]]  # ids of customers
_GROUPED = frozenset({"count", "exists", "last_at", "first_at", "days_since", "sum", "avg", "min", "max", "distinct"})
_AGGREGATES = frozenset({"count", "sum", "min", "max"})


class GroupedReading(HistoryReading):
    """Translates tests of the events of one name to tests of a group of them, the events of one customer."""

    def __init__(self, dialect: Dialect, setting: Setting, windows: Sequence[Window | None]) -> None:
        self.zone = _OneZone(setting.zone)
        super().__init__(dialect, setting, self.zone, sure=False, is_read=False)
        spans = [self.bounds(window) for window in windows]
        lows = [_fixed(low) for low, _ in spans]
        self._low = None if None in lows else min(low for low in lows if low is not None)
        self._high = max(high for _, high in spans)

    def groups(self, name: str, tests: Sequence[Sql], *, with_rows: bool) -> Groups:
        """The customers whose groups pass."""
        source: From = EVENTS
        if with_rows and self.row_source is not None:
            source = EVENTS.join(self.row_source, true())
        events = [
            compared(EVENTS.c.name, "=", bound(name)),
            *self.within(None if self._low is None else bound(self._low), self._high),
        ]
        events += [*self.decided(), *self.not_failed()]
        found = select(EVENTS.c.customer).select_from(source).where(*events).correlate(None)
        return found.group_by(EVENTS.c.customer).having(and_(*tests))

    def exists(self, node: ast.History, want: bool) -> Sql:
        """Whether there is such an event, or none."""
        return compared(self._one(node, func.count()), ">" if want else "=", raw("0"))

    def _one(self, node: ast.History, value: Sql) -> Sql:
        low, high = self.bounds(node.window)
        tests = [compared(EVENTS.c.occurred_at, "<", bound(high))] if high < self._high else []
        if low is not None and (self._low is None or _fixed(low) != self._low):
            tests.append(compared(EVENTS.c.occurred_at, ">=", low))
        if node.where is not None:
            tests.append(self.exact_test(node.where, True))
        return _only(value, and_(*tests)) if tests else value

    def _counted(self, node: ast.History) -> Operand:
        return Operand(self._one(node, func.count()))


def _fixed(low: Sql | None) -> Instant | None:
    return cast(Instant, low.value) if isinstance(low, BindParameter) else None


class _OneZone(Zones):
    """Refuses what differs between zones, because a group of events has none, and takes note that it was asked."""

    has_refused = False

    def local(self, key: tuple[Json, ...], of: Callable[[tzinfo], Json]) -> Operand:
        """A value that is the same in all zones.

        Raises:
            NotInSqlError: it is not.
        """
        before, self.has_refused = self.has_refused, True
        found = super().local(key, of)
        if not found.is_constant:
            raise NotInSqlError
        self.has_refused = before
        return found


def begun(dialect: Dialect, setting: Setting, parts: Sequence[Node]) -> tuple[list[Groups], list[Node]]:
    """Whom some tests leave, as groups of events, and which tests are left to be asked of these customers."""
    by_event: dict[str, list[Node]] = {}
    for part in parts:
        if (name := _event_of(part)) and _needs_events(part, setting):
            by_event.setdefault(name, []).append(part)
    found: list[Groups] = []
    answered: set[int] = set()
    for name, tests in by_event.items():
        histories = [history for test in tests for history in _histories(test)]
        with_rows = any(history.path or history.where is not None for history in histories)
        if with_rows and not dialect.reads_whole:
            continue
        reading = GroupedReading(dialect, setting, [history.window for history in histories])
        having = []
        for test in tests:
            reading.is_exact, reading.zone.has_refused = True, False
            passes = reading.test(test, True)
            if reading.zone.has_refused:  # in another zone it may be true of somebody without events
                continue
            having.append(passes)
            if reading.is_exact:
                answered.add(id(test))
        if any(not isinstance(test, True_) for test in having):
            found.append(reading.groups(name, having, with_rows=with_rows))
    return found, [part for part in parts if id(part) not in answered]


def _event_of(node: Node) -> str:
    """The one event whose history a test reads and nothing else of the customer; else empty."""
    names = set()
    for part in node.walk():
        match part:
            case ast.Field(root="customer") | ast.Call(function="known_days") | ast.InSegment(body=None):
                return ""
            case ast.History():
                if not _can_be_grouped(part):
                    return ""
                names.add(part.event)
    return names.pop() if len(names) == 1 else ""


def _can_be_grouped(node: ast.History) -> bool:
    window = node.window
    is_of_members = node.function == "distinct" and (node.field_type is None or node.field_type.kind in SETS)
    has_fixed_window = window is None or window.form in ("last", "between", "start")
    is_stored = node.event != "customer_updated"
    return node.function in _GROUPED and has_fixed_window and is_stored and not is_of_members


def _needs_events(node: Node, setting: Setting) -> bool:
    """Whether a test is not true of somebody who never had an event."""
    nobody = Scope(
        setting.now,
        {},
        History(),
        setting.now,
        event=setting.event,
        steps=setting.steps,
        trigger=setting.trigger,
        changed=setting.changed,
        started_at=setting.started_at,
        zone=setting.zone,
    )
    return evaluate(node, nobody) is not True


def _histories(node: Node) -> Iterator[ast.History]:
    return (part for part in node.walk() if isinstance(part, ast.History))


def _only(value: Sql, test: Sql) -> Sql:
    """The same with each of its aggregates over fewer events."""

    def replaced(element: object, **_: object) -> Sql | None:
        if isinstance(element, FunctionElement) and getattr(element, "name", "") in _AGGREGATES:
            return element.filter(test)
        return None

    return visitors.replacement_traverse(value, {}, replaced)
