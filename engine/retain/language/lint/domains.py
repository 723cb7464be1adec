"""What must hold of single values for a condition to be true, as far as that can be told from its text.

A condition becomes a list of alternatives, each a map from a value (by `guards.key`) to the domain that it must lie in.
No alternative is left where the condition can never be true. Whatever is not understood counts as able to be either,
so that what is said of a condition is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil, floor, inf
from typing import TypeAlias

from retain.language.checking.guards import key
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Json

MOST = 32  # alternatives; a condition with more is not looked at


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that something can have: an interval of numbers, or some texts, less the excluded ones."""

    low: float = -inf
    low_open: bool = False
    high: float = inf
    high_open: bool = False
    whole: bool = False
    allowed: frozenset[Json] | None = None
    excluded: frozenset[Json] = frozenset()

    def __and__(self, other: Domain) -> Domain:
        """The values that lie in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, shut = min((self.high, not self.high_open), (other.high, not other.high_open))
        both = self.allowed if other.allowed is None else other.allowed
        if self.allowed is not None and other.allowed is not None:
            both = self.allowed & other.allowed
        whole, excluded = self.whole or other.whole, self.excluded | other.excluded
        return Domain(low, low_open, high, not shut, whole, both, excluded)

    @property
    def is_empty(self) -> bool:
        """Whether no value is left."""
        if self.allowed is not None:
            return not any(value not in self.excluded and self._holds(value) for value in self.allowed)
        if not self.whole:
            return self.low > self.high or (self.low == self.high and (self.low_open or self.low in self.excluded))
        if inf in (-self.low, self.high):
            return self.low == inf or self.high == -inf
        low = floor(self.low) + 1 if self.low_open else ceil(self.low)
        high = ceil(self.high) - 1 if self.high_open else floor(self.high)
        if high - low > len(self.excluded):
            return False
        return all(value in self.excluded for value in range(low, high + 1))

    def _holds(self, value: Json) -> bool:
        if not isinstance(value, int | float):
            return True
        above = value > self.low or (value == self.low and not self.low_open)
        return above and (value < self.high or (value == self.high and not self.high_open))


Facts: TypeAlias = Mapping[str, Domain]
Alternatives: TypeAlias = list[Facts]

_EITHER: Alternatives = [{}]
_NEGATED: Mapping[str, ast.CompareOp] = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED: Mapping[str, ast.CompareOp] = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}
_SIGNS = {"==": (0,), "!=": (-1, 1), "<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}
_NOT_BELOW_0 = ("count", "distinct", "days_since")
_AGES = ("known_days", "age")
_ORDERED = ("int", "number", "money", "duration")


class Ways:
    """The ways in which conditions can be true, each worked out once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Node, Alternatives]] = {}  # by identity: a text read twice has one tree

    def of(self, node: Node) -> Alternatives:
        """The ways in which one condition can be true."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = node, alternatives(node)
        return known[1]


def alternatives(node: Node, wanted: bool = True) -> Alternatives:
    """The ways in which a condition can be true, or (not `wanted`) false; without a value it is neither."""
    match node:
        case ast.And(parts=parts) | ast.Or(parts=parts):
            found = [alternatives(part, wanted) for part in parts]
            return both(found) if isinstance(node, ast.And) is wanted else _any(found)
        case ast.Not(part=part):
            return alternatives(part, not wanted)
        case ast.Literal_(value=bool(value)):
            return _EITHER if value is wanted else []
        case ast.Missing(value=value):
            return [{f"?{key(value)}": _one_of(wanted)}]
        case ast.Compare(op=op, left=left, right=right):
            return _compared(left, op if wanted else _NEGATED[op], right)
        case ast.In(value=value, items=items):
            listed = frozenset(item.value for item in items)
            return _about(value, Domain(allowed=listed) if wanted else Domain(excluded=listed))
        case ast.Between(value=value, low=low, high=high):
            return _between(value, _number(low), _number(high), wanted)
        case ast.History(function="exists"):
            counted = replace(node, function="count")
            return [{key(counted): Domain(low=1, whole=True) if wanted else Domain(low=0, high=0, whole=True)}]
        case ast.Field() | ast.RowField():
            return _about(node, _one_of(wanted))
        case _:
            return [{key(node): _one_of(wanted)}]


def both(parts: Iterable[Alternatives]) -> Alternatives:
    """The ways in which all of several things hold together."""
    whole: Alternatives = [{}]
    for part in parts:
        if len(whole) * len(part) > MOST:
            continue  # leaving a part out only lets more be possible
        whole = [joined for one in whole for other in part if (joined := together(one, other)) is not None]
        if not whole:
            break
    return whole


def together(one: Facts, other: Facts) -> Facts | None:
    """What holds where both do; None where both cannot."""
    if len(other) > len(one):
        one, other = other, one
    joined = dict(one)
    for name, domain in other.items():
        known = one.get(name)
        left = domain if known is None else known & domain
        if known is not None and left.is_empty:
            return None
        joined[name] = left
    return joined


def _any(parts: Iterable[Alternatives]) -> Alternatives:
    found = [facts for part in parts for facts in part]
    return found if len(found) <= MOST else _EITHER


def _one_of(*values: Json) -> Domain:
    return Domain(allowed=frozenset(values))


def _about(value: Node, domain: Domain) -> Alternatives:
    """That a value is there, and lies in a domain."""
    name = key(value)
    domain = domain & _base(value)
    return [] if domain.is_empty else [{name: domain, f"?{name}": _one_of(False)}]


def _base(value: Node) -> Domain:
    """What is known of a value before anything is asked."""
    kind = value.type.kind if value.type is not None else "opaque"
    if value.type is not None and value.type.enum:
        return Domain(allowed=frozenset(value.type.enum))
    if kind == "bool":
        return _one_of(True, False)
    counted = isinstance(value, ast.History) and value.function in _NOT_BELOW_0
    if counted or (isinstance(value, ast.Call) and value.function in _AGES):
        return Domain(low=0, whole=kind == "int")
    return Domain(whole=kind == "int")


def _compared(left: Node, op: ast.CompareOp, right: Node) -> Alternatives:
    if isinstance(left, ast.Literal_) and not isinstance(right, ast.Literal_):
        left, op, right = right, _MIRRORED[op], left
    number, other = _number(right), _number(left)
    if number is not None and other is not None:
        return _EITHER if (other > number) - (other < number) in _SIGNS[op] else []
    if number is not None and left.type is not None and left.type.kind in _ORDERED:
        return _about(left, _interval(op, number))
    if isinstance(right, ast.Literal_) and isinstance(right.value, str | bool) and op in ("==", "!="):
        same = frozenset((right.value,))
        return _about(left, Domain(allowed=same) if op == "==" else Domain(excluded=same))
    one, two = key(left), key(right)
    if one == two:
        return [{f"?{one}": _one_of(False)}] if 0 in _SIGNS[op] else []
    if one > two:
        one, two, op = two, one, _MIRRORED[op]
    return [{f"{one} : {two}": _one_of(*_SIGNS[op])}]


def _interval(op: ast.CompareOp, number: float) -> Domain:
    if op in ("==", "!="):
        return Domain(low=number, high=number) if op == "==" else Domain(excluded=frozenset((number,)))
    if op in (">", ">="):
        return Domain(low=number, low_open=op == ">")
    return Domain(high=number, high_open=op == "<")


def _between(value: Node, low: float | None, high: float | None, wanted: bool) -> Alternatives:
    if low is None or high is None or value.type is None or value.type.kind not in _ORDERED:
        return _EITHER
    if wanted:
        return _about(value, Domain(low=low, high=high))
    return _any([_about(value, _interval("<", low)), _about(value, _interval(">", high))])


def _number(node: Node) -> float | None:
    if isinstance(node, ast.Negate):
        value = _number(node.value)
        return None if value is None else -value
    if isinstance(node, ast.Literal_) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    return None
