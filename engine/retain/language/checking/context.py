"""What every part of the checker shares: the text, what it may name, and the problems found so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from difflib import get_close_matches

from retain.language.environment import Environment
from retain.language.syntax.ast import History, Node
from retain.language.syntax.source import Source
from retain.language.types import KIND_WORDS, Type
from retain.model import Problem

BOOL = Type("bool")
INT = Type("int")
NUMBER = Type("number")


class Context(ABC):
    """One text under check. A node whose type stays None has been reported already and causes no second problem."""

    def __init__(self, source: Source, env: Environment, depth: int = 0) -> None:
        self.source = source
        self.env = env
        self.problems: list[Problem] = []
        self.depth = depth  # how many plugin functions this text stands in
        self.row: History | None = None  # inside `where`: the look at history that it belongs to

    @abstractmethod
    def check(self, node: Node) -> Node:
        """The node typed and rewritten; its type is None where it has a problem."""

    def text(self, node: Node) -> str:
        """A node as written."""
        return self.source.text[node.start : node.end]

    def report(self, code: str, message: str, node: Node, cure: str = "") -> None:
        """Note a problem at a node."""
        self.report_at(code, message, (node.start, node.end), cure)

    def report_at(self, code: str, message: str, span: tuple[int, int], cure: str = "") -> None:
        """Note a problem at the characters of `span`."""
        self.problems.append(self.source.problem(code, message, *span, cure))

    @property
    def has_event(self) -> bool:
        """Whether at least one event can be the one being decided."""
        return bool(self.event_names) and "event" in self.env.roots

    @property
    def event_names(self) -> tuple[str, ...]:
        """The declared event types that `event.` can be."""
        return tuple(name for name in self.env.events or () if name)


def describe(type_: Type) -> str:
    """A type in the words of a message."""
    return KIND_WORDS[type_.kind]


def may_be_missing(*nodes: Node | None) -> bool:
    """Whether any of these values can be missing."""
    return any(node is not None and node.type is not None and node.type.nullable for node in nodes)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one, if any does; capitals do not matter."""
    by_lower = {other.lower(): other for other in sorted(known)}
    near = get_close_matches(name.lower(), by_lower, 1, 0.6)
    return by_lower[near[0]] if near else ""
