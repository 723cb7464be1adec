"""Values of expressions: conversion between types, arithmetic, and functions of one instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta, tzinfo
from functools import reduce

from sqlalchemy import BigInteger, Double, and_, case, false, func, or_, true

from retain.instants import DAY, HOUR
from retain.language.evaluation.scalars import argument_type, operand_types
from retain.language.evaluation.values import convert, type_of
from retain.language.evaluation.windows import local_day, midnight
from retain.language.sql.fields import FieldReading
from retain.language.sql.operand import NotInSqlError, Operand, bound, constant, infix, raw
from retain.language.sql.source import CUSTOMERS, Sql
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import Type
from retain.model import Instant

_EPOCH = date(1970, 1, 1)
_AWAY = 26 * HOUR  # a local midnight is never further than this from midnight UTC, skipped days included


class Values(FieldReading):
    """Translates values."""

    def operand(self, node: Node) -> Operand:
        """The value of an expression.

        Raises:
            NotInSqlError: the database cannot compute it.
        """
        match node:
            case ast.Literal_():
                return self.literal(node)
            case ast.Field() | ast.RowField():
                return self.field(node)
            case ast.MetricRef(body=Node() as body) | ast.Expanded(body=body):
                return self.operand(body)
            case ast.Arithmetic():
                return self._arithmetic(node)
            case ast.Negate():
                return self._negate(self.operand(node.value))
            case ast.Case():
                return self._case(node)
            case ast.Call():
                return self._call(node)
            case ast.History():
                return self.history(node)
            case _:
                return Operand(case((self.exact_test(node, True), true()), (self.exact_test(node, False), false())))

    def history(self, node: ast.History) -> Operand:
        """The value of an aggregate."""
        raise NotInSqlError

    def as_type(self, node: Node, wanted: Type) -> Operand:
        """The value of an expression in another type."""
        own, operand = type_of(node), self.operand(node)
        if own.kind == wanted.kind and own.scale == wanted.scale:
            return operand
        if own.kind == "date" and wanted.kind in ("instant", "duration"):
            return self._midnight(operand)
        if operand.is_constant:
            value = operand.constant
            return constant(None if value is None else convert(value, own, wanted, self.setting.zone))
        if own.kind == "money" and wanted.kind == "money":
            factor = raw(str(wanted.scale // own.scale), BigInteger)
            return operand.mapped(lambda value: infix(value, "*", factor))
        if own.kind == "money" and wanted.kind in ("number", "int"):
            scale = raw(str(own.scale), BigInteger)
            return operand.mapped(lambda value: self.dialect.over(value, scale))
        if own.kind == "int" and wanted.kind == "money":
            scale = raw(str(wanted.scale), BigInteger)
            return operand.mapped(lambda value: self.dialect.times(value, scale, real=False))
        if own.kind == "number" and wanted.kind == "money":
            raise NotInSqlError
        return operand

    def _midnight(self, day: Operand) -> Operand:
        if day.is_constant:
            value = day.constant
            return constant(None) if value is None else self.zones.local(("day", value), _midnight_of(value))
        begin = infix(day.whole(), "*", raw(str(DAY), BigInteger), BigInteger())
        away = raw(str(_AWAY), BigInteger)
        return Operand(infix(begin, "-", away), (), infix(begin, "+", away))

    def _arithmetic(self, node: ast.Arithmetic) -> Operand:
        left_type, right_type = operand_types(node)
        left, right = self.as_type(node.left, left_type), self.as_type(node.right, right_type)
        if left.is_missing or right.is_missing:
            return constant(None)
        real = type_of(node).kind == "number" or "number" in (left_type.kind, right_type.kind)
        guards = (*left.guards, *right.guards)
        if node.op in ("+", "-") and not (left.is_exact and right.is_exact):
            return _between(left, right, node.op, guards)
        if not (left.is_exact and right.is_exact):
            raise NotInSqlError
        if node.op == "/":
            return Operand(self.dialect.over(left.value, right.value), guards)
        if node.op == "*":
            return Operand(self.dialect.times(left.value, right.value, real=real), guards)
        return Operand(self.dialect.plus(left.value, right.value, real=real, sign=node.op), guards)

    def _negate(self, operand: Operand) -> Operand:
        if operand.is_constant:
            return constant(None if operand.constant is None else -operand.constant)
        low, high = _minus(operand.value), None if operand.high is None else _minus(operand.high)
        return Operand(low if high is None else high, operand.guards, None if high is None else low, operand.doubt)

    def _case(self, node: ast.Case) -> Operand:
        type_ = type_of(node)
        values = [self.as_type(value, type_) for _, value in node.whens]
        otherwise = constant(None) if node.otherwise is None else self.as_type(node.otherwise, type_)
        if all(value.is_missing for value in (*values, otherwise)):
            return otherwise
        tests = [self.exact_test(when, True) for when, _ in node.whens]
        cases = [(test, value.whole()) for test, value in zip(tests, values, strict=True)]
        return Operand(case(*cases, else_=otherwise.whole()))

    def _call(self, node: ast.Call) -> Operand:
        if node.function == "known_days":
            return Operand(self._days(bound(self.setting.now), CUSTOMERS.c.first_seen))
        values = [self.as_type(arg, argument_type(node, arg)) for arg in node.args]
        if node.function == "default":
            return _first_present([value for value in values if not value.is_missing])
        if any(value.is_missing for value in values):
            return constant(None)
        match node.function:
            case "abs":
                return Operand(func.abs(values[0].whole(), type_=values[0].value.type))
            case "least" | "greatest":
                least = node.function == "least"
                return Operand(self.dialect.extreme([value.whole() for value in values], least=least))
            case "days_since":
                return self._since(values[0])
            case "days_until":
                return self._negate(self._since(values[0]))
            case "age":
                return self._age(node, values[0])
            case _:
                return self._rounded(node, values)

    def _since(self, at: Operand) -> Operand:
        """How many days an instant is past; the later the instant, the fewer."""
        now = bound(self.setting.now)
        days = self._days(now, at.upper)
        return Operand(days, at.guards, None if at.is_exact else self._days(now, at.value), at.doubt)

    def _days(self, later: Sql, earlier: Sql) -> Sql:
        return self.days(infix(later, "-", earlier, BigInteger()))

    def days(self, span: Sql) -> Sql:
        """Milliseconds as days."""
        return infix(self.dialect.real(span), "/", raw(f"{DAY}.0", Double), Double())

    def _age(self, node: ast.Call, born: Operand) -> Operand:
        if type_of(node.args[0]).kind != "date":
            raise NotInSqlError
        today = self.zones.local(("today",), self._today)
        born_number = self.dialect.calendar_number(born.whole())
        # Adding 10,000 years keeps the dividend positive, for dates of birth in the future.
        ahead = infix(infix(today.value, "-", born_number, BigInteger()), "+", raw("100000000", BigInteger))
        years = self.dialect.floor_over(ahead, 10_000)
        return Operand(infix(years, "-", raw("10000", BigInteger)))

    def _today(self, zone: tzinfo) -> int:
        """The local date as yyyymmdd; 28 February counts as the 29th where that is missing."""
        day = local_day(self.setting.now, zone)
        number = _calendar_number(day)
        return number + 1 if number % 10_000 == 228 and _calendar_number(day + 1) % 10_000 == 301 else number

    def _rounded(self, node: ast.Call, values: list[Operand]) -> Operand:
        value, type_ = values[0], type_of(node)
        places = values[1].constant if len(values) > 1 else 0
        if type_.kind == "money":
            if not _is_whole(node.args[0]):
                raise NotInSqlError
            return Operand(self.dialect.rounded_parts(value.whole(), max(1, type_.scale // 10**places)))
        if type_of(node.args[0]).kind == "int":
            return value
        rounded = self.dialect.rounded(value.whole(), places)
        return Operand(self.dialect.as_integer(rounded) if type_.kind == "int" else rounded)


def _midnight_of(day: int) -> Callable[[tzinfo], Instant]:
    return lambda zone: midnight(day, zone)


def _calendar_number(day: int) -> int:
    return int((_EPOCH + timedelta(days=day)).strftime("%Y%m%d"))


def _between(left: Operand, right: Operand, sign: str, guards: tuple[Sql, ...]) -> Operand:
    low, high = (right.value, right.upper) if sign == "+" else (right.upper, right.value)
    return Operand(
        infix(left.value, sign, low, BigInteger()),
        guards,
        infix(left.upper, sign, high, BigInteger()),
        either(left.doubt, right.doubt),
    )


def _first_present(values: list[Operand]) -> Operand:
    if not values:
        return constant(None)
    if all(value.is_exact for value in values):
        parts = [value.whole() for value in values]
        return Operand(func.coalesce(*parts) if len(parts) > 1 else parts[0])
    parts = [case((and_(*value.guards), value.value)) if value.guards else value.value for value in values]
    uppers = [case((and_(*value.guards), value.upper)) if value.guards else value.upper for value in values]
    doubt = reduce(either, (value.doubt for value in values))
    return Operand(func.coalesce(*parts), (), func.coalesce(*uppers), doubt)


def either(left: Sql | None, right: Sql | None) -> Sql | None:
    """Whether one of two doubts holds."""
    return right if left is None else left if right is None else or_(left, right)


def _minus(value: Sql) -> Sql:
    return infix(raw("0"), "-", value, value.type)


def _is_whole(node: Node) -> bool:
    """Whether an amount cannot have fractions of its smallest part."""
    return not any(isinstance(part, ast.Arithmetic) and part.op in ("*", "/") for part in node.walk())
