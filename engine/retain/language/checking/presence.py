"""Which fields must have a value where a condition is true, so that nobody is warned about them behind it."""

from __future__ import annotations

from retain.language.checking.guards import key
from retain.language.syntax import ast
from retain.language.syntax.ast import Node


def present_in(node: Node) -> frozenset[str]:
    """The fields, by `guards.key`, without which this condition could not be true."""
    match node:
        case ast.And(parts=parts):
            return frozenset().union(*map(present_in, parts))
        case ast.Or(parts=parts):
            return frozenset.intersection(*map(present_in, parts))
        case ast.Not(part=ast.Missing(value=value)):
            return _read_by(value)
        case ast.Not(part=part) if not isinstance(part, ast.And | ast.Or | ast.Missing | ast.InSegment):
            return _read_by(part)
        case ast.Missing() | ast.InSegment() | ast.Not():
            return frozenset()
        case _:
            return _read_by(node)


def can_be_unknown(node: Node, present: frozenset[str]) -> bool:
    """Whether a missing value can leave a condition open, where the fields of `present` are known to have one."""
    if node.type is None or not node.type.nullable:
        return False
    match node:
        case ast.Field():
            return key(node) not in present
        case ast.Arithmetic(op="/"):
            return True
        case ast.And() | ast.Or() | ast.Not() | ast.Compare() | ast.In() | ast.Between() | ast.TextTest():
            return any(can_be_unknown(part, present) for part in node.children())
        case ast.Arithmetic() | ast.Negate() | ast.Contains():
            return any(can_be_unknown(part, present) for part in node.children())
        case _:
            return True


def _read_by(node: Node) -> frozenset[str]:
    """The fields whose value a test or calculation cannot do without."""
    match node:
        case ast.Field():
            return frozenset({key(node)})
        case ast.Compare(left=left, right=right) | ast.Arithmetic(left=left, right=right):
            return _read_by(left) | _read_by(right)
        case ast.In(value=value) | ast.Between(value=value) | ast.TextTest(value=value) | ast.Negate(value=value):
            return _read_by(value)
        case _:
            return frozenset()
