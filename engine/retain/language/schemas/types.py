"""JSON Schema as types: which part of it the language understands, and what becomes of the rest.

Understood: type (also with "null"), enum, nullable, format date and date-time, properties, items, multipleOf, required.
Anything else is opaque: it can be tested for present or missing, and inserted into texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import inf
from typing import TypeAlias

from retain.language.types import Type
from retain.model import Json

KeyPath: TypeAlias = tuple[str, ...]
Report: TypeAlias = Callable[[str, str, KeyPath, str], None]  # code, message, path of the key, cure

MAX_DEPTH = 8
MAX_PLACES = 6
_NAME = re.compile(r"[^\W\d]\w{0,63}")
_KNOWN = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_SIMPLE = {"integer": "int", "number": "number", "boolean": "bool"}
_MEMBERS = {"text": "text_set", "int": "number_set", "number": "number_set", "money": "number_set"}
OPAQUE = Type("opaque", nullable=True)


def field_types(schema: Json, report: Report) -> dict[str, Type]:
    """The fields that a schema of type object declares, by their dotted path; its mistakes go to `report`."""
    if not isinstance(schema, Mapping):
        report("E141", "a schema is a JSON object", (), 'write {"type": "object", "properties": {...}}')
        return {}
    return dict(_fields(schema, "", (), True, report))


def _fields(schema: Json, prefix: str, at: KeyPath, sure: bool, report: Report) -> Iterator[tuple[str, Type]]:
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        report("E141", "'properties' is an object of fields", (*at, "properties"), 'write {"name": {"type": "string"}}')
        return
    required = _required(schema, properties, at, report)
    for name, declared in properties.items():
        here = (*at, "properties", name)
        if not _NAME.fullmatch(name):
            cure = "a name is at most 64 letters, digits and _, a letter first; rename it, or leave it out"
            report("E142", f"the field '{name}' cannot be written in a rule", here, cure)
        elif not isinstance(declared, Mapping):
            report("E141", f"the field '{name}' needs a schema", here, 'write {"type": "string"}')
        else:
            yield from _field(declared, f"{prefix}{name}", here, sure and name in required, report)


def _required(schema: Json, properties: Mapping[str, Json], at: KeyPath, report: Report) -> frozenset[str]:
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        report("E141", "'required' is a list of field names", (*at, "required"), 'write ["name"]')
        return frozenset()
    for name in required:
        if name not in properties:
            report(
                "E141",
                f"'required' names '{name}', which is not declared",
                (*at, "required"),
                "declare it, or leave it out",
            )
    return frozenset(required)


def _field(schema: Json, path: str, at: KeyPath, sure: bool, report: Report) -> Iterator[tuple[str, Type]]:
    kind, may_be_null = _kind(schema, at, report)
    nullable = may_be_null or not sure
    depth = path.count(".") + 1
    if kind == "object" and depth < MAX_DEPTH:
        yield path, Type("opaque", nullable=nullable)
        yield from _fields(schema, f"{path}.", at, not nullable, report)
    elif kind == "array" and depth < MAX_DEPTH:
        yield from _array(schema.get("items"), path, (*at, "items"), report)
    elif kind == "string":
        yield path, _text(schema, nullable)
    elif kind == "number" and "multipleOf" in schema:
        yield path, _multiple(schema["multipleOf"], nullable, (*at, "multipleOf"), report)
    elif kind in _SIMPLE:
        yield path, Type(_SIMPLE[kind], nullable=nullable)  # type: ignore[arg-type]
    else:
        yield path, Type("opaque", nullable=nullable)


def _kind(schema: Json, at: KeyPath, report: Report) -> tuple[str, bool]:
    """The one type that a schema allows beside null, "" where there is none or there are several."""
    declared = schema.get("type", [])
    kinds = [declared] if isinstance(declared, str) else declared
    enum = schema.get("enum", [])
    if not isinstance(kinds, list) or not all(isinstance(kind, str) and kind in _KNOWN for kind in kinds):
        cure = f"write one of {', '.join(sorted(_KNOWN))}"
        report("E141", "'type' is not a type of JSON Schema", (*at, "type"), cure)
        return "", True
    if not isinstance(enum, list):
        report("E141", "'enum' is a list of values", (*at, "enum"), 'write ["a", "b"]')
        return "", True
    null = "null" in kinds or None in enum or schema.get("nullable") is True
    rest = sorted({kind for kind in kinds if kind != "null"})
    if not rest and enum and all(isinstance(value, str) or value is None for value in enum):
        return "string", null
    if rest == ["integer", "number"]:
        return "number", null
    return rest[0] if len(rest) == 1 else "", null


def _text(schema: Json, nullable: bool) -> Type:
    if schema.get("format") == "date":
        return Type("date", nullable=nullable)
    if schema.get("format") == "date-time":
        return Type("instant", nullable=nullable)
    values = schema.get("enum", [schema["const"]] if isinstance(schema.get("const"), str) else [])
    return Type("text", nullable=nullable, enum=tuple(value for value in values if isinstance(value, str)))


def _multiple(value: Json, nullable: bool, at: KeyPath, report: Report) -> Type:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        report("E141", "'multipleOf' is a number above zero", at, "write 0.01 for an amount in cents")
        return Type("number", nullable=nullable)
    exponent = Decimal(str(value)).normalize().as_tuple().exponent
    places = -int(exponent)
    if places <= 0:
        return Type("int", nullable=nullable)
    if places > MAX_PLACES:
        report("E141", f"'multipleOf' has at most {MAX_PLACES} decimal places", at, "write 0.01 for an amount in cents")
        return Type("number", nullable=nullable)
    return Type("money", nullable=nullable, scale=10**places)


def _array(items: Json, path: str, at: KeyPath, report: Report) -> Iterator[tuple[str, Type]]:
    """An array of texts or numbers is a set; of objects, each simple field of theirs is one."""
    if not isinstance(items, Mapping):
        yield path, OPAQUE
        return
    inner = list(_field(items, path, at, True, report))
    for name, type_ in inner:
        if type_.kind in _MEMBERS:
            yield name, Type(_MEMBERS[type_.kind], enum=type_.enum)  # type: ignore[arg-type]
        elif type_.kind in ("text_set", "number_set"):
            yield name, type_
        elif name == path:
            yield path, OPAQUE
