"""A quick look at a JSON Schema: the usual words with fitting values are sound without asking the schema of schemas.

Asking it takes two milliseconds for each schema, and every command that loads plugins would wait for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retain.model import Json

_KINDS = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})


def surely_sound(schema: Json) -> bool:
    """Whether this is a JSON Schema without doubt; false says nothing."""
    return isinstance(schema, dict) and all(word in _FITS and _FITS[word](value) for word, value in schema.items())


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list(value: Json) -> bool:
    return isinstance(value, list)


def _are_names(value: Json) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_kind(value: Json) -> bool:
    if isinstance(value, list):
        return bool(value) and _are_names(value) and _KINDS.issuperset(value)
    return isinstance(value, str) and value in _KINDS


def _are_schemas(value: Json) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(surely_sound, value.values()))


_FITS: Mapping[str, Callable[[Json], bool]] = {
    "type": _is_kind,
    "title": _is_text,
    "description": _is_text,
    "examples": _is_list,
    "enum": _is_list,
    "default": lambda value: True,
    "minimum": _is_number,
    "maximum": _is_number,
    "exclusiveMinimum": _is_number,
    "exclusiveMaximum": _is_number,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "minLength": _is_count,
    "maxLength": _is_count,
    "minItems": _is_count,
    "maxItems": _is_count,
    "required": _are_names,
    "properties": _are_schemas,
    "items": surely_sound,
    "additionalProperties": lambda value: isinstance(value, bool) or surely_sound(value),
}
