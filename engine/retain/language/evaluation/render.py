"""A checked tree as text again: in one spelling, for people and for the identity of a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from retain.instants import format_duration
from retain.language.evaluation.values import type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node, Window
from retain.model import Json

Write: TypeAlias = Callable[[Node], str]


def render(node: Node, *, inline: bool = False) -> str:
    """The expression in its normal spelling.

    Args:
        inline: write out segments, metrics and functions, and name the types of fields, so that two texts are equal
            exactly where they mean the same.
    """

    def write(part: Node) -> str:
        if inline and isinstance(part, ast.MetricRef | ast.InSegment | ast.Expanded):
            assert part.body is not None
            word = "member" if isinstance(part, ast.InSegment) else ""
            return f"{word}({write(part.body)})"
        text = _WRITERS[type(part)](part, write)
        if inline and isinstance(part, ast.Field | ast.RowField | ast.Literal_):
            type_ = type_of(part)
            text += f":{type_.kind}{type_.scale or ''}"
        return text

    return write(node)


def _literal(node: ast.Literal_, write: Write) -> str:
    type_ = type_of(node)
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, str):
        return "'" + node.value.replace("'", "''") + "'"
    if type_.kind == "duration":
        return format_duration(int(node.value)).replace(" ", "")
    if type_.kind == "money" and node.value % type_.scale == 0:
        return str(node.value // type_.scale)
    if type_.kind == "money":
        return f"{node.value / type_.scale:.{len(str(type_.scale)) - 1}f}"
    return repr(node.value)


def _joined(word: str) -> Callable[[Json, Write], str]:
    return lambda node, write: "(" + f" {word} ".join(map(write, node.parts)) + ")"


def _contains(node: ast.Contains, write: Write) -> str:
    items = [write(item) for item in node.items]
    wanted = items[0] if node.mode == "one" else f"{node.mode} of [{', '.join(items)}]"
    return f"{write(node.value)} contains {wanted}"


def _case(node: ast.Case, write: Write) -> str:
    parts = [f"when {write(condition)} then {write(value)}" for condition, value in node.whens]
    otherwise = [] if node.otherwise is None else [f"else {write(node.otherwise)}"]
    return " ".join(["case", *parts, *otherwise, "end"])


def without_brackets(text: str) -> str:
    """A text without the brackets that stand around all of it."""
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and index < len(text) - 1:
            return text
    return text[1:-1] if text.startswith("(") else text


def _history(node: ast.History, write: Write) -> str:
    parts = [node.event + (f".{node.path}" if node.path else "")]
    if node.event2:
        parts[0] += f", {node.event2}"
    if node.where is not None:
        parts.append(f"where {without_brackets(write(node.where))}")
    if node.window is not None:
        parts.append(render_window(node.window))
    return f"{node.function}({' '.join(parts)})"


def render_window(window: Window) -> str:
    """A window as it is written."""
    near, far = format_duration(window.near).replace(" ", ""), format_duration(window.far).replace(" ", "")
    return {
        "last": f"in last {near}",
        "between": f"between {far} and {near} ago",
        "calendar_days": f"in last {window.count} calendar days",
        "since": f"since {window.at}",
        "this": f"this {window.unit}",
        "start": "since start",
    }[window.form]


_WRITERS: Mapping[type[Node], Callable[[Json, Write], str]] = {
    ast.Literal_: _literal,
    ast.Field: lambda node, write: f"{node.root}.{node.path}",
    ast.RowField: lambda node, write: str(node.path),
    ast.MetricRef: lambda node, write: f"metrics.{node.name}",
    ast.InSegment: lambda node, write: f"customer in segment {node.name}",
    ast.Expanded: lambda node, write: str(node.call),
    ast.And: _joined("and"),
    ast.Or: _joined("or"),
    ast.Not: lambda node, write: f"not ({without_brackets(write(node.part))})",
    ast.Compare: lambda node, write: f"({write(node.left)} {node.op} {write(node.right)})",
    ast.In: lambda node, write: f"{write(node.value)} in [{', '.join(map(write, node.items))}]",
    ast.Between: lambda node, write: f"{write(node.value)} between {write(node.low)} and {write(node.high)}",
    ast.Contains: _contains,
    ast.TextTest: lambda node, write: f"{write(node.value)} {node.op} with {write(node.part)}",
    ast.Missing: lambda node, write: f"{write(node.value)} is missing",
    ast.Changed: lambda node, write: f"{write(node.value)} changed",
    ast.Arithmetic: lambda node, write: f"({write(node.left)} {node.op} {write(node.right)})",
    ast.Negate: lambda node, write: f"-{write(node.value)}",
    ast.Case: _case,
    ast.Call: lambda node, write: f"{node.function}({', '.join(map(write, node.args))})",
    ast.History: _history,
}
