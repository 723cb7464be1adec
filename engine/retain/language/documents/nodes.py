"""What a YAML text consists of, with the place of every part: the tree that the loader reads.

A `Scalar` is a `language.source.Source`: an offset in its value leads to the exact line and column in the file, also
inside block scalars, after escapes and on the second line of a text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from retain.model import Json, Place, Problem

_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}


class SourceFile:
    """A file's name and text, and the way from an index in the text to a line and a column."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def place(self, start: int, end: int) -> Place:
        """The place of the characters [start, end); the width ends with the line."""
        starts = self._line_starts()
        row = bisect_right(starts, start) - 1
        line_start = starts[row]
        if row + 1 < len(starts) and end >= starts[row + 1]:
            end = line_start + len(self.line(row))
        elif self.text[end - 1 : end] == "\r":
            end -= 1
        return Place(self.name, row + 1, start - line_start + 1, max(1, min(end, len(self.text)) - start))

    def line(self, row: int) -> str:
        """The text of a line, counted from 0."""
        starts = self._line_starts()
        end = starts[row + 1] - 1 if row + 1 < len(starts) else len(self.text)
        return self.text[starts[row] : end].rstrip("\r")

    def start(self, row: int) -> int:
        """The index at which a line begins, counted from 0."""
        return self._line_starts()[row]

    def problem(self, code: str, message: str, start: int, end: int, help: str = "") -> Problem:
        """A problem at the characters [start, end)."""
        place = self.place(start, end)
        return Problem(place, code, message, help, self.line(place.line - 1))

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0]
            found = self.text.find("\n")
            while found >= 0:
                self._starts.append(found + 1)
                found = self.text.find("\n", found + 1)
        return self._starts


class Part:
    """Any part of a file: where it begins and ends."""

    __slots__ = ("end", "file", "start")

    def __init__(self, file: SourceFile, start: int, end: int) -> None:
        self.file = file
        self.start = start
        self.end = end

    @property
    def place(self) -> Place:
        """Where the part begins, as wide as it is on its first line."""
        return self.file.place(self.start, self.end)

    def complain(self, code: str, message: str, help: str = "") -> Problem:
        """A problem with the part as a whole."""
        return self.file.problem(code, message, self.start, self.end, help)


class Scalar(Part):
    """A text, number, true, false or null; `text` is what the author typed, `value` what it means."""

    __slots__ = ("_offsets", "style", "text", "value")

    def __init__(self, file: SourceFile, start: int, end: int, text: str, value: Json, style: str = "") -> None:
        self.file = file  # written out, as most of a file's parts are made here
        self.start = start
        self.end = end
        self.text = text
        self.value = value
        self.style = style  # "" plain, "'", '"', "|", ">"
        self._offsets: list[int] | None = None

    def problem(self, code: str, message: str, start: int, end: int, help: str = "") -> Problem:
        """A problem at the characters [start, end) of the text."""
        return self.file.problem(code, message, self._index(start), self._index(max(start, end - 1)) + 1, help)

    def _index(self, offset: int) -> int:
        if self.end <= self.start:
            return self.start
        raw = self.file.text[self.start : self.end]
        quotes = len(self.style) if self.style in ("'", '"') else 0
        if raw[quotes : len(raw) - quotes] == self.text:  # the usual case: nothing folded, no escapes
            return self.start + quotes + min(offset, max(0, len(self.text) - 1))
        if self._offsets is None:
            self._offsets = list(_align(self.text, raw, self.style))
        if offset < len(self._offsets):
            return self.start + self._offsets[offset]
        last = self._offsets[-1] + 1 if self._offsets else 0
        return self.start + last


class MapNode(Part):
    """A map: its keys in written order, each with its value."""

    __slots__ = ("entries", "keys")

    def __init__(self, file: SourceFile, start: int, end: int) -> None:
        super().__init__(file, start, end)
        self.entries: dict[str, Node] = {}
        self.keys: dict[str, Scalar] = {}

    def get(self, key: str) -> Node | None:
        """The value of a key; None where it is not given."""
        return self.entries.get(key)


class ListNode(Part):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, file: SourceFile, start: int, end: int) -> None:
        super().__init__(file, start, end)
        self.items: list[Node] = []


Node: TypeAlias = Scalar | MapNode | ListNode


def plain(node: Node) -> Json:
    """The node as plain JSON."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def from_plain(value: Json, file: SourceFile) -> Node:
    """Plain JSON as nodes, for texts that were stored; every place is the beginning of `file`."""
    if isinstance(value, Mapping):
        made = MapNode(file, 0, 0)
        for key, item in value.items():
            made.keys[key] = Scalar(file, 0, 0, key, key)
            made.entries[key] = from_plain(item, file)
        return made
    if isinstance(value, list | tuple):
        items = ListNode(file, 0, 0)
        items.items.extend(from_plain(item, file) for item in value)
        return items
    if isinstance(value, str):
        return Scalar(file, 0, 0, value, value, style='"')
    text = (
        {None: "", True: "true", False: "false"}.get(value)
        if value is None or value is True or value is False
        else None
    )
    return Scalar(file, 0, 0, repr(value) if text is None else text, value)


def _align(value: str, raw: str, style: str) -> Iterator[int]:
    """For each character of a scalar's value its index in the raw text.

    YAML only drops or folds white space, and in quoted texts reads escapes; so the other characters follow one another.
    """
    at = 0
    if style in ("|", ">"):
        at = raw.find("\n") + 1  # after the header, which may hold a comment
    elif style in ("'", '"'):
        at = 1
    for character in value:
        if not character.isspace():
            at = _skip_space(raw, at, style)
        yield min(at, max(0, len(raw) - 1))
        at += _width(raw, at, character, style)


def _skip_space(raw: str, at: int, style: str) -> int:
    while at < len(raw) and (raw[at].isspace() or (style == '"' and raw[at : at + 2] in ("\\\n", "\\\r"))):
        at += 2 if raw[at] == "\\" else 1
    return at


def _width(raw: str, at: int, character: str, style: str) -> int:
    """How many raw characters stand for this one character of the value."""
    if at >= len(raw):
        return 0
    if style == '"' and raw[at] == "\\":
        return 2 + _HEX_ESCAPES.get(raw[at + 1 : at + 2], 0)
    if style == "'" and raw[at : at + 2] == "''":
        return 2
    return 0 if character.isspace() and not raw[at].isspace() else 1
