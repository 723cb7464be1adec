"""Segments and metrics: read in the order in which they name one another, together one graph without cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from retain.errors import ConditionError
from retain.language.checking.expressions import read_value, references
from retain.language.condition import Condition, Expression
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar, plain
from retain.language.documents.shapes import Problems, good_name, misfit, read_keys, read_text
from retain.language.load.conditions import read_conditions
from retain.language.load.context import CUSTOMER, Names
from retain.language.rules import Metric, Segment
from retain.language.syntax import ast
from retain.language.syntax.parser import parse
from retain.language.types import Type

MAX_CHAIN = 50
Entries = Mapping[str, tuple[Scalar, Node]]


@dataclass(slots=True)
class _Reader:
    """Reads each name after those that it names."""

    entries: dict[str, tuple[Scalar, Node]]  # by "segment vip", "metric spend"
    names: Names
    problems: Problems
    segments: dict[str, Segment] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    open: list[str] = field(default_factory=list)

    def read(self, name: str) -> None:
        """Read one segment or metric, unless it was read already."""
        if name in self.done:
            return
        key, node = self.entries[name]
        if len(self.open) >= MAX_CHAIN:
            what = f"more than {MAX_CHAIN} segments and metrics name one another in a chain"
            self.problems.append(key.complain("E120", what, "write the first of them out"))
            self.names.broken[name] = str(key.place)
            return
        self.open.append(name)
        uses: set[str] = set()
        for other in sorted(_references(node) & self.entries.keys()):
            if other in self.open:
                self._tell_cycle(other)
                continue
            self.read(other)
            uses |= {other, *self.names.uses.get(other, ())}
        self.open.pop()
        self.done.add(name)
        self.names.uses[name] = frozenset(uses)
        self.names.sources[name] = plain(node)
        blamed = sorted(uses & self.names.broken.keys())
        if blamed and name not in self.names.broken:
            self.names.broken[name] = f"{blamed[0]} has an error"
        self._read_one(name, key, node)

    def _tell_cycle(self, other: str) -> None:
        path = [*self.open[self.open.index(other) :], other]
        key, _ = self.entries[self.open[-1]]
        what = f"{self.open[-1]} depends on itself: {' -> '.join(path)}"
        self.problems.append(key.complain("E120", what, "write one of them without the others"))
        for name in path:
            self.names.broken.setdefault(name, str(key.place))

    def _read_one(self, name: str, key: Scalar, node: Node) -> None:
        kind, _, short = name.partition(" ")
        good_name(key, f"a {kind}", self.problems, word=True)
        found: Problems = []
        tree = self._segment(short, node, found) if kind == "segment" else self._metric(short, node, found)
        hurt = name in self.names.broken
        self.problems.extend(problem for problem in found if not hurt or problem.severity == "warning")
        if tree is None:
            first = next((problem.place for problem in found if problem.severity == "error"), key.place)
            self.names.broken.setdefault(name, str(first))
            tree = ast.Literal_(start=0, end=0, value=True, type=Type("bool" if kind == "segment" else "opaque", True))
        env = self.names.env
        if kind == "segment":
            self.names.env = replace(env, segments={**env.segments, short: tree})
        else:
            self.names.env = replace(env, metrics={**env.metrics, short: tree})

    def _segment(self, name: str, node: Node, found: Problems) -> ast.Node | None:
        read = read_keys(node, ("if", "description"), f"segment {name}", found, required=("if",))
        test = read.get("if") if read else None
        if read is None or test is None:
            return None
        env = self.names.environment(CUSTOMER)
        condition = read_conditions(test, env, "if", lambda problems, _text: found.extend(problems))
        description = read_text(read.get("description"), "description", found)
        if condition is None:
            return None
        self.segments[name] = Segment(name=name, description=description, condition=condition, place=node.place)
        return _joined(condition)

    def _metric(self, name: str, node: Node, found: Problems) -> ast.Node | None:
        value: Node | None = node
        description = ""
        if isinstance(node, MapNode):
            read_keys(node, ("value", "description"), f"metric {name}", found, required=("value",))
            value = node.get("value")
            description = read_text(node.get("description"), "description", found)
        if value is None:
            return None
        if not isinstance(value, Scalar) or value.value is None:
            found.append(misfit(value, "an expression", f"metric {name}", f"write {name}: sum(order_completed.total)"))
            return None
        checked, problems = read_value(value, self.names.environment(CUSTOMER))
        found.extend(problems)
        if checked is None:
            return None
        expression = Expression(value.text, checked, value.place)
        self.metrics[name] = Metric(
            name=name, text=value.text, place=value.place, description=description, expression=expression
        )
        return checked


def read_names(
    segments: Entries, metrics: Entries, names: Names, problems: Problems
) -> tuple[dict[str, Segment], dict[str, Metric]]:
    """All segments and metrics; adds them to the environment, and those with an error to `names.broken`."""
    entries = {f"segment {name}": entry for name, entry in segments.items()}
    entries |= {f"metric {name}": entry for name, entry in metrics.items()}
    reader = _Reader(entries, names, problems)
    for name in entries:
        reader.read(name)
    in_order = {name: reader.segments[name] for name in segments if name in reader.segments}
    return in_order, {name: reader.metrics[name] for name in metrics if name in reader.metrics}


def _joined(condition: Condition) -> ast.Node:
    nodes = condition.nodes
    if len(nodes) == 1:
        return nodes[0]
    return ast.And(start=0, end=0, parts=nodes, type=Type("bool", condition.can_be_unknown))


def _references(node: Node) -> set[str]:
    """What the texts of a node name: "segment vip", "metric spend"."""
    found: set[str] = set()
    for text in _texts(node):
        try:
            segments, metrics = references(parse(text))
        except ConditionError:
            continue  # reported where the text is read
        found |= {f"segment {name}" for name in segments} | {f"metric {name}" for name in metrics}
    return found


def _texts(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _texts(item)
    else:
        for name, value in node.entries.items():
            if name != "description":
                yield from _texts(value)
