"""Whether time alone can change what an expression comes to."""

from __future__ import annotations

from retain.language.syntax import ast
from retain.language.syntax.ast import Node

_OF_TIME = ("known_days", "days_since", "days_until", "age")


def is_timeless(node: Node) -> bool:
    """Whether only a new fact can change the value; an event that has yet to begin to count can change it too."""
    if isinstance(node, ast.History) or (isinstance(node, ast.Call) and node.function in _OF_TIME):
        return False
    return all(map(is_timeless, node.children()))
