"""What a condition implies about single fields, so that it can be found by their values.

An access is a handful of tests of fields, at least one of which holds wherever the condition is true. It is read off
the tree: of parts joined by `and` any one will do, of parts joined by `or` each must have one. A field is compared as
the evaluators compare it, by its typed value, so that an unknown, missing or ill-fitting value is found by nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import NamedTuple, TypeAlias

from retain.language.evaluation.values import convert, literal, show, type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import SETS, Type
from retain.model import Json

_KINDS = frozenset({"bool", "text", "int", "number", "money"})
_MOST_VALUES = 100  # a longer list is looked through rather than looked up


class FieldTest(NamedTuple):
    """A field of the customer or of the event is one of these values; of a set, one of its members is."""

    field: ast.Field
    values: frozenset[Json]

    @property
    def name(self) -> str:
        """The field as it is written."""
        return f"{self.field.root}.{self.field.path}"

    @property
    def key(self) -> tuple[str, str, int]:
        """Equal for tests that one look at the field's value answers."""
        type_ = type_of(self.field)
        return self.name, type_.kind, type_.scale

    def __str__(self) -> str:
        type_ = type_of(self.field)
        is_set = type_.kind in SETS
        item = Type("text" if type_.kind == "text_set" else "number") if is_set else type_
        values = [show(value, item, UTC) for value in sorted(self.values)]
        if len(values) == 1:
            return f"{self.name} {'contains' if is_set else '=='} {values[0]}"
        return f"{self.name} {'contains any of' if is_set else 'in'} [{', '.join(values)}]"


Access: TypeAlias = tuple[FieldTest, ...]  # at least one of the tests holds


def accesses(nodes: Iterable[Node]) -> list[Access]:
    """Every access that conditions joined by `and` imply; none where they say nothing about single fields."""
    return [access for node in nodes for access in _implied(node, True)]


def _implied(node: Node, want: bool) -> list[Access]:
    """The accesses that hold wherever a condition is `want`, which an unknown is not."""
    match node:
        case ast.And(parts=parts) | ast.Or(parts=parts):
            found = [_implied(part, want) for part in parts]
            if isinstance(node, ast.And) is want:
                return [access for part in found for access in part]
            return _either(found)
        case ast.Not(part=part):
            return _implied(part, not want)
        case ast.Expanded(body=body):
            return _implied(body, want)
        case ast.InSegment(body=Node() as body) if want:
            return _implied(body, True)
        case ast.Field() if type_of(node).kind == "bool":
            return _test(node, [want])
        case ast.Compare(op=op) if op == ("==" if want else "!="):
            return _compared(node.left, node.right) or _compared(node.right, node.left)
        case ast.In(value=value, items=items) if want:
            return _one_of(value, items)
        case ast.Contains(value=value, items=items) if want:
            return _member(node, value, items)
        case _:
            return []


def _either(parts: Sequence[list[Access]]) -> list[Access]:
    """Of each part the access with the fewest values, all together; nothing where a part has none."""
    if not all(parts):
        return []
    tests = [test for part in parts for test in min(part, key=_breadth)]
    joined: dict[tuple[str, str, int], FieldTest] = {}
    for test in tests:
        known = joined.get(test.key)
        joined[test.key] = test if known is None else FieldTest(test.field, known.values | test.values)
    return [tuple(joined.values())]


def _breadth(access: Access) -> int:
    return sum(len(test.values) for test in access)


def _compared(field: Node, constant: Node) -> list[Access]:
    return _one_of(field, (constant,)) if isinstance(constant, ast.Literal_) else []


def _one_of(field: Node, items: Sequence[ast.Literal_]) -> list[Access]:
    if not isinstance(field, ast.Field):
        return []
    own = type_of(field)
    if not all(is_kept_by(own, type_of(item)) for item in items):
        return []
    return _test(field, [convert(literal(item, UTC), type_of(item), own, UTC) for item in items])


def is_kept_by(own: Type, other: Type) -> bool:
    """Whether a constant becomes a value of the field's own type without loss."""
    if own.kind == "money":
        return other.kind == "int" or (other.kind == "money" and own.scale % other.scale == 0)
    return own.kind == other.kind or (own.kind in ("int", "number") and other.kind in ("int", "number"))


def _member(node: ast.Contains, value: Node, items: Sequence[Node]) -> list[Access]:
    constants = [item.value for item in items if isinstance(item, ast.Literal_)]
    if not isinstance(value, ast.Field) or len(constants) != len(items) or not constants:
        return []
    return _test(value, constants[:1] if node.mode == "all" else constants)


def _test(field: ast.Field, values: Iterable[Json]) -> list[Access]:
    kept = frozenset(values)
    is_known = field.root in ("customer", "event") and type_of(field).kind in _KINDS | SETS
    return [(FieldTest(field, kept),)] if is_known and 0 < len(kept) <= _MOST_VALUES else []
