"""Where the parser of YAML gave up, what stands around that place, and in which columns lists and maps went on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from retain.language.documents.nodes import SourceFile

CLOSING = {"[": "]", "{": "}"}
_FLOW_PART = re.compile(r"""(?<=[\[{,:\s])"(?:\\.|[^"\\])*"|(?<=[\[{,:\s])'(?:''|[^'])*'|(?<!\S)#.*|[\[\]{}]""")
_COMMENT = re.compile(r"""^([^"'#]*)(?<=\s)#.*""")
_DASH = re.compile("-(?: +|$)")
_KEY = re.compile(r"""(?:[^\s:#'"\[\]{},-][^:#]*|"[^"]*" *|'[^']*' *):(?=\s|$)""")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the characters [start, end), and what to do about it."""

    what: str
    cure: str
    start: int
    end: int
    code: str = "E201"


@dataclass(frozen=True, slots=True)
class Column:
    """A column in which a list or map goes on, and the last line that does so."""

    indent: int
    row: int
    is_list: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the parser gave up: `index`; and `opened`, where that began which it was reading."""

    source: SourceFile
    words: str
    index: int
    opened: int

    @property
    def row(self) -> int:
        """The line, counted from 0."""
        return self.source.place(self.index, self.index).line - 1

    @property
    def line(self) -> str:
        """The text of the line."""
        return self.source.line(self.row)

    @property
    def before(self) -> str:
        """What stands before it in its line."""
        return self.line[: self.source.place(self.index, self.index).column - 1]

    @property
    def sign(self) -> str:
        """The character there; empty at the end of the text."""
        return self.source.text[self.index : self.index + 1]

    def row_above(self) -> int | None:
        """The last line before it that says something."""
        rows = (row for row in range(self.row - 1, -1, -1) if _says_something(self.source.line(row)))
        return next(rows, None)

    def here(self, what: str, cure: str) -> Fault:
        """A fault of the character there."""
        return Fault(what, cure, self.index, self.index + 1)

    def in_row(self, row: int, what: str, cure: str) -> Fault:
        """A fault of a whole line."""
        start = self.source.start(row) + indent_of(self.source.line(row))
        return Fault(what, cure, start, start + len(self.said_in(row)))

    def said_in(self, row: int) -> str:
        """A line without its indentation and comment."""
        return _COMMENT.sub(r"\1", self.source.line(row)).strip()


def columns_before(source: SourceFile, end: int) -> list[Column]:
    """The columns in which lists and maps go on after the lines before `end`, from the left."""
    found: list[Column] = []
    for row in range(end):
        for column in _columns_of(source.line(row), row):
            while found and found[-1].indent >= column.indent:
                found.pop()
            found.append(column)
    return found


def _columns_of(line: str, row: int) -> Iterator[Column]:
    start = indent_of(line)
    while (dash := _DASH.match(line, start)) is not None:
        yield Column(start, row, True)
        start = dash.end()
    if _KEY.match(line, start):
        yield Column(start, row, False)


def closed_at(text: str, opened: int) -> int | None:
    """Where the bracket that closes another one stands, be it the right one or not."""
    depth = 0
    for found in _FLOW_PART.finditer(text, opened):
        if found[0] in CLOSING:
            depth += 1
        elif found[0] in CLOSING.values():
            depth -= 1
            if depth == 0:
                return found.start()
    return None


def indent_of(line: str) -> int:
    """How many spaces or tabs a line begins with."""
    return len(line) - len(line.lstrip())


def _says_something(line: str) -> bool:
    return line.strip() != "" and not line.lstrip().startswith("#")
