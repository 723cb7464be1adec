"""PostgreSQL: JSON as jsonb; a value is cast only where its type is known, because a cast that fails ends the query.

Doubles are kept from overflow and underflow, which PostgreSQL takes for errors. Whole numbers are multiplied as
`numeric`, which has no end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Integer,
    Numeric,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB

from retain.language.evaluation.values import LIMIT
from retain.language.sql.dialect import Dialect, Members
from retain.language.sql.operand import Operand, bound, compared, infix, raw
from retain.language.sql.source import From, Sql

_EDGE = raw("1.7976931348623157e308::float8", Double)
_ROOM = raw("1e300::float8", Double)  # for six decimal places
_TINY = raw("5e-324::float8", Double)
_ZERO = raw("0.0::float8", Double)
_ONE = raw("1.0::float8", Double)
_WIDEST = 2.0**53
_LONG, _SHORT = r"(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])", r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
_USUAL = rf"\d{{4}}-(?:{_LONG}|{_SHORT}|02-(?:0[1-9]|1\d|2[0-8]))"
_LEAP = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
_DATE = rf"(?!0000)(?:{_USUAL}|{_LEAP})"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d\d\d)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"


def _words(text: str) -> Sql:
    return raw(f"'{text}'", Text)


def _at(doc: Sql, path: str) -> Sql:
    found = doc
    for name in path.split("."):
        found = found.op("->", return_type=JSONB())(raw(f"'{name}'"))
    return found


def _text_at(doc: Sql, path: str) -> Sql:
    *names, last = path.split(".")
    found = _at(doc, ".".join(names)) if names else doc
    return found.op("->>", return_type=Text())(raw(f"'{last}'"))


def _is(value: Sql, word: str) -> Sql:
    return compared(value, "=", raw(f"'{word}'"))


def _kind(value: Sql) -> Sql:
    return func.jsonb_typeof(value)


class Postgres(Dialect):
    """PostgreSQL from 13 on."""

    name = "postgresql"
    reads_whole = True

    def document(self, column: Sql) -> Sql:
        """A column of JSON text, as the other methods want it."""
        # A zero byte, which JSON may hold, would end the query; the replacement has the same length and shape.
        return cast(func.replace(column, raw("'\\u0000'"), raw("'\\ufffd'")), JSONB)

    def opened(self, name: str) -> Sql:
        """The same where the statement has read it under this name before."""
        return raw(name, JSONB())

    def flag(self, doc: Sql, path: str, want: bool) -> Sql:
        """Whether the value is exactly true, or exactly false."""
        # For an equality with something within JSON the planner expects one row in 200; for a CASE, half of them.
        return case((compared(_at(doc, path), "=", raw(f"'{'true' if want else 'false'}'::jsonb")), true()))

    def number(self, doc: Sql, path: str, *, integer: bool) -> Operand:
        """A number; with `integer` one without a fraction."""
        number = self._number(doc, path)
        if not integer:
            return Operand(number)
        return Operand(case((self.is_integer(doc, path), cast(number, BigInteger))))

    def _number(self, doc: Sql, path: str) -> Sql:
        value = _at(doc, path)
        return case((_is(_kind(value), "number"), cast(value, Double)))

    def in_range(self, doc: Sql, path: str, low: float, high: float) -> Sql:
        """Whether the value is a number from `low` to `high`, both included; an index of `number` can answer it."""
        return self._number(doc, path).between(bound(low), bound(high))

    def is_integer(self, doc: Sql, path: str) -> Sql:
        """Whether a value that is a number has no fraction."""
        number = self._number(doc, path)
        return and_(compared(number, "=", func.trunc(number)), number.between(bound(-_WIDEST), bound(_WIDEST)))

    def money(self, doc: Sql, path: str, scale: int) -> Operand:
        """A number as whole parts, half to even."""
        number = self._number(doc, path)
        inside = number.between(bound(-LIMIT / scale), bound(LIMIT / scale))
        parts = infix(number, "*", raw(f"{scale}.0::float8", Double))
        return Operand(case((inside, cast(func.round(parts), BigInteger))))

    def text(self, doc: Sql, path: str) -> Operand:
        """A text; an index of its `value` can answer comparisons."""
        return Operand(_text_at(doc, path), (_is(_kind(_at(doc, path)), "string"),))

    def day(self, doc: Sql, path: str) -> Operand:
        """The date that a text is or begins with, in days since 1970."""
        text = _text_at(doc, path)
        fits = and_(_is(_kind(_at(doc, path)), "string"), compared(text, "~", _words(rf"^{_DATE}(?:$|[Tt ])")))
        date = cast(func.left(text, 10), Date)
        days = infix(date, "-", raw("DATE '1970-01-01'"), Integer())
        return Operand(case((fits, cast(days, BigInteger))))

    def instant(self, doc: Sql, path: str) -> Operand:
        """A text as an instant: known where it is canonical and has an offset, else in doubt."""
        text = _text_at(doc, path)
        is_text = _is(_kind(_at(doc, path)), "string")
        usual = compared(text, "~", _words(rf"^{_DATE}T{_TIME}$"))
        seconds: Sql = func.date_part(raw("'epoch'"), cast(text, DateTime(timezone=True)), type_=Double())
        millis = cast(func.round(infix(seconds, "*", raw("1000"), Double())), BigInteger)
        value = case((and_(is_text, usual), millis))
        doubt = and_(func.coalesce(is_text, raw("false")), ~func.coalesce(usual, raw("false")))
        return Operand(value, (is_text,), value, doubt)

    def is_present(self, doc: Sql, path: str) -> Sql:
        """Whether there is any value but null; NULL is no."""
        return compared(_kind(_at(doc, path)), "<>", raw("'null'"))

    def has_member(self, doc: Sql, path: str, item: Sql, *, text: bool) -> Sql:
        """Whether an array, also one reached through arrays of objects, holds a text or number; NULL is no."""
        names = path.split(".")
        found: list[Sql] = []
        for depth in range(1, len(names) + 1):
            array = _at(doc, ".".join(names[:depth]))
            if depth == len(names) and text:
                found.append(and_(_is(_kind(array), "array"), func.jsonb_exists(array, item, type_=Boolean())))
            else:
                found.append(_through(array, names[depth:], text).hold(item))
        return or_(*found)

    def members(self, doc: Sql, path: str, *, text: bool) -> Members:
        """The members of an array that is reached through objects alone."""
        return _through(_at(doc, path), [], text)

    def real(self, value: Sql) -> Sql:
        """A number as a double."""
        return cast(value, Double)

    def plus(self, left: Sql, right: Sql, *, real: bool, sign: str = "+") -> Sql:
        """A sum or difference; NULL where a double leaves its range."""
        if not real:
            return infix(left, sign, right)

        def checked(a: Sql, b: Sql) -> Sql:
            apart = compared(compared(a, "<", _ZERO), "<>" if sign == "+" else "=", compared(b, "<", _ZERO))
            small = compared(func.abs(a), "<=", infix(_EDGE, "-", func.abs(b)))
            return case((or_(apart, small), infix(a, sign, b)))

        return self.once([self.real(left), self.real(right)], checked)

    def times(self, left: Sql, right: Sql, *, real: bool) -> Sql:
        """A product; NULL where a double leaves its range."""
        if not real:
            return infix(cast(left, Numeric), "*", cast(right, Numeric), Numeric())

        def checked(a: Sql, b: Sql) -> Sql:
            small = and_(compared(func.abs(a), "<", _ONE), compared(func.abs(b), "<", _ONE))
            return case(
                (or_(compared(a, "=", _ZERO), compared(b, "=", _ZERO)), _ZERO),
                (and_(small, compared(func.abs(a), "<", infix(_TINY, "/", func.abs(b)))), _ZERO),
                (or_(small, compared(func.abs(b), "<=", _ONE)), infix(a, "*", b)),
                (compared(func.abs(a), "<=", infix(_EDGE, "/", func.abs(b))), infix(a, "*", b)),
            )

        return self.once([self.real(left), self.real(right)], checked)

    def over(self, left: Sql, right: Sql) -> Sql:
        """A quotient as a double; NULL for a division by zero and out of range."""

        def checked(a: Sql, b: Sql) -> Sql:
            wide = compared(func.abs(b), ">=", _ONE)
            return case(
                (compared(b, "=", _ZERO), None),
                (compared(a, "=", _ZERO), _ZERO),
                (and_(wide, compared(func.abs(a), "<", infix(func.abs(b), "*", _TINY))), _ZERO),
                (wide, infix(a, "/", b)),
                (compared(func.abs(a), "<=", infix(_EDGE, "*", func.abs(b))), infix(a, "/", b)),
            )

        return self.once([self.real(left), self.real(right)], checked)

    def rounded(self, value: Sql, places: int) -> Sql:
        """A double rounded to places, a half away from zero."""
        factor = raw(f"{10**places}.0::float8", Double)

        def away(number: Sql) -> Sql:
            scaled = infix(infix(func.abs(number), "*", factor), "+", raw("0.5::float8", Double))
            whole = infix(infix(func.sign(number), "*", func.floor(scaled)), "/", factor, Double())
            return case((compared(func.abs(number), "<=", _ROOM), whole))

        return self.once([value], away)

    def rounded_parts(self, value: Sql, part: int) -> Sql:
        """An integer rounded to a multiple, a half away from zero."""
        twice, one = raw(str(2 * part), BigInteger), raw(str(part), BigInteger)

        def away(parts: Sql) -> Sql:
            steps = infix(infix(infix(func.abs(parts), "*", raw("2")), "+", one), "/", twice)
            sign = case((compared(parts, "<", raw("0")), raw("-1")), else_=raw("1"))
            return infix(infix(steps, "*", one), "*", sign, BigInteger())

        return self.once([cast(value, BigInteger)], away)

    def as_integer(self, value: Sql) -> Sql:
        """A double without fraction as an integer."""
        return cast(value, Numeric)

    def extreme(self, values: Sequence[Sql], *, least: bool) -> Sql:
        """The least or greatest of values, NULL where one is missing."""

        def checked(*parts: Sql) -> Sql:
            present = and_(*(part.is_not(None) for part in parts))
            return case((present, (func.least if least else func.greatest)(*parts)))

        return self.once(values, checked)

    def calendar_number(self, day: Sql) -> Sql:
        """A day since 1970 as the number yyyymmdd."""
        date = infix(raw("DATE '1970-01-01'"), "+", cast(day, Integer), Date())
        return cast(func.to_char(date, raw("'YYYYMMDD'")), BigInteger)

    def starts(self, value: Sql, part: Sql) -> Sql:
        """Whether a text starts with another, case and all."""
        return compared(func.left(value, func.length(part)), "=", part)

    def ends(self, value: Sql, part: Sql) -> Sql:
        """Whether a text ends with another."""
        fits = compared(func.length(value), ">=", func.length(part))
        begin = infix(infix(func.length(value), "-", func.length(part)), "+", raw("1"), Integer())
        return and_(fits, compared(func.substr(value, func.greatest(begin, raw("1"))), "=", part))

    def once(self, values: Sequence[Sql], then: Callable[..., Sql]) -> Sql:
        """An expression that names each of some values several times and computes them once."""
        names = [f"x{number}" for number in range(len(values))]
        inner = select(*(value.label(name) for value, name in zip(values, names, strict=True))).correlate_except(None)
        table = inner.offset(raw("0")).subquery("x")
        parts = [table.c[name] for name in names]
        return select(then(*parts)).select_from(table).correlate_except(table).scalar_subquery()

    def floor_over(self, value: Sql, divisor: int) -> Sql:
        """A non-negative integer divided by another, cut off."""
        return infix(value, "/", raw(str(divisor), BigInteger), BigInteger())


def _through(array: Sql, rest: Sequence[str], text: bool) -> Members:
    """The members of an array, and of what lies below each of its objects."""
    tables = [_rows(case((_is(_kind(array), "array"), array)), 0)]
    for name in rest:
        inside = _at(tables[-1].c.value, name)
        members = case((_is(_kind(inside), "array"), inside), else_=func.jsonb_build_array(inside))
        tables.append(_rows(members, len(tables)))
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, raw("true", Boolean))
    value = tables[-1].c.value
    kind = _is(_kind(value), "string" if text else "number")
    plain = value.op("#>>", return_type=Text())(raw("'{}'")) if text else cast(value, Double)
    return Members(joined, tuple(tables), case((kind, plain)), (kind,))


def _rows(array: Sql, number: int) -> From:
    return func.jsonb_array_elements(array).table_valued(column("value", JSONB), name=f"m{number}")
