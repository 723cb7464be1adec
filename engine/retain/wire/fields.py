"""Values from outside against the declared types: what fits is kept, what fits without loss is converted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from retain.errors import IngestError
from retain.instants import DAY, SECOND, format_instant, parse_instant
from retain.language.types import SETS, Kind, Schema, Type
from retain.model import Fields, Instant, Json

MAX_DEPTH = 32
MAX_NUMBER = 2**53
MAX_INSTANT: Instant = 253_402_300_799_999  # the end of year 9999

RESERVED_TRAITS: Mapping[str, str] = {  # the Segment spec writes them either way
    "firstName": "first_name",
    "lastName": "last_name",
    "createdAt": "created_at",
    "postalCode": "postal_code",
    "employeeCount": "employee_count",
}

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATOR = re.compile(r"[\s\-.]+")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_EPOCH = re.compile(r"[0-9]{10}|[0-9]{13}")
_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?")


_NUMBERS = frozenset({int, float})
_CONTAINERS = frozenset({dict, list})
_SAFE = frozenset({str, bool, type(None)})


class _Misfit:
    """The one value that says: does not fit its declared type."""


MISFIT: Final = _Misfit()


@dataclass(slots=True)
class _Place:
    """One declared name: its type, or the names below it, or both."""

    type: Type | None = None
    below: dict[str, _Place] = field(default_factory=dict)
    elements: dict[str, _Place] = field(default_factory=dict)  # `below` as one object of an array has it


_Tree = dict[str, _Place]


class FieldTypes:
    """The declared types of a schema, arranged for reading many messages."""

    def __init__(self, schema: Schema) -> None:
        self.events = frozenset(schema.events)
        self._customer = _tree(schema.customer)
        self._events = {name: _tree(types) for name, types in schema.events.items()}

    def fit_traits(self, traits: Fields, misfits: list[str]) -> dict[str, Json]:
        """Traits under their declared names and types; what does not fit is left out and named in `misfits`."""
        return _fit_fields(traits, self._customer, "", misfits)

    def fit_properties(self, event: str, properties: Fields, misfits: list[str]) -> dict[str, Json]:
        """An event's properties; those of an undeclared event are kept as they are."""
        tree = self._events.get(event)
        return dict(properties) if tree is None else _fit_fields(properties, tree, "", misfits)


def check_values(value: Json, depth: int = 0) -> None:
    """Refuse what no store or rule can hold: NaN, infinity, numbers beyond 2^53, nesting over 32.

    Raises:
        IngestError: `bad_number` or `too_deep`, with the path of the value as `where`.
    """
    kind = type(value)
    if kind in _NUMBERS:
        if not -MAX_NUMBER <= value <= MAX_NUMBER:
            raise IngestError("bad_number", "a number is not finite or lies beyond ±2^53", cure="send long ids as text")
    elif kind in _CONTAINERS:
        if depth >= MAX_DEPTH:
            raise IngestError("too_deep", f"nested deeper than {MAX_DEPTH}", cure="send flatter properties")
        for key, item in value.items() if kind is dict else enumerate(value):
            if type(item) not in _SAFE:
                try:
                    check_values(item, depth + 1)
                except IngestError as error:
                    error.where = f"{key}.{error.where}" if error.where else str(key)
                    raise


def read_instant(value: Json) -> Instant | None:
    """ISO 8601, or seconds or milliseconds since 1970; None where it is none of these or lies outside 1970 to 9999."""
    at: Instant | None = None
    if isinstance(value, str):
        text = value.strip()
        at = _from_epoch(float(text)) if _EPOCH.fullmatch(text) else parse_instant(text)
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER:
        at = _from_epoch(value)
    return at if at is not None and 0 < at <= MAX_INSTANT else None


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`orderId`, `Order ID` and `order-id` as `order_id`."""
    return _SEPARATOR.sub("_", _HUMP.sub("_", name.strip())).lower()


def _from_epoch(number: float) -> Instant:
    """Numbers below 10^11 are seconds (until the year 5138), all others milliseconds."""
    return int(number * SECOND) if abs(number) < 1e11 else int(number)


def _tree(types: Mapping[str, Type]) -> _Tree:
    """The flat names `products.category` as a tree of names."""
    root: _Tree = {}
    for path, type_ in types.items():
        level = root
        *parents, name = path.split(".")
        for parent in parents:
            level = level.setdefault(parent, _Place()).below
        level.setdefault(name, _Place()).type = type_
    return root


def _fit_fields(fields: Fields, tree: _Tree, prefix: str, misfits: list[str]) -> dict[str, Json]:
    fitted: dict[str, Json] = {}
    for key, value in fields.items():
        name = key
        place = tree.get(key)
        if place is None:
            name = RESERVED_TRAITS.get(key) or snake(key)
            place = tree.get(name)
            if name != key and ((place is None and key not in RESERVED_TRAITS) or name in fields):
                name, place = key, None
        if place is None or value is None:
            fitted[name] = value
            continue
        type_ = place.type
        if type_ is None or place.below:
            kept = _fit_below(value, place, f"{prefix}{name}", misfits)
        else:
            kept = _FITS[type_.kind](value, type_)
        if kept is MISFIT:
            misfits.append(f"{prefix}{name}")
        else:
            fitted[name] = kept
    return fitted


def _fit_below(value: Json, place: _Place, path: str, misfits: list[str]) -> Json:
    if isinstance(value, dict):
        return _fit_fields(value, place.below, f"{path}.", misfits)
    if isinstance(value, list):
        place.elements = place.elements or {name: _element(below) for name, below in place.below.items()}
        return [
            _fit_fields(item, place.elements, f"{path}.", misfits) if isinstance(item, dict) else item for item in value
        ]
    if place.type is None:
        return MISFIT
    return _FITS[place.type.kind](value, place.type)


def _element(place: _Place) -> _Place:
    """A declared set `products.category` over an array of objects is made of one text in each of them."""
    if place.type is None or place.type.kind not in SETS:
        return place
    return _Place(Type("text" if place.type.kind == "text_set" else "number", enum=place.type.enum), place.below)


def _fit_text(value: Json, type_: Type) -> Json:
    if type(value) is str and not type_.enum:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or (type_.enum and value not in type_.enum):
        return MISFIT
    return value


def _fit_number(value: Json, type_: Type) -> Json:
    if isinstance(value, bool):
        return MISFIT
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    return MISFIT


def _fit_int(value: Json, type_: Type) -> Json:
    number = _fit_number(value, type_)
    if isinstance(number, float):
        return int(number) if number.is_integer() else MISFIT
    return number


def _fit_bool(value: Json, type_: Type) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower(), MISFIT)
    return MISFIT


def _fit_instant(value: Json, type_: Type) -> Json:
    if isinstance(value, str) and not _EPOCH.fullmatch(value):
        return value if parse_instant(value) is not None else MISFIT
    at = read_instant(value)
    return MISFIT if at is None else format_instant(at)


def _fit_date(value: Json, type_: Type) -> Json:
    """A date, or an instant at midnight as senders without a date type write it."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value[:10] if _MIDNIGHT.fullmatch(value, 10) else value).isoformat()
        except ValueError:
            return MISFIT
    at = read_instant(value)
    return MISFIT if at is None or at % DAY else format_instant(at)[:10]


def _fit_duration(value: Json, type_: Type) -> Json:
    return _fit_int(value, type_)


def _fit_set(value: Json, type_: Type) -> Json:
    fit = _fit_text if type_.kind == "text_set" else _fit_number
    items = value if isinstance(value, list) else [value]
    fitted = [fit(item, type_) for item in items if item is not None]
    return MISFIT if MISFIT in fitted else fitted


def _fit_opaque(value: Json, type_: Type) -> Json:
    return value


_FITS: Mapping[Kind, Callable[[Json, Type], Json]] = {
    "bool": _fit_bool,
    "int": _fit_int,
    "number": _fit_number,
    "money": _fit_number,
    "text": _fit_text,
    "instant": _fit_instant,
    "date": _fit_date,
    "duration": _fit_duration,
    "text_set": _fit_set,
    "number_set": _fit_set,
    "opaque": _fit_opaque,
}
