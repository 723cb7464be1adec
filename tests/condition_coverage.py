"""A count of what some conditions cover of the language."""

from __future__ import annotations

from collections import Counter

from retain.language.syntax import ast
from retain.language.syntax.ast import Node


def coverage(nodes: list[Node]) -> Counter[str]:
    """How often each production, function, window form, root and type stands in some conditions."""
    found: Counter[str] = Counter()
    for node in nodes:
        for part in node.walk():
            found.update(_labels(part))
    return found


def _labels(node: Node) -> list[str]:
    labels = [type(node).__name__.rstrip("_")]
    if node.type is not None:
        labels.append(f"type {node.type.kind}")
    match node:
        case ast.Field():
            labels.append(f"root {node.root}")
        case ast.Compare() | ast.Arithmetic() | ast.TextTest():
            labels.append(f"{labels[0]} {node.op}")
        case ast.Contains():
            labels.append(f"Contains {node.mode}")
        case ast.Call():
            labels.append(f"{node.function}()")
        case ast.History():
            labels.append(f"history {node.function}")
            labels.append(f"window {node.window.form}" if node.window else "window none")
            labels.append(f"unit {node.window.unit}" if node.window and node.window.unit else "no unit")
            labels.append("where" if node.where else "no where")
        case ast.Case():
            labels.append("Case with else" if node.otherwise else "Case without else")
        case _:
            pass
    return labels


EXPECTED_LABELS = (
    "Literal", "Field", "RowField", "MetricRef", "InSegment", "Expanded", "And", "Or", "Not", "Compare", "In",
    "Between", "Contains", "TextTest", "Missing", "Changed", "Arithmetic", "Negate", "Case", "Call", "History",
    *(f"Compare {op}" for op in ("==", "!=", "<", "<=", ">", ">=")),
    *(f"Arithmetic {op}" for op in ("+", "-", "*", "/")),
    *(f"TextTest {op}" for op in ("starts", "ends")),
    *(f"Contains {mode}" for mode in ("one", "any", "all")),
    "Case with else", "Case without else", "where",
    *(f"root {root}" for root in ("customer", "event", "steps", "trigger")),
    *(f"{name}()" for name in ast.Call_.__args__),
    *(f"history {name}" for name in ast.HistoryFunction.__args__),
    *(f"window {form}" for form in ("last", "between", "calendar_days", "since", "this", "start", "none")),
    *(f"unit {unit}" for unit in ("day", "week", "month", "quarter", "year")),
    *(f"type {kind}" for kind in (
        "bool", "int", "number", "money", "text", "instant", "date", "duration", "text_set", "number_set", "opaque",
    )),
)  # fmt: skip
