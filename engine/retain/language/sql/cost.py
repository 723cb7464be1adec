"""What finding the customers of a condition costs, told from its text alone, without a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from retain.language.condition import Condition
from retain.language.evaluation.values import type_of
from retain.language.rules import BecomesTrigger, RuleSet, ScheduleTrigger
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import Type

CostClass = Literal["index", "customers", "history", "each"]
_NUMBERS = frozenset({"int", "number", "money", "duration"})
_MANY = 20  # texts that a field must be able to have, before an index of it is worth its upkeep


@dataclass(frozen=True, slots=True)
class Cost:
    """How the customers of a condition are found, the cheapest first.

    index: by an index of `field`. customers: by reading the fields of all customers, and events of those left over.
    history: by reading events of all customers. each: by loading all customers and deciding one by one.
    """

    kind: CostClass
    field: str = ""
    type: Type | None = None

    @property
    def text(self) -> str:
        """For people."""
        return {
            "index": f"found by an index of customer.{self.field}",
            "customers": "reads the fields of all customers",
            "history": "reads events of all customers",
            "each": "decides every customer one by one",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition that is asked of all customers: a segment, or what a rule sweeps for."""

    name: str
    condition: Condition
    cost: Cost


def asked_of_all(ruleset: RuleSet) -> list[Asked]:
    """Every segment, every `schedule.each` and every `becomes` of a rule set, with what finding its customers costs."""
    found = [(f"segment {name}", segment.condition) for name, segment in sorted(ruleset.segments.items())]
    for rule in ruleset.rules.values():
        for trigger in rule.triggers:
            if isinstance(trigger, ScheduleTrigger) and trigger.each is not None:
                found.append((f"rule {rule.id} {trigger.path}", trigger.each))
            elif isinstance(trigger, BecomesTrigger):
                found.append((f"rule {rule.id} {trigger.path}", trigger.condition))
    return [Asked(name, condition, cost_of(condition.nodes)) for name, condition in found]


def cost_of(nodes: Sequence[Node]) -> Cost:
    """The cost of a condition of these clauses."""
    parts = [part for node in nodes for part in conjuncts(node)]
    decided = [part for part in parts if not needs_python(part)]
    if not decided:
        return Cost("each")
    best = min((found for part in decided if (found := _indexable(part))), default=None, key=lambda found: found[0])
    if best is not None:
        return Cost("index", best[1].path, type_of(best[1]))
    return Cost("customers" if any(not _looks_back(part) for part in decided) else "history")


def needs_python(node: Node) -> bool:
    """Whether no database can decide a test, however little it is asked."""
    return any(
        (isinstance(part, ast.History) and (part.event == "customer_updated" or _is_deep_set(part)))
        or (isinstance(part, ast.Call) and part.function == "age" and type_of(part.args[0]).kind == "instant")
        for part in node.walk()
    )


def _is_deep_set(node: ast.History) -> bool:
    return node.function == "distinct" and ("." in node.path or (node.field_type or Type("opaque")).kind == "instant")


def customer_fields(node: Node) -> set[str]:
    """The customer's fields that a test reads; the name of none for what only time tells."""
    reads = (part for part in node.walk() if isinstance(part, ast.Field | ast.Call | ast.History))
    return {part.path if isinstance(part, ast.Field) and part.root == "customer" else "" for part in reads}


def _looks_back(node: Node) -> bool:
    return any(isinstance(part, ast.History) for part in node.walk())


def conjuncts(node: Node) -> Iterator[Node]:
    """The tests all of which must be true."""
    match node:
        case ast.And(parts=parts):
            for part in parts:
                yield from conjuncts(part)
        case ast.InSegment(body=Node() as body) | ast.MetricRef(body=Node() as body) | ast.Expanded(body=body):
            yield from conjuncts(body)
        case _:
            yield node


def _indexable(node: Node) -> tuple[int, ast.Field] | None:
    """The customer's field that an index can find the customers by, and how many that leaves: the less, the better."""
    match node:
        case ast.Compare(op="==", left=field, right=other) | ast.Compare(op="==", left=other, right=field) if (
            found := _column(field)
        ) and isinstance(other, ast.Literal_):
            return (0 if _has_many(found) else 3), found
        case ast.In(value=field) if (found := _column(field)) and type_of(found).kind == "text":
            return (1 if _has_many(found) else 4), found
        case ast.Between(value=field, low=ast.Literal_(), high=ast.Literal_()) if found := _column(field):
            return 2, found
        case ast.Compare(op="<" | "<=" | ">" | ">=", left=field, right=ast.Literal_()) if found := _column(field):
            return 5, found
        case ast.Compare(op="<" | "<=" | ">" | ">=", left=ast.Literal_(), right=field) if found := _column(field):
            return 5, found
        case _:
            return None


def _column(node: Node) -> ast.Field | None:
    """A customer's field that can be indexed."""
    if isinstance(node, ast.Field) and node.root == "customer":
        return node if type_of(node).kind in _NUMBERS or type_of(node).kind == "text" else None
    return None


def _has_many(field: ast.Field) -> bool:
    return not 0 < len(type_of(field).enum) < _MANY
