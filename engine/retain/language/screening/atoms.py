"""Clauses as comparisons of one value with constants, so that one look at the value answers all that compare it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Literal, TypeAlias

from retain.language.access import is_kept_by
from retain.language.evaluation.render import render
from retain.language.evaluation.values import convert, literal, type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import SETS
from retain.model import Json

Bound: TypeAlias = tuple[Json, bool]  # the value, and whether it is inside itself
Form: TypeAlias = Literal["one of", "none of", "found by", "between", "starts with", "ends with", "is true"]

_ORDERED = frozenset({"int", "number", "money", "duration"})
_KINDS = _ORDERED | {"bool", "text"}
_PRESENCE = _KINDS | {"instant", "date"}
_INVERSE: dict[ast.CompareOp, ast.CompareOp] = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip
_MIRROR: dict[ast.CompareOp, ast.CompareOp] = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Atom:
    """What a clause says of one value: that it is one of some constants, is there and none of them, and so on.

    Of a set one member is one of the constants, or none is. None among `values` is a value that is missing. What is
    "found by" values has its bit where it has one of them, so that the bits of several such can be joined.

    Args:
        key: equal where the values of two atoms are always equal.
    """

    node: Node
    key: str
    form: Form
    values: frozenset[Json] = frozenset()
    low: Bound | None = None
    high: Bound | None = None

    @property
    def is_of_set(self) -> bool:
        """Whether its value has members."""
        return type_of(self.node).kind in SETS


def key_of(node: Node) -> str:
    """Equal for two expressions that always have the same value."""
    type_ = type_of(node)
    fields = [part.field_type for part in node.walk() if isinstance(part, ast.History)]
    return f"{render(node, inline=True)}:{type_.kind}:{type_.scale}:{fields or ''}"


def atoms_of(node: Node, want: bool = True) -> list[Atom] | None:
    """The atoms all of which hold exactly where a condition is `want`; None where it is something else."""
    match node:
        case ast.Expanded(body=body):
            return atoms_of(body, want)
        case ast.Not(part=part):
            return atoms_of(part, not want)
        case ast.And(parts=parts) | ast.Or(parts=parts):
            return _all(parts, want) if isinstance(node, ast.And) is want else None
        case ast.InSegment(body=Node() as body):
            return atoms_of(body, True) if want else None
        case ast.Missing(value=value):
            return _one_of(value, [None], want) if type_of(value).kind in _PRESENCE else None
        case ast.Field() | ast.History() | ast.MetricRef() if type_of(node).kind == "bool":
            return _one_of(node, [want], True)
        case ast.Compare(op=op, left=left, right=right):
            return _compared(left, op if want else _INVERSE[op], right)
        case ast.Between(value=value, low=low, high=high) if want:
            return _between(value, low, high)
        case ast.In(value=value, items=items):
            return _one_of(value, _constants(value, items), want) if _is_constant(value, items) else None
        case ast.TextTest(op=op, value=value, part=ast.Literal_(value=str() as affix)) if want:
            word: Literal["starts with", "ends with"] = "starts with" if op == "starts" else "ends with"
            return [Atom(value, f"{word}: {key_of(value)}", word, frozenset([affix]))]
        case ast.Contains(value=ast.Field(root="customer" | "event") as value, mode=mode, items=items):
            return _contained(value, items, want) if mode == "any" or len(items) == 1 else None
        case _:
            return None


def parts_of(node: Node) -> list[tuple[Node, bool]]:
    """The parts of an `or`: it is true exactly where at least one is what stands beside it. Nothing else has any."""
    want = True
    while isinstance(node, ast.Not | ast.Expanded):
        want, node = (not want, node.part) if isinstance(node, ast.Not) else (want, node.body)
    return [(part, want) for part in node.parts] if isinstance(node, ast.Or if want else ast.And) else []


def _all(parts: Iterable[Node], want: bool) -> list[Atom] | None:
    found: list[Atom] = []
    for part in parts:
        atoms = atoms_of(part, want)
        if atoms is None:
            return None
        found += atoms
    return found


def _one_of(value: Node, constants: Iterable[Json], want: bool) -> list[Atom]:
    return [Atom(value, key_of(value), "one of" if want else "none of", frozenset(constants))]


def _compared(left: Node, op: ast.CompareOp, right: Node) -> list[Atom] | None:
    if isinstance(left, ast.Literal_):
        left, op, right = right, _MIRROR[op], left
    if not _is_constant(left, [right]):
        return None
    (constant,) = _constants(left, [right])
    if op in ("==", "!="):
        return _one_of(left, [constant], op == "==")
    if type_of(left).kind not in _ORDERED:
        return None
    bound = constant, op in ("<=", ">=")
    if op in (">", ">="):
        return [Atom(left, key_of(left), "between", low=bound)]
    return [Atom(left, key_of(left), "between", high=bound)]


def _between(value: Node, low: Node, high: Node) -> list[Atom] | None:
    if not _is_constant(value, [low, high]) or type_of(value).kind not in _ORDERED:
        return None
    first, last = _constants(value, [low, high])
    return [Atom(value, key_of(value), "between", low=(first, True), high=(last, True))]


def _contained(value: Node, items: Sequence[Node], want: bool) -> list[Atom] | None:
    constants = [item.value for item in items if isinstance(item, ast.Literal_)]
    if type_of(value).kind not in SETS or len(constants) != len(items):
        return None
    return _one_of(value, constants, want)


def _is_constant(value: Node, items: Iterable[Node]) -> bool:
    """Whether a value is compared with constants, each in the value's own type."""
    own = type_of(value)
    if isinstance(value, ast.Literal_) or own.kind not in _KINDS:
        return False
    return all(isinstance(item, ast.Literal_) and is_kept_by(own, type_of(item)) for item in items)


def _constants(value: Node, items: Iterable[Node]) -> list[Json]:
    own = type_of(value)
    return [convert(literal(item, UTC), type_of(item), own, UTC) for item in items if isinstance(item, ast.Literal_)]
