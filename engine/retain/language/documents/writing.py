"""Plain values as YAML in one canonical form, which reads back as the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from retain.language.documents.yaml import resolve
from retain.model import Json

_PLAIN = re.compile(r"[^\W_](?:[ -~\u00a0-\u2027\u202a-\ud7ff](?<![#:]))*(?<! )")
_PLAIN_IN_LIST = re.compile(r"[\w.@/+-]*")
_KEY = re.compile(r"[A-Za-z_][\w.-]*")
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # breaks of lines, and what a file may not hold
_WIDTH = 100


def write_yaml(value: Json, depth: int = 0) -> str:
    """A value as block-style YAML, keys in their order, two blanks a level; ends with a newline."""
    return "".join(f"{line}\n" for line in _lines(value, "  " * depth))


def _lines(value: Json, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{indent}{_key(key)}:", item, f"{indent}  ")
    elif isinstance(value, list) and value:
        for item in value:
            yield from _item(item, indent)
    else:
        yield f"{indent}{_short(value)}"


def _entry(head: str, item: Json, inner: str) -> Iterator[str]:
    flat = _flat(item)
    if flat is not None and len(head) + len(flat) < _WIDTH:
        yield f"{head} {flat}"
    else:
        yield head
        yield from _lines(item, inner)


def _item(item: Json, indent: str) -> Iterator[str]:
    flat = _flat(item)
    if flat is not None and len(indent) + len(flat) + 2 < _WIDTH:
        yield f"{indent}- {flat}"
        return
    first, *rest = _lines(item, f"{indent}  ")
    yield f"{indent}- {first.lstrip()}"
    yield from rest


def _flat(value: Json) -> str | None:
    """A value on one line; None where it is a structure that reads better on several."""
    if isinstance(value, Mapping):
        return None if value else "{}"
    if isinstance(value, list):
        if not value:
            return "[]"
        short = all(not isinstance(item, Mapping | list) and " " not in str(item) for item in value)
        return f"[{', '.join(map(_listed, value))}]" if short else None
    return _short(value)


def _key(key: Json) -> str:
    text = str(key)
    return text if _KEY.fullmatch(text) and resolve(text) == text else quoted(text)


def _listed(value: Json) -> str:
    """A value inside brackets, where commas and brackets would end it."""
    if isinstance(value, str) and not _PLAIN_IN_LIST.fullmatch(value):
        return quoted(value)
    return _short(value)


def _short(value: Json) -> str:
    if isinstance(value, float):
        return _decimal(value)
    if value is None or isinstance(value, bool | int | Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and resolve(text) == text
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    """A text between double quotes, on one line whatever stands in it."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _decimal(value: float) -> str:
    """A number without an exponent unless it needs one; `1e-07` without a point would be a text."""
    text = f"{Decimal(repr(value)):f}"
    return text if "." in text else f"{text}.0"
