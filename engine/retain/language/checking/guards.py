"""What a condition says about missing values and new customers by itself, so that no warning says it again."""

from __future__ import annotations

from dataclasses import dataclass, fields

from retain.instants import DAY
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Millis, slug

_NOT_MEANING = frozenset({"start", "end", "type", "field_type", "spans", "body", "call"})
_MEANING: dict[type, tuple[str, ...]] = {}  # the fields of a kind of node that say what it means
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Guards:
    """What one or several conditions joined by `and` already test.

    Args:
        present: values under `is missing` or `is present`, by `key`.
        known_days: the greatest D of a `known_days() >= D`.
        looks: events asked for, each with how far back, in milliseconds.
    """

    present: frozenset[str] = frozenset()
    known_days: float = 0
    looks: frozenset[tuple[str, Millis]] = frozenset()

    def __or__(self, other: Guards) -> Guards:
        """What either of them tests."""
        return Guards(self.present | other.present, max(self.known_days, other.known_days), self.looks | other.looks)


def guards_of(node: Node) -> Guards:
    """What a tree, checked or not, tests anywhere in it."""
    present: set[str] = set()
    looks: set[tuple[str, Millis]] = set()
    known = 0.0
    for part in node.walk():
        if isinstance(part, ast.Missing):
            present.add(key(part.value))
        elif isinstance(part, ast.History):
            looks.add((slug(part.event), reach(part)))
        elif isinstance(part, ast.Compare):
            known = max(known, _known_days(part))
    return Guards(frozenset(present), known, frozenset(looks))


def reach(node: ast.History) -> Millis:
    """How far back a look goes; a look without a rolling window goes back for ever."""
    window = node.window
    if window is None:
        return _FOREVER
    return {"last": window.near, "between": window.far, "calendar_days": window.count * DAY}.get(window.form, _FOREVER)


def _known_days(node: ast.Compare) -> float:
    for call, op, other in ((node.left, node.op, node.right), (node.right, _mirror(node.op), node.left)):
        if isinstance(call, ast.Call) and call.function == "known_days" and op in (">", ">="):
            is_number = isinstance(other, ast.Literal_) and isinstance(other.value, int | float)
            return float(other.value) if is_number and isinstance(other, ast.Literal_) else 0.0
    return 0.0


def _mirror(op: ast.CompareOp) -> str:
    return {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)


def key(node: Node) -> str:
    """The same text for the same value, however it is spelled."""
    if isinstance(node, ast.Field):
        return f"{node.root}.{node.path}"
    if isinstance(node, ast.Expanded):
        return f"({' '.join(node.call.split())})"
    kind = type(node)
    names = _MEANING.get(kind)
    if names is None:
        names = _MEANING[kind] = tuple(item.name for item in fields(node) if item.name not in _NOT_MEANING)
    parts = [kind.__name__]
    for name in names:
        value = getattr(node, name)
        if isinstance(value, Node):
            parts.append(key(value))
        elif isinstance(value, tuple):
            parts += [_key_of_part(part) for part in value]
        else:
            parts.append(slug(value) if name in ("event", "event2") else repr(value))
    return f"({' '.join(parts)})"


def _key_of_part(part: Node | tuple[Node, ...]) -> str:
    """Of an item, or of the pair of a condition and a value."""
    return key(part) if isinstance(part, Node) else " ".join(map(key, part))
