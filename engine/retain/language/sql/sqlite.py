"""SQLite: JSON as text, read by its JSON functions; a path is a literal, so that an index of it can be used.

`typeof(key)` tells members of an array from the parts of an object. Infinity becomes NULL by `nullif`, which computes
its argument once. Adding and taking away 1.5 * 2^52 rounds a double half to even.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import BigInteger, Boolean, Double, Integer, Text, and_, cast, column, func, or_, select
from sqlalchemy.sql.functions import FunctionElement

from retain.language.evaluation.values import LIMIT
from retain.language.sql.dialect import Dialect, Members
from retain.language.sql.operand import Operand, bound, compared, infix, raw
from retain.language.sql.source import From, Sql
from retain.model import Json

_NUMBERS = raw("('integer', 'real')")
_HALF_EVEN = raw("6755399441055744.0", Double)
_INFINITY = raw("9e999", Double)
_MINUS_INFINITY = raw("-9e999", Double)
_DATE = raw("'[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'")
_D = "[0-9]"
_SECOND = f"{_D * 4}-{_D * 2}-{_D * 2}T{_D * 2}:{_D * 2}:{_D * 2}"
_SHAPES = tuple(
    raw(f"'{_SECOND}{part}{zone}'") for part in ("", f".{_D * 3}") for zone in ("Z", f"[+-]{_D * 2}:{_D * 2}")
)
_DAY_S, _DAY_MS = 86_400, 86_400_000


def _path(path: str) -> Sql:
    return raw(f"'$.{path}'")


def _at(doc: Sql, path: str) -> Sql:
    return func.json_extract(doc, _path(path))


def _kind(doc: Sql, path: str) -> Sql:
    return func.json_type(doc, _path(path))


def _is(value: Sql, word: str) -> Sql:
    return compared(value, "=", raw(f"'{word}'"))


def _finite(value: Sql) -> Sql:
    return func.nullif(func.nullif(value, _INFINITY), _MINUS_INFINITY, type_=Double())


class Sqlite(Dialect):
    """SQLite from 3.38 on."""

    name = "sqlite"
    reads_whole = False  # the last texts that were read are kept read

    def document(self, column: Sql) -> Sql:
        """A column of JSON text, as the other methods want it."""
        return column

    def opened(self, name: str) -> Sql:
        """The same where the statement has read it under this name before."""
        return raw(name, Text)

    def flag(self, doc: Sql, path: str, want: bool) -> Sql:
        """Whether the value is exactly true, or exactly false."""
        return _is(_kind(doc, path), "true" if want else "false")

    def number(self, doc: Sql, path: str, *, integer: bool) -> Operand:
        """A number; with `integer` one without a fraction."""
        value = _at(doc, path)
        guards = (compared(_kind(doc, path), "IN", _NUMBERS),)
        return Operand(value, (*guards, self.is_integer(doc, path)) if integer else guards)

    def in_range(self, doc: Sql, path: str, low: float, high: float) -> Sql:
        """Whether the value is a number from `low` to `high`, both included; an index of `number` can answer it."""
        # Text is greater than every number, so that the upper end leaves it out; true and false read as 1 and 0.
        inside = _at(doc, path).between(bound(low), bound(high))
        may_be_flag = low <= 0 <= high or low <= 1 <= high
        return and_(inside, compared(_kind(doc, path), "IN", _NUMBERS)) if may_be_flag else inside

    def is_integer(self, doc: Sql, path: str) -> Sql:
        """Whether a value that is a number has no fraction."""
        value = _at(doc, path)
        return or_(_is(_kind(doc, path), "integer"), compared(value, "=", cast(value, Integer)))

    def money(self, doc: Sql, path: str, scale: int) -> Operand:
        """A number as whole parts, half to even."""
        value = _at(doc, path)
        most = bound(LIMIT / scale)
        guards = (compared(_kind(doc, path), "IN", _NUMBERS), value.between(bound(-LIMIT / scale), most))
        parts = infix(value, "*", raw(str(scale), Integer), Double())
        return Operand(cast(self._half_even(parts), Integer), guards)

    def _half_even(self, value: Sql) -> Sql:
        return infix(infix(value, "+", _HALF_EVEN), "-", _HALF_EVEN)

    def text(self, doc: Sql, path: str) -> Operand:
        """A text; an index of its `value` can answer comparisons."""
        return Operand(func.json_extract(doc, _path(path), type_=Text()), (_is(_kind(doc, path), "text"),))

    def day(self, doc: Sql, path: str) -> Operand:
        """The date that a text is or begins with, in days since 1970."""
        text = _at(doc, path)
        date, after = func.substr(text, 1, 10), func.substr(text, 11, 1)
        guards = (
            _is(_kind(doc, path), "text"),
            compared(text, "GLOB", _DATE),
            compared(func.date(date), "=", date),
            compared(func.substr(text, 1, 4), ">", raw("'0000'")),
            compared(after, "IN", raw("('', 'T', 't', ' ')")),
        )
        return Operand(infix(_seconds(date), "/", raw(str(_DAY_S), Integer), BigInteger()), guards)

    def instant(self, doc: Sql, path: str) -> Operand:
        """A text as an instant: known where it is canonical and has an offset, else in doubt."""
        text = _at(doc, path)
        whole = func.substr(text, 1, 19)
        millis = cast(func.substr(text, 21, 3), Integer)
        has_millis = _is(func.substr(text, 20, 1), ".")
        zone = func.substr(text, -6, 6)
        minutes = infix(
            infix(cast(func.substr(zone, 2, 2), Integer), "*", raw("60")),
            "+",
            cast(func.substr(zone, 5, 2), Integer),
        )
        away = infix(minutes, "*", raw("60000"))
        value: Sql = infix(_seconds(whole), "*", raw("1000", BigInteger), BigInteger())
        value = infix(value, "+", func.iif(has_millis, millis, 0), BigInteger())
        at_zero = _is(func.substr(text, -1, 1), "Z")
        shift = func.iif(at_zero, 0, func.iif(_is(func.substr(zone, 1, 1), "-"), infix(away, "*", bound(-1)), away))
        value = infix(value, "-", shift, BigInteger())
        is_text = _is(_kind(doc, path), "text")
        real = compared(func.strftime(raw("'%Y-%m-%dT%H:%M:%S'"), whole), "=", whole)
        near = compared(away, "<", raw(str(_DAY_MS)))
        usual = and_(
            or_(*(compared(text, "GLOB", shape) for shape in _SHAPES)),
            real,
            or_(at_zero, and_(near, compared(func.substr(zone, 5, 2), "<", raw("'60'")))),
            compared(func.substr(text, 1, 4), "BETWEEN '0002' AND", raw("'9998'")),
        )
        doubt = and_(func.coalesce(is_text, 0), func.coalesce(usual, 0).bool_op("=")(raw("0")))
        return Operand(value, (is_text,), value, doubt)

    def is_present(self, doc: Sql, path: str) -> Sql:
        """Whether there is any value but null; NULL is no."""
        return compared(_kind(doc, path), "<>", raw("'null'"))

    def has_member(self, doc: Sql, path: str, item: Sql, *, text: bool) -> Sql:
        """Whether an array, also one reached through arrays of objects, holds a text or number; NULL is no."""
        names = path.split(".")
        depths = range(1, len(names) + 1)
        return or_(*(_through(doc, ".".join(names[:depth]), names[depth:], text).hold(item) for depth in depths))

    def members(self, doc: Sql, path: str, *, text: bool) -> Members:
        """The members of an array that is reached through objects alone."""
        return _through(doc, path, [], text)

    def real(self, value: Sql) -> Sql:
        """A number as a double."""
        return cast(value, Double())

    def plus(self, left: Sql, right: Sql, *, real: bool, sign: str = "+") -> Sql:
        """A sum or difference; NULL where a double leaves its range."""
        result = infix(left, sign, right)
        return _finite(result) if real else result

    def times(self, left: Sql, right: Sql, *, real: bool) -> Sql:
        """A product; NULL where a double leaves its range."""
        result = infix(left, "*", right)
        return _finite(result) if real else result

    def over(self, left: Sql, right: Sql) -> Sql:
        """A quotient as a double; NULL for a division by zero and out of range."""
        return _finite(infix(self.real(left), "/", self.real(right), Double()))

    def rounded(self, value: Sql, places: int) -> Sql:
        """A double rounded to places, a half away from zero."""
        if not places:
            return func.round(value, type_=Double())
        factor = raw(f"{10**places}.0", Double)
        return _finite(infix(func.round(infix(value, "*", factor, Double()), type_=Double()), "/", factor, Double()))

    def rounded_parts(self, value: Sql, part: int) -> Sql:
        """An integer rounded to a multiple, a half away from zero."""
        twice, one = raw(str(2 * part), Integer), raw(str(part), Integer)

        def away(parts: Sql) -> Sql:
            steps = infix(infix(infix(func.abs(parts), "*", raw("2")), "+", one), "/", twice)
            sign = func.iif(compared(parts, "<", raw("0")), -1, 1, type_=Integer())
            return infix(infix(cast(steps, Integer), "*", one), "*", sign, BigInteger())

        return self.once([value], away)

    def as_integer(self, value: Sql) -> Sql:
        """A double without fraction as an integer."""
        return cast(value, Integer)

    def extreme(self, values: Sequence[Sql], *, least: bool) -> Sql:
        """The least or greatest of values, NULL where one is missing."""
        if len(values) == 1:
            return values[0]
        return (func.min if least else func.max)(*values)

    def calendar_number(self, day: Sql) -> Sql:
        """A day since 1970 as the number yyyymmdd."""
        seconds = infix(day, "*", raw(str(_DAY_S), Integer))
        return cast(func.strftime(raw("'%Y%m%d'"), seconds, raw("'unixepoch'")), Integer)

    def starts(self, value: Sql, part: Sql) -> Sql:
        """Whether a text starts with another, case and all."""
        return compared(func.substr(value, 1, func.length(part)), "=", part)

    def ends(self, value: Sql, part: Sql) -> Sql:
        """Whether a text ends with another."""
        begin = infix(infix(func.length(value), "-", func.length(part)), "+", raw("1"))
        fits = compared(func.length(value), ">=", func.length(part))
        return and_(fits, compared(func.substr(value, begin), "=", part))

    def once(self, values: Sequence[Sql], then: Callable[..., Sql]) -> Sql:
        """An expression that names each of some values several times and computes them once."""
        return _once(values, then, raw("-1"))

    def floor_over(self, value: Sql, divisor: int) -> Sql:
        """A non-negative integer divided by another, cut off."""
        return infix(value, "/", raw(str(divisor), Integer), BigInteger())


def _once(values: Sequence[Sql], then: Callable[..., Sql], limit: Sql) -> Sql:
    names = [f"x{number}" for number in range(len(values))]
    inner = select(*(value.label(name) for value, name in zip(values, names, strict=True))).correlate_except(None)
    table = inner.limit(limit).subquery("x")
    parts = [table.c[name] for name in names]
    return select(then(*parts)).select_from(table).correlate_except(table).scalar_subquery()


def _seconds(text: Sql) -> Sql:
    return cast(func.strftime(raw("'%s'"), text), Integer)


def _through(doc: Sql, path: str, rest: Sequence[str], text: bool) -> Members:
    """The members of the array at a path, and of what lies below each of its objects."""
    tables = [_rows(func.json_each(doc, _path(path)), 0)]
    is_array = _is(func.typeof(tables[0].c.key), "integer")
    for name in rest:
        last = tables[-1].c
        inside = func.iif(_is(last.type, "object"), last.value, None)
        apart = compared(_kind(inside, name), "<>", raw("'object'"))
        tables.append(_rows(func.json_each(func.iif(apart, inside, None), _path(name)), len(tables)))
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, raw("1", Boolean))
    last = tables[-1].c
    kinds = _is(last.type, "text") if text else compared(last.type, "IN", _NUMBERS)
    return Members(joined, tuple(tables), last.value, (kinds, is_array))


def _rows(function: FunctionElement[Json], number: int) -> From:
    return function.table_valued(column("key"), column("value"), column("type"), name=f"m{number}")
