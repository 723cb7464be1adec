"""Values side by side: which types go together, and in what type a literal is then read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from retain.instants import DAY, from_datetime
from retain.language.checking.context import INT, NUMBER, describe, nearest
from retain.language.checking.names import Names
from retain.language.syntax.ast import Literal_, Node
from retain.language.syntax.lexer import MAX_INTEGER
from retain.language.types import NUMERIC, SETS, Type

TIMES = ("instant", "date")


class Values(Names):
    """Brings values that are compared, or of which one is taken, to types that go together."""

    def pair(self, left: Node, right: Node) -> tuple[Node, Node]:
        """Two values that are compared; literals take the type of the other side."""
        for side in (left, right):
            if side.type is not None and side.type.kind == "opaque":
                cure = "it can be tested with 'is present' and 'is missing', and inserted into texts"
                self.report("E116", f"{self.text(side)} cannot be compared", side, cure)
                return left, right
        left, right = self._as_time(left, right.type), self._as_time(right, left.type)
        if left.type is None or right.type is None:
            return left, right
        kinds = {left.type.kind, right.type.kind}
        if kinds & SETS or not (len(kinds) == 1 or kinds <= NUMERIC or kinds <= set(TIMES)):
            self._unlike(left, right)
            return left, right
        if "money" in kinds:
            return self.scaled(left, right.type), self.scaled(right, left.type)
        self.need_enum(self.text(left), left.type, right)
        self.need_enum(self.text(right), right.type, left)
        return left, right

    def _unlike(self, left: Node, right: Node) -> None:
        assert left.type is not None, "only typed values are compared"
        assert right.type is not None, "only typed values are compared"
        place = left if isinstance(left, Literal_) else right
        other = right if place is left else left
        assert other.type is not None
        what = f"{self.text(left)} is {describe(left.type)} and {self.text(right)} is {describe(right.type)}"
        cure = quotes(place, other.type)
        if {left.type.kind, right.type.kind} & SETS:
            cure = "write 'contains', 'contains any of [...]' or 'contains all of [...]'"
        elif place.type and place.type.kind == "duration":
            cure = (
                _without_unit(place, other.type)
                if other.type.kind in NUMERIC
                else f"write days_since({self.text(other)}) > 30"
            )
        elif other.type.kind in TIMES:
            cure = f"write days_since({self.text(other)}) > 30, or a date in quotes: '2026-01-31'"
        self.report("E107", f"these cannot be compared: {what}", place, cure)

    def need_enum(self, owner: str, type_: Type, item: Node) -> None:
        """Refuse a text as written that the values of `type_` do not have."""
        if not type_.enum or not isinstance(item, Literal_) or item.value in type_.enum:
            return
        near = nearest(str(item.value), type_.enum)
        known = ", ".join(type_.enum[:8]) + (", …" if len(type_.enum) > 8 else "")
        cure = f"did you mean {near}? known: {known}" if near else f"known: {known}"
        self.report("E111", f"'{item.value}' is not a value of {owner}", item, cure)

    def _as_time(self, node: Node, other: Type | None) -> Node:
        """A text as written, beside an instant or a date, is one itself; without an offset it keeps its text."""
        if other is None or other.kind not in TIMES or not isinstance(node, Literal_):
            return node
        is_text = node.type is not None and node.type.kind == "text"
        return self.as_time(node, other.kind == "date") if is_text else node

    def as_time(self, node: Literal_, date_only: bool) -> Node:
        """A text as written, read as an instant, or as a date."""
        try:
            when = datetime.fromisoformat(str(node.value))
        except ValueError:
            cure = (
                "write a date, '2026-01-31', or an instant, '2026-01-31T09:00:00+01:00'; for spans use days_since(...)"
            )
            self.report("E122", f"'{node.value}' is no date", node, cure)
            return replace(node, type=None)
        if date_only:
            if len(str(node.value)) > 10:
                self.report("E122", f"'{node.value}' is an instant, and this is a date", node, "write only the date")
                return replace(node, type=None)
            return replace(node, value=when.date().isoformat(), type=Type("date"))
        if when.tzinfo is not None:
            return replace(node, value=from_datetime(when), type=Type("instant"))
        return replace(node, type=Type("instant"))

    def scaled(self, node: Node, other: Type) -> Node:
        """A number as written, beside an amount, as its exact number of parts."""
        if other.kind != "money" or not isinstance(node, Literal_) or node.type is None or node.type.kind == "money":
            return node
        if node.type.kind not in ("int", "number"):
            return node
        parts = abs(Decimal(self.text(node).lstrip("-+ \t\r\n"))) * other.scale
        places = len(str(other.scale)) - 1
        if parts != int(parts):
            cure = f"write at most {places} digits after the point"
            self.report(
                "E123", f"{self.text(node)} has more decimal places than the amount, which has {places}", node, cure
            )
            return replace(node, type=None)
        if parts > MAX_INTEGER:
            self.report("E006", f"{self.text(node)} is larger than an amount can be", node)
            return replace(node, type=None)
        sign = -1 if self.text(node).startswith("-") else 1
        return replace(node, value=sign * int(parts), type=Type("money", scale=other.scale))

    def common(self, nodes: Sequence[Node]) -> tuple[tuple[Node, ...], Type | None]:
        """Values of which one is taken, in their common type; not nullable, which is the caller's to know."""
        types = [node.type for node in nodes if node.type is not None]
        if len(types) < len(nodes):
            return tuple(nodes), None
        kinds = {type_.kind for type_ in types}
        if kinds & set(TIMES) and kinds <= {*TIMES, "text"}:
            nodes = [self._as_time(node, Type("instant" if "instant" in kinds else "date")) for node in nodes]
            kinds = {node.type.kind for node in nodes if node.type is not None}
            if any(node.type is None for node in nodes):
                return tuple(nodes), None
        if kinds <= NUMERIC:
            return self._common_number(nodes, types)
        if kinds <= set(TIMES):
            return tuple(nodes), Type("instant" if "instant" in kinds else "date")
        if len(kinds) == 1 and kinds != {"opaque"}:
            return tuple(nodes), replace(types[0], nullable=False, enum=_merged_enum(nodes))
        odd = next((node for node in nodes if node.type and node.type.kind != types[0].kind), nodes[0])
        assert odd.type is not None
        what = f"these values have no common type: {self.text(nodes[0])} is {describe(types[0])}"
        if odd is not nodes[0]:
            what += f" and {self.text(odd)} is {describe(odd.type)}"
        self.report("E124", what, odd, quotes(odd, types[0]))
        return tuple(nodes), None

    def _common_number(self, nodes: Sequence[Node], types: Sequence[Type]) -> tuple[tuple[Node, ...], Type | None]:
        scale = max(type_.scale for type_ in types)
        plain = any(node.type and node.type.kind == "number" and not isinstance(node, Literal_) for node in nodes)
        if scale and not plain:
            money = Type("money", scale=scale)
            scaled = tuple(self.scaled(node, money) for node in nodes)
            return scaled, None if any(node.type is None for node in scaled) else money
        return tuple(nodes), INT if all(type_.kind == "int" for type_ in types) else NUMBER


def _merged_enum(nodes: Sequence[Node]) -> tuple[str, ...]:
    values: dict[str, None] = {}
    for node in nodes:
        own = (str(node.value),) if isinstance(node, Literal_) else node.type.enum if node.type else ()
        if not own or (node.type and node.type.kind not in ("text", "text_set")):
            return ()
        values.update(dict.fromkeys(own))
    return tuple(values)


def quotes(node: Node, wanted: Type) -> str:
    """The cure where a value as written has quotes too many or too few."""
    if not isinstance(node, Literal_) or node.type is None:
        return ""
    if wanted.kind == "text" and node.type.kind in ("int", "number", "bool"):
        return f"write '{str(node.value).lower()}' in quotes"
    text = str(node.value)
    if node.type.kind == "text" and wanted.kind in NUMERIC and text.replace(".", "", 1).lstrip("-").isdecimal():
        return f"write {text} without quotes"
    if node.type.kind == "text" and wanted.kind == "bool" and text.lower() in ("true", "false"):
        return f"write {text.lower()} without quotes"
    return ""


def _without_unit(node: Node, wanted: Type) -> str:
    days = node.value / DAY if isinstance(node, Literal_) and isinstance(node.value, int) else 0
    due = f"here {describe(wanted)} is due"
    return f"{due}; {days:g} days are written {days:g}" if days and wanted.kind == "number" else due
