"""Many rows by one statement on PostgreSQL: each column goes over as one array, which the server takes apart.

A statement for each row costs the server and the driver more than the row does. The arrays are written as text here,
column by column, because the driver writes them value by value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, String

from retain.store.dialects.base import Values
from retain.store.tables import metadata

Write: TypeAlias = Callable[[Values], str]
_INSERT = re.compile(r"INSERT INTO (\w+) \(([^()]*)\) VALUES \(\?(?:, \?)*\)(.*)", re.DOTALL)
_REPLACED = re.compile(r" ON CONFLICT \(([^()]*)\) DO UPDATE")
_BETWEEN = "\0"  # in no text that PostgreSQL takes


def _quoted(value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _texts(values: Values) -> str:
    if None in values:
        return "{" + ",".join("NULL" if value is None else _quoted(value) for value in values) + "}"
    joined = _BETWEEN.join(map(str, values))
    if joined.count(_BETWEEN) >= len(values):
        return joined  # which the driver refuses, as it does any text with such a character
    return '{"' + joined.replace("\\", "\\\\").replace('"', '\\"').replace(_BETWEEN, '","') + '"}'


def _numbers(values: Values) -> str:
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _truths(values: Values) -> str:
    return "{" + ",".join(["NULL" if value is None else "t" if value else "f" for value in values]) + "}"


def _bytes(values: Values) -> str:
    return "{" + ",".join([f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else "NULL" for value in values]) + "}"


_KINDS: Sequence[tuple[type, str, Write]] = (
    (BigInteger, "bigint", _numbers),
    (SmallInteger, "smallint", _numbers),
    (Integer, "integer", _numbers),
    (Boolean, "boolean", _truths),
    (LargeBinary, "bytea", _bytes),
    (String, "text", _texts),
)


@dataclass(frozen=True, slots=True)
class ByColumns:
    """An INSERT that takes an array for each column.

    Args:
        sql: with the driver's marks.
        key: places of the columns by which rows are replaced; one statement cannot replace a row twice.
    """

    sql: str
    key: tuple[int, ...]
    writers: tuple[Write, ...]

    def arrays(self, rows: Sequence[Values]) -> list[str] | None:
        """The columns of these rows; None where one would be replaced twice."""
        if self.key and len({tuple(row[place] for place in self.key) for row in rows}) < len(rows):
            return None
        return [write(column) for write, column in zip(self.writers, zip(*rows, strict=True), strict=True)]


@lru_cache(maxsize=256)
def by_columns(sql: str) -> ByColumns | None:
    """The form of an INSERT for many rows; None where it is none, or of a table that is not the store's."""
    found = _INSERT.fullmatch(sql)
    table = metadata.tables.get(found[1]) if found else None
    if found is None or table is None:
        return None
    names = [name.strip().strip('"') for name in found[2].split(",")]
    kinds = [_kind(table.columns[name]) for name in names]
    replaced = _REPLACED.match(found[3])
    key = [name.strip().strip('"') for name in replaced[1].split(",")] if replaced else []
    arrays = ", ".join(f"%s::{kind}[]" for kind, _ in kinds)
    return ByColumns(
        sql=f"INSERT INTO {found[1]} ({found[2]}) SELECT * FROM unnest({arrays}){found[3].replace('%', '%%')}",
        key=tuple(names.index(name) for name in key),
        writers=tuple(write for _, write in kinds),
    )


def _kind(column: Column[object]) -> tuple[str, Write]:
    return next((name, write) for kind, name, write in _KINDS if isinstance(column.type, kind))
