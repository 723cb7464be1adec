"""Aggregates over a customer's events: correlated subqueries, one row of the customer at a time.

Events of one instant are ordered as they were decided. A sum of doubles has bounds, because a database rounds after
every addition and the language once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo

from sqlalchemy import BigInteger, Double, Select, and_, case, distinct, func, or_, select, true

from retain.language.evaluation.interpreter import field_type
from retain.language.evaluation.windows import calendar_start, since_date
from retain.language.sql.logic import Logic
from retain.language.sql.operand import NotInSqlError, Operand, bound, compared, infix, raw
from retain.language.sql.source import CUSTOMERS, EVENTS, FAILED, From, Sql
from retain.language.syntax import ast
from retain.language.syntax.ast import Window
from retain.language.types import SETS, Type
from retain.model import Instant

_UPDATED = "customer_updated"  # its one field stands in another table
_ROUNDING = 2.3e-16  # of one addition, relative to what is added


class HistoryReading(Logic):
    """Translates looks at history."""

    def history(self, node: ast.History) -> Operand:
        """The value of an aggregate."""
        at = EVENTS.c.occurred_at
        match node.function:
            case "count":
                return self._counted(node)
            case "exists":
                return Operand(self.exact_test(node, True))
            case "last_at" | "first_at":
                return Operand(self._one(node, func.max(at) if node.function == "last_at" else func.min(at)))
            case "days_since":
                latest = self._one(node, func.max(at))
                return Operand(self.days(infix(bound(self.setting.now), "-", latest, BigInteger())))
            case "ratio":
                return Operand(self.dialect.over(self._one(node, func.count()), self._count_others(node)))
            case "distinct":
                return Operand(self._distinct(node))
            case "last" | "first":
                return self._at_end(node)
            case "sum" | "avg":
                return self._total(node)
            case _:
                return self._extreme(node)

    def exists(self, node: ast.History, want: bool) -> Sql:
        """Whether there is such an event, or none."""
        if want:
            return self._select(node, raw("1")).exists()
        with self.flipped():
            found = self._select(node, raw("1"))
        return ~found.exists()

    def history_member(self, node: ast.History, item: Sql) -> Sql:
        """Whether the set in the first or last event holds a value."""
        member = self.dialect.has_member(self.row, node.path, item, text=field_type(node).kind == "text_set")
        return self._first_row(node, member)

    def _events(self, node: ast.History, name: str) -> list[Sql]:
        """Which events are of the customer, of this name, in the window, decided and not set aside."""
        if name == _UPDATED:
            raise NotInSqlError
        found = [compared(EVENTS.c.customer, "=", CUSTOMERS.c.id), compared(EVENTS.c.name, "=", bound(name))]
        return [*found, *self.within(*self.bounds(node.window)), *self.decided(), *self.not_failed()]

    def within(self, low: Sql | None, high: Instant) -> list[Sql]:
        """Which events lie between bounds."""
        at = EVENTS.c.occurred_at
        return [*([] if low is None else [compared(at, ">=", low)]), compared(at, "<", bound(high))]

    def decided(self) -> list[Sql]:
        """Which events are decided."""
        mark, events = self.setting.watermark, EVENTS.c
        if mark is None:
            return []
        decided = compared(events.seq, "<=", raw(mark, BigInteger) if isinstance(mark, str) else bound(mark))
        return [decided if self.setting.is_settled else or_(decided, events.cause_seq.is_not(None))]

    def not_failed(self) -> list[Sql]:
        """Which events are not set aside."""
        return [EVENTS.c.seq.not_in(select(FAILED.c.event_seq))] if self.setting.has_failed else []

    def bounds(self, window: Window | None) -> tuple[Sql | None, Instant]:
        """Where a window begins, None for no beginning, and where it ends."""
        now, started = self.setting.now, self.setting.started_at
        if window is None:
            return None, now
        match window.form:
            case "last":
                return bound(now - window.near), now
            case "between":
                return bound(now - window.far), now - window.near
            case "start":
                return bound(now if started is None else started), now
            case "since":
                return self.zones.local(("since", window.at), lambda zone: since_date(window.at, zone)).value, now
            case _:
                key = ("window", window.form, window.count, window.unit)
                return self.zones.local(key, self._start_of(window)).value, now

    def _start_of(self, window: Window) -> Callable[[tzinfo], Instant]:
        return lambda zone: calendar_start(window, self.setting.now, zone)

    def _select(self, node: ast.History, *values: Sql) -> Select[tuple[object, ...]]:
        """The events that count, in the present direction."""
        return self._query(node, values, None if node.where is None else self.test(node.where, True))

    def _exactly(self, node: ast.History, *values: Sql, beside: Sequence[From] = ()) -> Select[tuple[object, ...]]:
        """The events that count, where the database can tell."""
        where = None if node.where is None else self.exact_test(node.where, True)
        return self._query(node, values, where, beside)

    def _query(
        self, node: ast.History, values: Sequence[Sql], where: Sql | None, beside: Sequence[From] = ()
    ) -> Select[tuple[object, ...]]:
        source: From = EVENTS
        own = [EVENTS, *beside]
        if self.row_source is not None and (node.path or where is not None):
            source = EVENTS.join(self.row_source, true())
            own.append(self.row_source)
        query = select(*values).select_from(source).where(*self._events(node, node.event))
        return (query if where is None else query.where(where)).correlate_except(*own)

    def _one(self, node: ast.History, value: Sql) -> Sql:
        return self._exactly(node, value).scalar_subquery()

    def _counted(self, node: ast.History) -> Operand:
        try:
            return Operand(self._one(node, func.count()))
        except NotInSqlError:
            before = self.sure
            try:
                self.sure = True
                low = self._select(node, func.count()).scalar_subquery()
                self.sure = False
                return Operand(low, (), self._select(node, func.count()).scalar_subquery())
            finally:
                self.sure = before

    def _count_others(self, node: ast.History) -> Sql:
        query = select(func.count()).select_from(EVENTS).where(*self._events(node, node.event2))
        return query.correlate_except(EVENTS).scalar_subquery()

    def _value(self, node: ast.History) -> Operand:
        return self.stored(self.row, node.path, field_type(node))

    def _first_row(self, node: ast.History, value: Sql) -> Sql:
        """A value of the earliest or latest event."""
        decided = func.coalesce(EVENTS.c.cause_seq, EVENTS.c.seq)
        order = [EVENTS.c.occurred_at, decided, EVENTS.c.seq]
        if node.function == "last":
            order = [column.desc() for column in order]
        return self._exactly(node, value).order_by(*order).limit(raw("1")).scalar_subquery()

    def _at_end(self, node: ast.History) -> Operand:
        value = self._value(node)
        if value.is_exact:
            return Operand(self._first_row(node, value.whole()))
        return self._bounded(value, lambda part: self._first_row(node, part))

    def _extreme(self, node: ast.History) -> Operand:
        value = self._value(node)
        of = func.min if node.function == "min" else func.max
        if value.is_exact:
            return Operand(self._one(node, of(value.whole())))
        bounded = self._bounded(value, lambda part: self._one(node, of(part)))
        assert value.doubt is not None
        is_doubtful = self._one(node, func.max(case((value.doubt, raw("1")), else_=raw("0"))))
        return Operand(bounded.value, (), bounded.high, compared(func.coalesce(is_doubtful, raw("0")), "=", raw("1")))

    def _bounded(self, value: Operand, found: Callable[[Sql], Sql]) -> Operand:
        assert value.doubt is not None
        low, high = (case((and_(*value.guards), part)) for part in (value.value, value.upper))
        doubt = compared(
            func.coalesce(found(case((value.doubt, raw("1")), else_=raw("0"))), bound(0)),
            "=",
            bound(1),
        )
        return Operand(found(low), (), found(high), doubt)

    def _distinct(self, node: ast.History) -> Sql:
        type_ = field_type(node)
        if type_.kind not in SETS:
            return self._one(node, func.count(distinct(self._value(node).whole())))
        if "." in node.path:
            raise NotInSqlError
        members = self.dialect.members(self.row, node.path, text=type_.kind == "text_set")
        query = self._exactly(node, func.count(distinct(members.value)), beside=members.tables)
        return query.select_from(members.joined).where(*members.counts).scalar_subquery()

    def _total(self, node: ast.History) -> Operand:
        type_, value = field_type(node), self._value(node).whole()
        if type_.kind == "number":
            return self._rounded_total(node, value)
        if node.function == "sum":
            return Operand(self._one(node, func.coalesce(func.sum(value), raw("0"))))
        divisor = infix(func.count(value), "*", raw(str(_scale(type_)), BigInteger), BigInteger())
        return Operand(self._one(node, self.dialect.over(func.sum(value), divisor)))

    def _rounded_total(self, node: ast.History, value: Sql) -> Operand:
        """A sum of doubles, or their mean, between what rounding may have made of it."""
        nothing = raw("0.0", Double)

        def side(sign: str) -> Sql:
            rounding = infix(raw(repr(_ROUNDING), Double), "*", func.sum(func.abs(value)), Double())
            steps = infix(func.count(value), "+", raw("4"), Double())
            total = infix(func.sum(value), sign, infix(rounding, "*", steps, Double()), Double())
            if node.function == "sum":
                return self._one(node, func.coalesce(total, nothing))
            return self._one(node, self.dialect.over(total, func.count(value)))

        return Operand(side("-"), (), side("+"))


def _scale(type_: Type) -> int:
    return type_.scale if type_.kind == "money" else 1
