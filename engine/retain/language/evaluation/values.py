"""Stored values as typed ones: reading fields, converting between types, and showing values to people.

Inside an evaluation money is an exact integer of `scale` parts, an instant or a duration an integer of milliseconds, a
date an integer of days since 1970. A stored value that does not fit its declared type counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, tzinfo

from retain.instants import format_duration, format_instant, parse_instant
from retain.language.evaluation.windows import midnight
from retain.language.syntax.ast import Literal_, Node
from retain.language.types import Type
from retain.model import Fields, Instant, Json

LIMIT = 2**51  # parts of an amount: up to here rounding to whole parts is exact in every evaluator
BOOL = Type("bool")
NUMBER = Type("number")
INSTANT = Type("instant")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_HAS_OFFSET = re.compile(r"[Tt ].*(?:[Zz]|[+-]\d{2}:?\d{2}(?::?\d{2})?)$")


def type_of(node: Node) -> Type:
    """The type that the checker gave a node."""
    assert node.type is not None, f"{type(node).__name__} at {node.start} was not checked"
    return node.type


def read(fields: Fields, path: str) -> Json:
    """The stored value at a dotted path, None where there is none; through an array, the list of its items' values."""
    first, *rest = path.split(".")
    value: Json = fields.get(first)
    for name in rest:
        if type(value) is dict:
            value = value.get(name)
        elif type(value) is list:
            value = _each(value, name)
        else:
            return None
    return value


def _each(items: list[Json], name: str) -> list[Json]:
    found: list[Json] = []
    for item in items:
        value = item.get(name) if type(item) is dict else None
        found.extend(value if type(value) is list else [value])
    return found


def typed(raw: Json, type_: Type, zone: tzinfo) -> Json:
    """A stored value as its declared type; None where it is missing or does not fit. A missing set is the empty set."""
    kind = type_.kind
    if kind == "money":
        return to_money(raw, type_.scale)
    if kind == "instant":
        return to_instant(raw, zone)
    return _READERS[kind](raw)


def to_money(raw: Json, scale: int) -> int | None:
    """A decimal number as an exact integer of `scale` parts, half to even; None beyond 2**51 parts."""
    if type(raw) not in (int, float) or not -LIMIT / scale <= raw <= LIMIT / scale:
        return None
    parts: int = round(raw * scale)
    return parts


def to_instant(raw: Json, zone: tzinfo) -> Instant | None:
    """An ISO text as an instant, read in `zone` where it has no offset; a date alone is local midnight."""
    if type(raw) is not str:
        return None
    try:
        return parse_instant(raw, zone)
    except OverflowError:
        return None


def to_day(raw: Json) -> int | None:
    """An ISO date, or the date that an ISO date-time begins with, in days since 1970."""
    if type(raw) is not str or not _DATE.match(raw) or raw[10:11] not in ("", "T", "t", " "):
        return None
    try:
        return date.fromisoformat(raw[:10]).toordinal() - _EPOCH_DAY
    except ValueError:
        return None


def to_int(raw: Json) -> int | None:
    """An integer, also one that JSON wrote as 3.0; true and false are no numbers."""
    if type(raw) is float and raw.is_integer():
        return int(raw)
    return raw if type(raw) is int else None


def to_text_set(raw: Json) -> frozenset[str]:
    """The texts of an array; anything else is the empty set."""
    return frozenset(item for item in raw if type(item) is str) if type(raw) is list else frozenset()


def to_number_set(raw: Json) -> frozenset[float]:
    """The numbers of an array; anything else is the empty set."""
    return frozenset(item for item in raw if type(item) in (int, float)) if type(raw) is list else frozenset()


_READERS: Mapping[str, Callable[[Json], Json]] = {
    "bool": lambda raw: raw if type(raw) is bool else None,
    "int": to_int,
    "number": lambda raw: raw if type(raw) in (int, float) else None,
    "text": lambda raw: raw if type(raw) is str else None,
    "date": to_day,
    "duration": to_int,
    "text_set": to_text_set,
    "number_set": to_number_set,
    "opaque": lambda raw: raw,
}


def literal(node: Literal_, zone: tzinfo) -> Json:
    """The value of a literal; a text of type instant or date is read now, because it may mean local time."""
    if isinstance(node.value, str) and type_of(node).kind in ("instant", "date"):
        return typed(node.value, type_of(node), zone)
    return node.value


def depends_on_zone(node: Literal_) -> bool:
    """Whether a literal is an instant written without an offset."""
    return isinstance(node.value, str) and type_of(node).kind == "instant" and not _HAS_OFFSET.search(node.value)


def common_type(left: Type, right: Type) -> Type:
    """The type in which two values are compared: the finer money, number before money, instant before date."""
    kinds = {left.kind, right.kind}
    if kinds == {"money"}:
        return left if left.scale >= right.scale else right
    if kinds == {"int", "money"}:
        return left if left.kind == "money" else right
    if kinds == {"date", "instant"}:
        return INSTANT
    return NUMBER if "number" in kinds else left


def convert(value: Json, from_: Type, to: Type, zone: tzinfo) -> Json:
    """A present value of one type as another; money to the finer scale, dates to local midnight."""
    if from_.kind == "money" and to.kind == "money":
        return value * (to.scale // from_.scale)
    if from_.kind == "money" and to.kind in ("number", "int"):
        return value / from_.scale
    if from_.kind in ("int", "number") and to.kind == "money":
        return round(value * to.scale)
    if from_.kind == "date" and to.kind in ("instant", "duration"):
        return midnight(value, zone)
    return value


def to_json(value: Json, type_: Type, zone: tzinfo) -> Json:
    """A typed value as it leaves the language: money as a decimal number, instants as ISO text in `zone`."""
    if value is None or isinstance(value, bool):
        return value
    if type_.kind == "money":
        return value / type_.scale if value % type_.scale else value // type_.scale
    if type_.kind == "duration":
        return format_duration(value)
    if type_.kind == "instant":
        return format_instant(value, zone)
    if type_.kind == "date":
        return date.fromordinal(value + _EPOCH_DAY).isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def show(value: Json, type_: Type, zone: tzinfo) -> str:
    """A typed value for people: `49.90`, `'DE'`, `30.5`, `missing`."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if type_.kind == "money":
        return f"{value / type_.scale:.{len(str(type_.scale)) - 1}f}"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, frozenset):
        return "[" + ", ".join(str(item) for item in sorted(value)) + "]"
    return f"'{value}'" if type_.kind == "text" else str(to_json(value, type_, zone))
