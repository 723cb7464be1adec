"""The syntax tree of a condition: what the parser makes, the checker types, and four evaluators read.

`start` and `end` are offsets in the text. `type` is set by the checker; before that only literals have one. The checker
also rewrites: event names to slugs, calls of plugin functions (`PluginCall`) to their expression (inside `Expanded`),
and it gives `InSegment` and `MetricRef` their own checked tree. No `Name` or `PluginCall` is left in a checked tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias

from retain.language.types import Type
from retain.model import Millis

CompareOp: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]
ArithmeticOp: TypeAlias = Literal["+", "-", "*", "/"]
Root: TypeAlias = Literal["customer", "event", "steps", "trigger"]
HistoryFunction: TypeAlias = Literal[
    "count", "exists", "sum", "avg", "min", "max", "last", "first", "last_at", "first_at", "days_since", "distinct",
    "ratio",
]  # fmt: skip
Call_: TypeAlias = Literal[
    "default", "abs", "round", "least", "greatest", "age", "known_days", "days_since", "days_until"
]


_NO_PARTS = frozenset({
    "start", "end", "type", "op", "mode", "path", "root", "function", "event", "event2", "name", "call", "field_type",
    "window", "spans",
})  # fmt: skip
_PART_NAMES: dict[type, tuple[str, ...]] = {}  # reading the fields of a dataclass each time is slow


@dataclass(slots=True, kw_only=True)
class Node:
    """Any part of a condition."""

    start: int
    end: int
    type: Type | None = field(default=None, compare=False)

    def children(self) -> Sequence[Node]:
        """The direct parts, in written order."""
        kind = type(self)
        names = _PART_NAMES.get(kind)
        if names is None:
            names = _PART_NAMES[kind] = tuple(item.name for item in fields(self) if item.name not in _NO_PARTS)
        if not names:
            return ()
        found: list[Node] = []
        for name in names:
            value = getattr(self, name)
            if isinstance(value, Node):
                found.append(value)
            elif isinstance(value, tuple):
                for part in value:
                    if isinstance(part, Node):
                        found.append(part)
                    elif isinstance(part, tuple):
                        found.extend(inner for inner in part if isinstance(inner, Node))
        return found

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children()))


@dataclass(slots=True, kw_only=True)
class Literal_(Node):  # noqa: N801  `Literal` is the word of typing
    """A number, text, duration (milliseconds), true or false, or (after `since`) an instant."""

    value: int | float | str | bool


@dataclass(slots=True, kw_only=True)
class Field(Node):
    """`customer.address.city`, `event.total`, `steps.coupon.code`, `trigger.kind`; `path` is without the root."""

    root: Root
    path: str


@dataclass(slots=True, kw_only=True)
class RowField(Node):
    """A bare name inside `where`: a field of the history event that is looked at."""

    path: str


@dataclass(slots=True, kw_only=True)
class Name(Node):
    """A bare name outside `where`; only in unchecked trees, for it means nothing."""

    name: str


@dataclass(slots=True, kw_only=True)
class PluginCall(Node):
    """A call of a function that is not built in; only in unchecked trees. Arguments are literals and bare names."""

    function: str
    args: tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class MetricRef(Node):
    """`metrics.NAME`; `body` is the metric's own checked tree, shared by all references, evaluated once a decision."""

    name: str
    body: Node | None = None


@dataclass(slots=True, kw_only=True)
class InSegment(Node):
    """`customer in segment NAME`: true or false, never unknown; `body` is the segment's own checked tree."""

    name: str
    body: Node | None = None


@dataclass(slots=True, kw_only=True)
class Expanded(Node):
    """A call of a plugin's function, replaced by its expression; `call` is the text as written."""

    call: str
    body: Node


@dataclass(slots=True, kw_only=True)
class And(Node):
    parts: tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class Or(Node):
    parts: tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class Not(Node):
    part: Node


@dataclass(slots=True, kw_only=True)
class Compare(Node):
    op: CompareOp
    left: Node
    right: Node


@dataclass(slots=True, kw_only=True)
class In(Node):
    """`value in [a, b]`; `not in` is Not(In)."""

    value: Node
    items: tuple[Literal_, ...]


@dataclass(slots=True, kw_only=True)
class Between(Node):
    """Both ends included, as in SQL; with a missing end it can still be false."""

    value: Node
    low: Node
    high: Node


@dataclass(slots=True, kw_only=True)
class Contains(Node):
    """`set contains x`, `contains any of [..]`, `contains all of [..]`; `mode` "one" has exactly one item."""

    value: Node
    mode: Literal["one", "any", "all"]
    items: tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class TextTest(Node):
    op: Literal["starts", "ends"]
    value: Node
    part: Node


@dataclass(slots=True, kw_only=True)
class Missing(Node):
    """`x is missing`: always true or false; `is present` is Not(Missing)."""

    value: Node


@dataclass(slots=True, kw_only=True)
class Changed(Node):
    """`customer.plan changed`: true when the event being decided changed that field."""

    value: Field


@dataclass(slots=True, kw_only=True)
class Arithmetic(Node):
    op: ArithmeticOp
    left: Node
    right: Node


@dataclass(slots=True, kw_only=True)
class Negate(Node):
    value: Node


@dataclass(slots=True, kw_only=True)
class Case(Node):
    """`case when C then V … else V end`; a `when` counts only if true; without `else` the value is missing."""

    whens: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(slots=True, kw_only=True)
class Call(Node):
    """A scalar function; `days_since` here is of a customer field (of an event it is a History)."""

    function: Call_
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of history counts, over occurred_at, half-open.

    last: [now - near, now) · between: [now - far, now - near) · calendar_days: today and the `count` - 1 days before,
    to now · since: [at, now) · this: from the start of the day, week (Monday), month, quarter or year, to now ·
    start: from the start of the run, to now. Calendar bounds are local midnight in the customer's zone.
    """

    form: Literal["last", "between", "calendar_days", "since", "this", "start"]
    near: Millis = 0  # last: the length; between: the nearer end
    far: Millis = 0
    count: int = 0
    at: str = ""  # since: the date as written (YYYY-MM-DD), read at local midnight
    unit: Literal["", "day", "week", "month", "quarter", "year"] = ""


@dataclass(slots=True, kw_only=True)
class History(Node):
    """`fn(event.field, event2 where … window)`: an aggregate over the customer's events of one type."""

    function: HistoryFunction
    event: str
    path: str = ""  # the field aggregated; "" where the function takes none
    field_type: Type | None = field(default=None, compare=False)  # of that field, set by the checker beside `type`
    event2: str = ""  # ratio only
    where: Node | None = None
    window: Window | None = None
    spans: tuple[tuple[int, int], ...] = field(default=(), compare=False)  # where its events are written, with fields
