"""Comparisons that time cannot turn, although one of their sides moves: whatever it comes to, they come out alike.

`level_for(club) < level(club)` is one for everybody on the lowest level, and those are most.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import TypeAlias

from retain.language.change.motion import State
from retain.language.change.timeless import is_timeless
from retain.language.codegen.conditions import compile_value
from retain.language.evaluation.scalars import compare
from retain.language.evaluation.values import common_type, convert, type_of
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import Type
from retain.model import Json

Settled: TypeAlias = Callable[[Scope], State | None]


def settled_state(node: ast.Compare) -> Settled | None:
    """A function that gives the state of such a comparison, None where it can turn; None where it always could."""
    wanted = common_type(type_of(node.left), type_of(node.right))
    for moving, fixed, is_left in ((node.left, node.right, True), (node.right, node.left, False)):
        choices = _choices(moving, wanted)
        if choices and is_timeless(fixed):
            return _settled(node.op, choices, fixed, wanted, is_left)
    return None


def _settled(op: ast.CompareOp, choices: tuple[Json, ...], fixed: Node, wanted: Type, is_left: bool) -> Settled:
    own, value_of = type_of(fixed), compile_value(fixed)

    def state(scope: Scope) -> State | None:
        value = value_of(scope)
        if value is None:
            return State(None, None)
        value = convert(value, own, wanted, scope.zone)
        verdicts = {compare(op, choice, value) if is_left else compare(op, value, choice) for choice in choices}
        return State(verdicts.pop(), None) if len(verdicts) == 1 else None

    return state


def _choices(node: Node, wanted: Type) -> tuple[Json, ...]:
    """The only values that a `case` over plain numbers can come to; none where it may come to another or be missing."""
    if isinstance(node, ast.Expanded):
        return _choices(node.body, wanted)
    if not isinstance(node, ast.Case) or node.otherwise is None:
        return ()
    found = []
    for value in (*(value for _, value in node.whens), node.otherwise):
        if not isinstance(value, ast.Literal_) or type_of(value).kind not in ("int", "number"):
            return ()
        between = convert(value.value, type_of(value), type_of(node), UTC)
        found.append(convert(between, type_of(node), wanted, UTC))
    return tuple(dict.fromkeys(found))
