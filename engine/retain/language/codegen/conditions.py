"""Conditions as generated Python, in the forms "is true" and "is false", so that no unknown is ever passed around.

`not` is pushed down to the tests, where `is_true(not (x < k))` is `is_false(x < k)`: x is there and not below k. That
is SQL's WHERE at the speed of a lambda. The generated text holds only names of ours and `repr` of constants, and runs
without builtins. `interpreter` says what it must mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum
from typing import Protocol, cast

from retain.language.codegen.body import Body, Module
from retain.language.codegen.history import history
from retain.language.codegen.tests import TESTS
from retain.language.codegen.values import OPERANDS
from retain.language.evaluation.interpreter import evaluate
from retain.language.evaluation.scalars import finite, rounded
from retain.language.evaluation.values import (
    read,
    to_day,
    to_instant,
    to_int,
    to_number_set,
    to_text_set,
    typed,
)
from retain.language.evaluation.windows import calendar_start, local_day, midnight, since_date, whole_years
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Fields, Json

_IN_A_ROW = 100  # Python's compiler gives up at a chain of some thousand operators


class Table(Protocol):
    """Bits by value."""

    def __getitem__(self, value: Json, /) -> int: ...


def compile_condition(nodes: Sequence[Node]) -> Callable[[Scope], int]:
    """A function that gives the index of the first node that is not true, or -1."""
    module = _new_module()
    body = Body(module)
    lines: list[str] = []
    for index, node in enumerate(nodes):
        code = body.test(node, True)
        lines += [*body.new_bindings(), f"if not {code}:", f"    return {index}"]

    return cast(
        Callable[[Scope], int], _build(module, [*lines, "return -1"], lambda scope: _first_failing(nodes, scope))
    )


def compile_values(wanted: Sequence[tuple[Node, bool]]) -> Callable[[Scope], tuple[Json, ...]]:
    """A function that gives the values of some expressions, None for each that is missing.

    Args:
        wanted: expressions; with True beside it whether a condition is true, for which an unknown is not.
    """
    module = _new_module()
    body = Body(module)
    code = "".join(f"{body.test(node, True) if is_test else body.value(node)}, " for node, is_test in wanted)

    def slow(scope: Scope) -> tuple[Json, ...]:
        found = [(evaluate(node, scope), is_test) for node, is_test in wanted]
        return tuple(value is True if is_test else value for value, is_test in found)

    return cast(Callable[[Scope], tuple[Json, ...]], _build(module, [*body.new_bindings(), f"return ({code})"], slow))


def compile_lookups(wanted: Sequence[tuple[Node, bool]], tables: Sequence[Table], first: int) -> Callable[[Scope], int]:
    """A function that looks each of some values up in its table, and gives all bits that it finds.

    Args:
        wanted: as of `compile_values`.
        first: bits that are always found.
    """
    module = _new_module()
    body = Body(module)
    parts = [
        f"{module.constant(table)}[{body.test(node, True) if is_test else body.value(node)}]"
        for (node, is_test), table in zip(wanted, tables, strict=True)
    ]
    lines = [f"found = {module.constant(first)}"]
    for start in range(0, len(parts), _IN_A_ROW):
        lines.append(f"found |= {' | '.join(parts[start : start + _IN_A_ROW])}")

    def slow(scope: Scope) -> int:
        found = first
        for (node, is_test), table in zip(wanted, tables, strict=True):
            value = evaluate(node, scope)
            found |= table[value is True if is_test else value]
        return found

    return cast(Callable[[Scope], int], _build(module, [*body.new_bindings(), *lines, "return found"], slow))


def _first_failing(nodes: Sequence[Node], scope: Scope) -> int:
    return next((index for index, node in enumerate(nodes) if evaluate(node, scope) is not True), -1)


def compile_test(node: Node) -> Callable[[Scope], bool]:
    """A function that says whether a condition is true; an unknown is not."""
    module = _new_module()
    body = Body(module)
    code = body.test(node, True)
    lines = [*body.new_bindings(), f"return {code}"]
    return cast(Callable[[Scope], bool], _build(module, lines, lambda scope: evaluate(node, scope) is True))


def compile_value(node: Node) -> Callable[[Scope], Json]:
    """A function that gives the value of an expression, None where it is missing."""
    module = _new_module()
    body = Body(module)
    code = body.value(node)
    lines = [*body.new_bindings(), f"return {code}"]
    return _build(module, lines, lambda scope: evaluate(node, scope))


def compile_row_test(where: Node) -> Callable[[Scope, Fields], bool]:
    """A function that says whether a filter is true of one event of the past."""
    module = _new_module()
    body = Body(module, in_where=True)
    code = body.test(where, True)

    def slow(scope: Scope, row: Fields) -> bool:
        return evaluate(where, scope, row) is True

    return cast(Callable[[Scope, Fields], bool], _build(module, [*body.new_bindings(), f"return {code}"], slow, "s, x"))


def compile_row_value(node: Node) -> Callable[[Scope, Fields], Json]:
    """A function that gives the value of an expression over one event of the past, None where it is missing."""
    module = _new_module()
    body = Body(module, in_where=True)
    code = body.value(node)

    def slow(scope: Scope, row: Fields) -> Json:
        return evaluate(node, scope, row)

    return _build(module, [*body.new_bindings(), f"return {code}"], slow, "s, x")


def source_of(node: Node) -> str:
    """The generated text of a condition, for people who want to see it."""
    module = _new_module()
    body = Body(module)
    code = body.test(node, True)
    module.add_function("condition", "s", [*body.new_bindings(), f"return {code}"])
    return "\n".join(module.functions)


def _new_module() -> Module:
    return Module(TESTS, {**OPERANDS, ast.History: history})


def _build(
    module: Module, lines: Sequence[str], slow: Callable[..., Json], arguments: str = "s"
) -> Callable[..., Json]:
    """Compile the functions of a module; integers too large for a double are left to the interpreter."""
    guarded = ["try:", *(f"    {line}" for line in lines), "except OverflowError:", f"    return slow({arguments})"]
    module.add_function("condition", arguments, guarded)
    space: dict[str, Json] = {"__builtins__": {}, **_RUNTIME, **module.constants, "slow": slow}
    exec(compile("\n".join(module.functions), "<condition>", "exec"), space)  # noqa: S102 - texts of ours only
    return cast(Callable[..., Json], space["condition"])


def _all_of(values: Sequence[Json]) -> bool | None:
    unknown = False
    for item in values:
        if item is False:
            return False
        unknown = unknown or item is None
    return None if unknown else True


def _any_of(values: Sequence[Json]) -> bool | None:
    unknown = False
    for item in values:
        if item is True:
            return True
        unknown = unknown or item is None
    return None if unknown else False


def _negated(item: Json) -> Json:
    return None if item is None else not item


def _between(item: Json, low: Json, high: Json) -> bool | None:
    if item is None:
        return None
    if (low is not None and item < low) or (high is not None and item > high):
        return False
    return None if low is None or high is None else True


def _has_changed(scope: Scope, path: str) -> bool:
    if path in scope.changed:
        return True
    inside = path + "."
    return any(name.startswith(inside) for name in scope.changed)


def _own_value(raw: Json, kind: Json, zone: Json) -> Json:
    return raw if type(raw) is int else typed(raw, kind, zone)


_RUNTIME: dict[str, Json] = {
    "INF": float("inf"),
    "OverflowError": OverflowError,
    "UNKNOWN": object(),
    "abs": abs,
    "all_of": _all_of,
    "any_of": _any_of,
    "between": _between,
    "bool": bool,
    "bytes": bytes,
    "calendar_start": calendar_start,
    "dict": dict,
    "finite": finite,
    "float": float,
    "frozenset": frozenset,
    "fsum": fsum,
    "has_changed": _has_changed,
    "int": int,
    "len": len,
    "list": list,
    "local_day": local_day,
    "max": max,
    "midnight": midnight,
    "min": min,
    "negated": _negated,
    "own_value": _own_value,
    "range": range,
    "read": read,
    "round": round,
    "rounded": rounded,
    "set": set,
    "since_date": since_date,
    "str": str,
    "sum": sum,
    "to_day": to_day,
    "to_instant": to_instant,
    "to_int": to_int,
    "to_number_set": to_number_set,
    "to_text_set": to_text_set,
    "type": type,
    "whole_years": whole_years,
}
