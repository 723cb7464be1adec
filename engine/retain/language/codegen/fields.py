"""Code that reads one field, checks that it fits its declared type, and gives it as the language holds it."""

from __future__ import annotations

from collections.abc import Callable

from retain.language.codegen.body import Body, Operand
from retain.language.evaluation.scalars import compare, first_double
from retain.language.evaluation.values import LIMIT, type_of
from retain.language.syntax import ast
from retain.language.types import SETS, Type

_ROOTS = {"customer": "c", "event": "e", "steps": "p", "trigger": "g"}


def raw_field(body: Body, node: ast.Field | ast.RowField) -> Operand:
    """The stored value as it is; guards only for the objects that it lies in."""
    found = body.local(_ROOTS[node.root]) if isinstance(node, ast.Field) else "x"
    first, *rest = node.path.split(".")
    guards: list[str] = []
    found = f"{found}.get({first!r})"
    for name in rest:
        part = body.temporary()
        guards.append(f"type({part} := {found}) is dict")
        found = f"{part}.get({name!r})"
    return Operand(tuple(guards), found)


def typed_field(body: Body, node: ast.Field | ast.RowField, type_: Type | None = None) -> Operand:
    """The value as its declared type, guarded against what is missing or does not fit."""
    type_ = type_ or type_of(node)
    if isinstance(node, ast.Field) and node.root == "trigger":
        code = f"own_value({_through_arrays(body, node)}, {body.module.constant(type_)}, {body.local('z')})"
        return body.present(code)
    if type_.kind in SETS:
        return Operand((), f"to_{type_.kind}({_through_arrays(body, node)})")
    if type_.kind == "opaque":
        return body.present(_through_arrays(body, node))
    raw = raw_field(body, node)
    guards, text = _FITS[type_.kind](body, raw.text, body.temporary(), type_)
    return Operand((*raw.guards, *guards), text)


def _through_arrays(body: Body, node: ast.Field | ast.RowField) -> str:
    if "." not in node.path:
        return raw_field(body, node).text
    root = body.local(_ROOTS[node.root]) if isinstance(node, ast.Field) else "x"
    return f"read({root}, {node.path!r})"


def _exactly(kind: str) -> Callable[[Body, str, str, Type], tuple[tuple[str, ...], str]]:
    return lambda body, raw, name, type_: ((f"type({name} := {raw}) is {kind}",), name)


def _int(body: Body, raw: str, name: str, type_: Type) -> tuple[tuple[str, ...], str]:
    return (f"(type({name} := {raw}) is int or ({name} := to_int({name})) is not None)",), name


def _number(body: Body, raw: str, name: str, type_: Type) -> tuple[tuple[str, ...], str]:
    return (f"(type({name} := {raw}) is float or type({name}) is int)",), name


def _money(body: Body, raw: str, name: str, type_: Type) -> tuple[tuple[str, ...], str]:
    limit = LIMIT / type_.scale
    guards = f"(type({name} := {raw}) is float or type({name}) is int)", f"{-limit!r} <= {name} <= {limit!r}"
    return guards, f"round({name} * {type_.scale})"


def _instant(body: Body, raw: str, name: str, type_: Type) -> tuple[tuple[str, ...], str]:
    return (f"({name} := to_instant({raw}, {body.local('z')})) is not None",), name


def _date(body: Body, raw: str, name: str, type_: Type) -> tuple[tuple[str, ...], str]:
    return (f"({name} := to_day({raw})) is not None",), name


_FITS: dict[str, Callable[[Body, str, str, Type], tuple[tuple[str, ...], str]]] = {
    "bool": _exactly("bool"),
    "text": _exactly("str"),
    "int": _int,
    "duration": _int,
    "number": _number,
    "money": _money,
    "instant": _instant,
    "date": _date,
}


def money_test(body: Body, field: ast.Field | ast.RowField, op: ast.CompareOp, parts: int, want: bool) -> str | None:
    """A comparison of a money field with a constant, on the stored decimal number itself.

    Rounding is monotone, so the amounts that become at least `parts` are exactly those from one double on; it is
    found once, when the code is written, and no amount is converted when it runs.
    """
    scale = type_of(field).scale
    if abs(parts) > LIMIT // 4:
        return None
    limit = LIMIT / scale
    low, high = first_double(parts, scale), first_double(parts + 1, scale)
    verdicts = {"below": compare(op, 0, 1), "at": compare(op, 0, 0), "above": compare(op, 1, 0)}
    spans = {"below": (-limit, low, "<"), "at": (low, high, "<"), "above": (high, limit, "<=")}
    raw = raw_field(body, field)
    name = body.temporary()
    wanted = [spans[where] for where, verdict in verdicts.items() if verdict is want]
    merged = [wanted[0]]
    for start, end, sign in wanted[1:]:
        merged[-1:] = [(merged[-1][0], end, sign)] if merged[-1][1] == start else [merged[-1], (start, end, sign)]
    inside = " or ".join(f"{start!r} <= {name} {sign} {end!r}" for start, end, sign in merged)
    kind = f"(type({name} := {raw.text}) is float or type({name}) is int)"
    return "(" + " and ".join([*raw.guards, kind, inside if len(merged) == 1 else f"({inside})"]) + ")"
