"""Code of aggregates over history: one loop in a function of its own, with the filter written into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from retain.instants import DAY
from retain.language.codegen.body import Body, Module, Operand
from retain.language.codegen.fields import typed_field
from retain.language.evaluation.render import render
from retain.language.evaluation.values import type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Window
from retain.language.types import SETS, Type

Parts: TypeAlias = tuple[list[str], list[str], str]  # before the loop, for each event that counts, the result
_NEVER_MISSING = ("count", "exists", "sum", "distinct")
_NEWEST_FIRST = ("exists", "last", "last_at", "days_since")


def history(body: Body, node: ast.History) -> Operand:
    """The code of one aggregate; counting without a filter needs no loop."""
    if node.function == "ratio":
        return _ratio(body, node)
    text = f"{render(node, inline=True)}:{node.field_type}"
    if node.where is None and node.function in ("count", "exists"):
        count = body.once(text, lambda: _count(body, node.event, node.window))
        return Operand((), f"({count} > 0)" if node.function == "exists" else count)
    code = body.once(text, lambda: _call(body.module, node))
    if node.function in _NEVER_MISSING and type_of(node).kind != "number":
        return Operand((), code)
    return body.present(code)


def _call(module: Module, node: ast.History) -> str:
    name = module.new_name()
    module.add_function(name, "s", _function(module, node))
    return f"{name}(s)"


def _ratio(body: Body, node: ast.History) -> Operand:
    counted = history(body, replace(node, function="count", event2="", type=Type("int")))
    others = body.temporary()
    return Operand((f"({others} := {_count(body, node.event2, node.window)}) > 0",), f"({counted.text} / {others})")


def _count(body: Body, event: str, window: Window | None) -> str:
    low, high = _bounds(body, window)
    return f"{body.local('h')}.count({event!r}, {low}, {high})"


def _bounds(body: Body, window: Window | None) -> tuple[str, str]:
    now = body.local("now")
    if window is None:
        return "None", now
    if window.form == "last":
        return f"{now} - {window.near}", now
    if window.form == "between":
        return f"{now} - {window.far}", f"{now} - {window.near}"
    if window.form == "since":
        return f"since_date({window.at!r}, {body.local('z')})", now
    if window.form == "start":
        return f"({now} if s.started_at is None else s.started_at)", now
    return f"calendar_start({body.module.constant(window)}, {now}, {body.local('z')})", now


def _function(module: Module, node: ast.History) -> list[str]:
    body = Body(module, in_where=True)
    low, high = _bounds(body, node.window)
    begin, each, end = _PARTS[node.function](body, node)
    empty = _empty(node)
    loop = _loop(body, node, each)
    return [
        f"r = s.history.series.get({node.event!r})",
        "if r is None:",
        f"    return {empty}",
        *body.new_bindings(),
        f"i, j = r.bounds({low}, {high})",
        "rows = r.rows",
        *begin,
        *loop,
        f"return {end or empty}",
    ]


def _empty(node: ast.History) -> str:
    if node.function in ("count", "distinct", "sum"):
        return "0"
    if node.function == "exists":
        return "False"
    return "frozenset()" if node.function in ("last", "first") and _field_type(node).kind in SETS else "None"


def _loop(body: Body, node: ast.History, each: list[str]) -> list[str]:
    newest_first = node.function in _NEWEST_FIRST
    lines = ["for k in range(j - 1, i - 1, -1):" if newest_first else "for k in range(i, j):"]
    if node.where is not None or node.path:
        lines += ["    x = rows[k]", "    if type(x) is bytes:", "        x = r.row(k)"]
    if node.where is not None:
        lines += [f"    if not {body.test(node.where, True)}:", "        continue"]
    return lines + [f"    {line}" for line in each]


def _field_type(node: ast.History) -> Type:
    assert node.field_type is not None
    return node.field_type


def _value(body: Body, node: ast.History) -> Operand:
    field = ast.RowField(start=node.start, end=node.end, path=node.path)
    return typed_field(body, field, _field_type(node))


def _where_present(body: Body, node: ast.History, statement: str) -> list[str]:
    value = _value(body, node)
    if not value.guards:
        return [statement.format(value.text)]
    return [f"if {' and '.join(value.guards)}:", f"    {statement.format(value.text)}"]


def _count_rows(body: Body, node: ast.History) -> Parts:
    return ["n = 0"], ["n += 1"], "n"


def _any_row(body: Body, node: ast.History) -> Parts:
    return [], ["return True"], ""


def _instant(body: Body, node: ast.History) -> Parts:
    return [], ["return r.at[k]"], ""


def _days(body: Body, node: ast.History) -> Parts:
    return [], [f"return ({body.local('now')} - r.at[k]) / {DAY}"], ""


def _one_value(body: Body, node: ast.History) -> Parts:
    return [], [f"return {_value(body, node).optional()}"], ""


def _sum(body: Body, node: ast.History) -> Parts:
    if _field_type(node).kind == "number":
        return ["n = []"], _where_present(body, node, "n.append({})"), "finite(fsum(n))"
    return ["n = 0"], _where_present(body, node, "n += {}"), "n"


def _average(body: Body, node: ast.History) -> Parts:
    type_ = _field_type(node)
    total = "fsum(n)" if type_.kind == "number" else "sum(n)"
    parts = f"(len(n) * {type_.scale})" if type_.kind == "money" else "len(n)"
    return ["n = []"], _where_present(body, node, "n.append({})"), f"finite({total} / {parts}) if n else None"


def _extreme(word: str) -> Callable[[Body, ast.History], Parts]:
    return lambda body, node: (["n = []"], _where_present(body, node, "n.append({})"), f"{word}(n) if n else None")


def _distinct(body: Body, node: ast.History) -> Parts:
    word = "update" if _field_type(node).kind in SETS else "add"
    return ["n = set()"], _where_present(body, node, f"n.{word}({{}})"), "len(n)"


_PARTS: Mapping[str, Callable[[Body, ast.History], Parts]] = {
    "count": _count_rows,
    "exists": _any_row,
    "last_at": _instant,
    "first_at": _instant,
    "days_since": _days,
    "last": _one_value,
    "first": _one_value,
    "sum": _sum,
    "avg": _average,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "distinct": _distinct,
}
