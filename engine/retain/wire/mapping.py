"""CSV to messages: a mapping file says which call of the Segment API each row becomes, and nothing is guessed.

    version: 1
    messages:                            # each row is offered to each of these, in this order
      - call: track                      # identify, track, page, screen, group or alias
        when: {event: [purchase, buy]}   # only rows with one of these values in this column
        first: user_id                   # only the first row of each value of this column
        user_id: "{user_id}"
        timestamp: "{day}T12:00:00Z"
        event: Order Completed
        properties: {order_id: "{order}", total: "{amount:number}"}

`{column}` inserts what the row has there, `{line}` the number of the line in the file. A value that is exactly one
`{column:number}` is a number. A value with an empty column in it is left out. What the messages are worth is judged
where all messages are (`retain.wire.calls`), so a bad row costs only itself.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from retain.errors import RetainError, RuleError, did_you_mean
from retain.language.documents.nodes import MapNode, Node, Scalar
from retain.language.documents.shapes import (
    Problems,
    entries_of,
    misfit,
    read_choice,
    read_keys,
    read_list,
    read_text,
    read_texts,
)
from retain.language.documents.yaml import read_yaml
from retain.model import Json

_CALLS = ("identify", "track", "page", "screen", "group", "alias")
_WIRE_NAMES = {  # of the mapping and of the wire
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
    "message_id": "messageId",
    "timestamp": "timestamp",
    "event": "event",
    "name": "name",
}
_GROUPS = ("properties", "traits")
_KEYS = ("call", "when", "first", *_WIRE_NAMES, *_GROUPS)
_INSERT = re.compile(r"\{([^{}:]+)(?::(number))?\}")
_LINE = "line"


@dataclass(frozen=True, slots=True)
class RowMessage:
    """What one row becomes, once.

    Args:
        when: column to the values of which a row must have one.
        first: column of whose every value only the first row counts; empty counts every row.
        texts: keys of the message, as on the wire, to a text with `{column}` in it.
        groups: `properties` and `traits`, each with such texts or plain values.
    """

    call: str
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    @property
    def columns(self) -> Iterator[str]:
        """Every column that it reads."""
        yield from self.when
        if self.first:
            yield self.first
        values = [*self.texts.values(), *(value for group in self.groups.values() for value in group.values())]
        for value in values:
            if isinstance(value, str):
                yield from (found[1] for found in _INSERT.finditer(value))


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """A mapping file, read."""

    messages: tuple[RowMessage, ...]
    delimiter: str = ","
    name: str = ""


def read_mapping(text: str, file: str) -> CsvMapping:
    """A mapping from the text of its file.

    Raises:
        RuleError: it is no mapping; carries every problem, with its place.
    """
    node, problems = read_yaml(text, file)
    mapping = None if node is None else _mapping(node, file, problems)
    if mapping is None or problems:
        raise RuleError("the mapping cannot be used", where=file, cure="see the problems below", problems=problems)
    return mapping


def read_csv_messages(file: Path, mapping: CsvMapping) -> Iterator[dict[str, Json]]:
    """The messages of a CSV file, plain or `.gz`, as they would come over the wire.

    Raises:
        RetainError: the file is no CSV, or has no column that the mapping names.
    """
    with _opened(file) as text:
        rows = csv.reader(_plain(text), delimiter=mapping.delimiter)
        header = next(_careful(rows, file), [])
        _check_columns(mapping, header, file)
        seen: list[set[str]] = [set() for _ in mapping.messages]
        for values in _careful(rows, file):
            row = dict(zip(header, values, strict=False)) | {_LINE: str(rows.line_num)}
            for index, message in enumerate(mapping.messages):
                if _applies(message, row, seen[index]):
                    yield _message(message, row, f"{file.name}:{rows.line_num}:{index}")


def _mapping(node: Node, file: str, problems: Problems) -> CsvMapping | None:
    read = read_keys(
        node, ("version", "delimiter", "messages"), "a mapping", problems, required=("version", "messages")
    )
    if read is None:
        return None
    version = read.get("version")
    if isinstance(version, Scalar) and version.value != 1:
        problems.append(version.complain("E213", f"version must be 1, not {version.text}", "write version: 1"))
    items = read_list(read.get("messages"), "messages", problems) or []
    messages = [_row_message(item, problems) for item in items]
    delimiter = _delimiter(read.get("delimiter"), problems)
    return CsvMapping(tuple(message for message in messages if message), delimiter, file)


def _delimiter(node: Node | None, problems: Problems) -> str:
    text = read_text(node, "delimiter", problems) or ","
    if node is not None and (len(text) > 1 or text in "\r\n\0"):
        problems.append(node.complain("E210", "delimiter must be one character", 'write delimiter: ";" or "\\t"'))
        return ","
    return text


def _row_message(node: Node, problems: Problems) -> RowMessage | None:
    read = read_keys(node, _KEYS, "a message", problems, required=("call",))
    if read is None:
        return None
    return RowMessage(
        call=read_choice(read.get("call"), _CALLS, "call", problems),
        when=_when(read.get("when"), problems),
        first=read_text(read.get("first"), "first", problems),
        texts={
            wire: read_text(read.get(key), key, problems) for key, wire in _WIRE_NAMES.items() if key in read.entries
        },
        groups={key: _values(read.get(key), key, problems) for key in _GROUPS if key in read.entries},
    )


def _when(node: Node | None, problems: Problems) -> Mapping[str, tuple[str, ...]]:
    if node is None:
        return {}
    if not isinstance(node, MapNode):
        problems.append(misfit(node, "a map of columns", "when", "write when: {column: value}"))
        return {}
    return {key.text: read_texts(value, key.text, problems) for key, value in entries_of(node)}


def _values(node: Node | None, what: str, problems: Problems) -> Mapping[str, Json]:
    if not isinstance(node, MapNode):
        if node is not None:
            problems.append(misfit(node, "a map", what))
        return {}
    values: dict[str, Json] = {}
    for key, value in entries_of(node):
        if isinstance(value, Scalar):
            values[key.text] = value.value
        else:
            problems.append(misfit(value, "one value", key.text))
    return values


def _opened(file: Path) -> IO[str]:
    try:
        stream = gzip.GzipFile(file) if file.suffix == ".gz" else file.open("rb")
    except OSError as error:
        raise RetainError(f"cannot be opened: {error.strerror}", where=str(file), cure="check the path") from error
    return TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _plain(text: Iterable[str]) -> Iterator[str]:
    """The lines of a text; another encoding that goes through as UTF-8 is told by its zero bytes."""
    for line in text:
        if "\0" in line:
            raise csv.Error("it holds a zero byte")
        yield line


def _careful(rows: Iterable[list[str]], file: Path) -> Iterator[list[str]]:
    """The rows that are not empty; what the reader cannot read is told as an error of ours."""
    try:
        yield from (row for row in rows if row)
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RetainError(f"is no CSV in UTF-8: {error}", where=str(file), cure="save it as CSV in UTF-8") from error


def _check_columns(mapping: CsvMapping, header: Sequence[str], file: Path) -> None:
    known = {*header, _LINE}
    for message in mapping.messages:
        for column in message.columns:
            if column not in known:
                raise RetainError(
                    f"has no column {column!r}, which {mapping.name} names",
                    where=str(file),
                    cure=did_you_mean(column, header),
                )


def _applies(message: RowMessage, row: Mapping[str, str], seen: set[str]) -> bool:
    if any(row.get(column, "") not in values for column, values in message.when.items()):
        return False
    if not message.first:
        return True
    value = row.get(message.first, "")
    is_first = value not in seen
    seen.add(value)
    return is_first


def _message(message: RowMessage, row: Mapping[str, str], message_id: str) -> dict[str, Json]:
    made: dict[str, Json] = {"type": message.call, "messageId": message_id}
    made |= _filled(message.texts, row)
    return made | {group: _filled(values, row) for group, values in message.groups.items()}


def _filled(values: Mapping[str, Json], row: Mapping[str, str]) -> dict[str, Json]:
    filled = ((key, _value(value, row)) for key, value in values.items())
    return {key: value for key, value in filled if value is not None}


def _value(value: Json, row: Mapping[str, str]) -> Json:
    if not isinstance(value, str):
        return value
    first, *inserts = _pieces(value)
    if not inserts:
        return first
    text = first
    for column, kind, after in inserts:
        found = row.get(column, "")
        if kind and len(inserts) == 1 and not (first or after):
            return _number(found)
        if not found:
            return None
        text += found + after
    return text


@lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[Any, ...]:
    """A text up to its first insert, then each insert as column, kind, and the text after it."""
    parts = _INSERT.split(text)
    return (parts[0], *zip(parts[1::3], parts[2::3], parts[3::3], strict=True))


def _number(text: str) -> Json:
    """A number where it is one; else the text, which the check of types then names."""
    text = text.strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
