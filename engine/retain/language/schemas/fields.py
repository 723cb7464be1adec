"""The fields of customers and events, read from JSON Schema files and from what plugins declare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from retain.language.schemas.types import KeyPath, field_types
from retain.language.syntax.source import TextSource
from retain.language.types import Schema, Type
from retain.model import Json, Place, Problem, slug
from retain.registry import JsonSchema, Registry
from retain.resources import resource

MAX_BYTES = 1_000_000
_JSON_FAULTS = (  # what Python's reader says, what it means, and what to do about it
    ("Expecting ','", "a comma or a closing bracket is missing before this", "write it behind the value before"),
    ("Expecting ':'", "a colon is missing before this", 'write "KEY": VALUE'),
    ("Expecting property name", "a key in double quotes is expected here",
     'write "KEY": VALUE; behind the last one stands no comma, and JSON has no comments'),
    ("Expecting value", "a value is expected here",
     "write one, a text in double quotes; behind the last one stands no comma, and JSON has no comments"),
    ("Unterminated string", "this quote is not closed", "close the quote"),
    ("Invalid control", "the text ends with its line, and its quote is not closed", "close the quote"),
    ("Invalid \\", "this backslash means nothing", "write \\\\ for a backslash"),
    ("Extra data", "the file has ended before this", "take it out"),
    ("Illegal trailing comma", "behind the last value stands no comma", "take it out"),
)  # fmt: skip


def load_schema(folder_paths: Sequence[Path], registry: Registry) -> tuple[Schema, list[Problem]]:
    """The shipped schemas, extended by those in `folder_paths` and by what plugins declare; and all problems of them.

    A folder holds customer.json and events/NAME.json, and need not exist. A later file with the same event replaces
    the fields that it names and keeps the others. A plugin's declaration fills in what no file declares.
    """
    loader = _Loader()
    shipped = resource("schemas")
    for folder in (shipped, *(path for path in folder_paths if path.resolve() != shipped.resolve())):
        loader.folder(folder)
    for field in registry.fields.values():
        loader.declared(f"plugin {field.plugin}", {"properties": {field.name: field.schema}}, loader.customer)
    for event_type in registry.event_types.values():
        fields = loader.events.setdefault(slug(event_type.name), {})
        loader.declared(f"plugin {event_type.plugin}", event_type.schema, fields)
    return Schema(loader.customer, loader.events), loader.problems


class _Loader:
    def __init__(self) -> None:
        self.customer: dict[str, Type] = {}
        self.events: dict[str, dict[str, Type]] = {}
        self.problems: list[Problem] = []

    def folder(self, folder: Path) -> None:
        """One folder of schemas."""
        customer = folder / "customer.json"
        if customer.is_file():
            self.customer.update(self.file(customer))
        names: dict[str, Path] = {}
        for path in _json_files(folder / "events"):
            name = slug(path.stem)
            if name in names:
                what = f"{path.name} and {names[name].name} are one event, {name}"
                self.problems.append(Problem(Place(str(path), 1, 1), "E121", what, "keep one of the two files"))
                continue
            names[name] = path
            self.events.setdefault(name, {}).update(self.file(path))

    def file(self, path: Path) -> dict[str, Type]:
        """The fields that one file declares."""
        try:
            text = path.read_bytes()[: MAX_BYTES + 1].decode()
        except (OSError, UnicodeDecodeError) as error:
            what = f"this file cannot be read: {error}"
            self.problems.append(Problem(Place(str(path), 1, 1), "E140", what, "save it as JSON in UTF-8"))
            return {}
        source = TextSource(text, str(path))
        if len(text) > MAX_BYTES:
            self.problems.append(Problem(Place(str(path), 1, 1), "E140", "a schema has at most 1 MB", "split it"))
            return {}
        try:
            schema = json.loads(text)
        except (ValueError, RecursionError) as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else 0
            what, cure = _json_fault(error.msg if isinstance(error, json.JSONDecodeError) else str(error))
            self.problems.append(source.problem("E140", what, at, at + 1, cure))
            return {}

        def report(code: str, message: str, key: KeyPath, cure: str) -> None:
            self.problems.append(source.problem(code, message, *locate(text, key), cure))

        return field_types(schema, report)

    def declared(self, owner: str, schema: JsonSchema, into: dict[str, Type]) -> None:
        """Fields that a plugin declares, where nobody else does."""

        def report(code: str, message: str, key: KeyPath, cure: str) -> None:
            self.problems.append(Problem(Place(owner, 1, 1), code, f"{'.'.join(key)}: {message}", cure))

        for path, type_ in field_types(schema, report).items():
            into.setdefault(path, type_)


def _json_fault(words: str) -> tuple[str, str]:
    """What is wrong with a JSON text, and what to do about it, from what its reader says."""
    known = ((what, cure) for beginning, what, cure in _JSON_FAULTS if words.startswith(beginning))
    return next(known, (f"this is not JSON: {words}", "correct the file"))


def _json_files(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob("*.json")) if folder.is_dir() else ()


def locate(text: str, path: KeyPath) -> tuple[int, int]:
    """Where the last key of a path is written in a JSON text that is known to be well formed."""
    at, span = _skip(text, 0), (0, 1)
    for wanted in path:
        found = _entry(text, at, wanted)
        if found is None:
            break
        span, at = found
    return span


def _entry(text: str, at: int, wanted: str) -> tuple[tuple[int, int], int] | None:
    decoder = json.JSONDecoder()
    if text[at : at + 1] != "{":
        return None
    at = _skip(text, at + 1)
    while text[at] == '"':
        key, end = _string(decoder, text, at)
        value = _skip(text, _skip(text, end) + 1)
        if key == wanted:
            return (at, end), value
        _, after = decoder.raw_decode(text, value)
        at = _skip(text, after)
        at = _skip(text, at + 1) if text[at] == "," else at
    return None


def _string(decoder: json.JSONDecoder, text: str, at: int) -> tuple[str, int]:
    value: tuple[Json, int] = decoder.raw_decode(text, at)
    return str(value[0]), value[1]


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
