"""`{{ expression }}` in the inputs of steps: read once, rendered once; what comes out is never rendered again.

A value that is exactly one `{{ }}` keeps its type. Inside a longer text the value is inserted as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from retain.errors import MissingInputError
from retain.language.checking.expressions import read_value
from retain.language.checking.guards import key as key_of
from retain.language.condition import Expression, Needs
from retain.language.documents.nodes import ListNode, Node, Scalar
from retain.language.environment import Environment
from retain.language.evaluation.values import show
from retain.language.scope import Scope
from retain.language.syntax.source import Source
from retain.language.types import Type
from retain.model import Json, Problem


@dataclass(frozen=True, slots=True)
class Insert:
    """A value that is exactly one `{{ }}`; `type` None where the expression has an error."""

    expression: Expression | None
    type: Type = field(default_factory=lambda: Type("opaque"))
    in_millis: bool = False  # a duration stays a number of milliseconds

    @property
    def text(self) -> str:
        """The expression as written."""
        return self.expression.text if self.expression else ""

    def can_be_missing(self, env: Environment) -> bool:
        """Whether it can have no value, and no condition before asked for one."""
        if self.expression is None or not self.type.nullable:
            return False
        return key_of(self.expression.node) not in env.guards.present


@dataclass(frozen=True, slots=True)
class Text:
    """A text with `{{ }}` in it."""

    pieces: tuple[str | Insert, ...]


Shape: TypeAlias = "Json | Insert | Text"  # maps and lists of these too


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of another source's text; problems point into the whole."""

    source: Source
    start: int
    text: str

    def problem(self, code: str, message: str, start: int, end: int, help: str = "") -> Problem:
        """A problem at the characters [start, end) of the excerpt."""
        return self.source.problem(code, message, self.start + start, self.start + end, help)


class Template:
    """A value of a rule file, with expressions in it or without."""

    __slots__ = ("_inserts", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._inserts = tuple(_inserts_in(shape))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Every expression in it, in written order."""
        return tuple(insert.expression for insert in self._inserts if insert.expression is not None)

    @property
    def literal(self) -> Json | None:
        """The plain value, where there is no expression in it; else None."""
        return None if self._inserts else self.shape

    @property
    def needs(self) -> Needs:
        """All that its expressions read."""
        return Needs.union(*(expression.needs for expression in self.expressions))

    def render(self, scope: Scope) -> Json:
        """The value for one customer at one instant; a key whose whole value is missing is left out of its map.

        Raises:
            MissingInputError: a value inside a longer text is missing.
        """
        return _render(self.shape, scope) if self._inserts else self.shape


def read_template(node: Node, env: Environment, problems: list[Problem], *, in_millis: bool = False) -> Template:
    """The template that a node of a rule file is; what is wrong with its expressions is added to `problems`."""
    return Template(_read(node, env, problems, in_millis))


def _read(node: Node, env: Environment, problems: list[Problem], in_millis: bool) -> Shape:
    if isinstance(node, Scalar):
        return _read_text(node, env, problems, in_millis) if isinstance(node.value, str) else node.value
    if isinstance(node, ListNode):
        return [_read(item, env, problems, in_millis) for item in node.items]
    for key in node.keys.values():
        if "{{" in key.text:
            problems.append(key.complain("E314", "a key cannot hold {{ }}", "write the key out"))
    return {key: _read(value, env, problems, in_millis) for key, value in node.entries.items()}


def _read_text(node: Scalar, env: Environment, problems: list[Problem], in_millis: bool) -> Shape:
    text, at = node.text, 0
    pieces: list[str | Insert] = []
    starts: list[int] = []
    while (opened := text.find("{{", at)) >= 0:
        closed = _closing(text, opened + 2)
        if closed < 0:
            cure = "close it with }}; a text that holds {{ itself is written {{ '{{' }}"
            problems.append(node.problem("E314", "this {{ is not closed", opened, opened + 2, cure))
            return Insert(None)
        if opened > at:
            pieces.append(text[at:opened])
            starts.append(at)
        starts.append(opened + 2)
        pieces.append(_read_insert(Excerpt(node, opened + 2, text[opened + 2 : closed]), env, problems, in_millis))
        at = closed + 2
    if not pieces:
        return text
    if at < len(text):
        pieces.append(text[at:])
        starts.append(at)
    if len(pieces) == 1:
        return pieces[0]
    problems.extend(_missing(node, pieces, starts, env))
    return Text(tuple(pieces))


def _read_insert(source: Excerpt, env: Environment, problems: list[Problem], in_millis: bool) -> Insert:
    if not source.text.strip():
        cure = "write a value, such as {{ customer.email }}"
        problems.append(source.problem("E314", "there is nothing between {{ and }}", -2, len(source.text) + 2, cure))
        return Insert(None)
    checked, found = read_value(source, env)
    problems.extend(found)
    if checked is None or checked.type is None:
        return Insert(None)
    text = source.text.strip()
    start = source.text.index(text)
    place = source.problem("", "", start, start + len(text)).place
    return Insert(Expression(text, checked, place), checked.type, in_millis)


def _closing(text: str, start: int) -> int:
    """Where the `}}` is that closes an expression; one inside quotes does not."""
    first = text.find("}}", start)
    if "'" not in text[start:first] and '"' not in text[start:first]:
        return first
    quote, at = "", start
    while at < len(text):
        if quote:
            quote = "" if text[at] == quote else quote
        elif text[at] in "'\"":
            quote = text[at]
        elif text.startswith("}}", at):
            return at
        at += 1
    return text.find("}}", start)


def _missing(node: Scalar, pieces: list[str | Insert], starts: list[int], env: Environment) -> Iterator[Problem]:
    for piece, start in zip(pieces, starts, strict=True):
        if isinstance(piece, Insert) and piece.can_be_missing(env):
            shown = piece.text
            begin = node.text.index(shown, start)
            cure = f"write default({shown}, …), or ask for it in a condition before"
            what = f"{shown} can be missing; then this step fails"
            yield node.problem("W206", what, begin, begin + len(shown), cure)


def _inserts_in(shape: Shape) -> Iterator[Insert]:
    if isinstance(shape, Insert):
        yield shape
    elif isinstance(shape, Text):
        yield from (piece for piece in shape.pieces if isinstance(piece, Insert))
    elif isinstance(shape, Mapping):
        for value in shape.values():
            yield from _inserts_in(value)
    elif isinstance(shape, list):
        for item in shape:
            yield from _inserts_in(item)


def _render(shape: Shape, scope: Scope) -> Json:
    if isinstance(shape, Insert):
        return _value(shape, scope)
    if isinstance(shape, Text):
        return "".join(piece if isinstance(piece, str) else _as_text(piece, scope) for piece in shape.pieces)
    if isinstance(shape, Mapping):
        rendered = ((key, value, _render(value, scope)) for key, value in shape.items())
        return {key: done for key, value, done in rendered if done is not None or not isinstance(value, Insert)}
    if isinstance(shape, list):
        items = ((item, _render(item, scope)) for item in shape)
        return [done for item, done in items if done is not None or not isinstance(item, Insert)]
    return shape


def _value(insert: Insert, scope: Scope) -> Json:
    assert insert.expression is not None, "a rule with an error is never run"
    return insert.expression.value(scope) if insert.in_millis else insert.expression.json(scope)


def _as_text(insert: Insert, scope: Scope) -> str:
    assert insert.expression is not None, "a rule with an error is never run"
    value = insert.expression.value(scope)
    if value is None:
        raise MissingInputError(
            f"{insert.expression.text} is missing",
            where=str(insert.expression.place),
            cure=f"write default({insert.expression.text}, …) in the rule",
        )
    if isinstance(value, str):
        return value
    if isinstance(value, frozenset):
        return ", ".join(str(item) for item in sorted(value))
    return show(value, insert.type, scope.zone)
