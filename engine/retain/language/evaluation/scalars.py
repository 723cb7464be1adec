"""Operations on present values: comparison, arithmetic, and functions of one instant."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence

from retain.instants import DAY
from retain.language.evaluation.values import INSTANT, NUMBER, type_of
from retain.language.evaluation.windows import local_day, whole_years
from retain.language.scope import Scope
from retain.language.syntax.ast import Arithmetic, ArithmeticOp, Call, CompareOp, Node
from retain.language.types import Type
from retain.model import Json

_COMPARISONS: Mapping[CompareOp, Callable[[Json, Json], Json]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compare(op: CompareOp, left: Json, right: Json) -> bool:
    """One comparison of two present values of one type."""
    return bool(_COMPARISONS[op](left, right))


def operand_types(node: Arithmetic) -> tuple[Type, Type]:
    """The types in which the two sides are calculated; a factor of money, and what is added to an instant, stay."""
    left, right, result = type_of(node.left), type_of(node.right), type_of(node)
    if result.kind == "money" and node.op == "*":
        return (result, right) if left.kind == "money" else (left, result)
    if result.kind in ("money", "number"):
        return result, result
    if result.kind in ("instant", "duration"):
        return (INSTANT if left.kind == "date" else left), (INSTANT if right.kind == "date" else right)
    return left, right


def argument_type(node: Call, arg: Node) -> Type:
    """The type that a function takes an argument in."""
    result, own = type_of(node), type_of(arg)
    if node.function in ("default", "least", "greatest", "abs"):
        return result
    if node.function in ("days_since", "days_until"):
        return INSTANT
    return NUMBER if node.function == "round" and own.kind == "money" and result.kind != "money" else own


def finite(value: Json) -> Json:
    """The value, or None where a calculation left the range of numbers."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def round_half_up(value: float, places: int = 0) -> float:
    """Rounding as in a spreadsheet: a half goes away from zero."""
    factor = 10.0**places
    return math.copysign(math.floor(abs(value) * factor + 0.5) / factor, value)


def calculate(op: ArithmeticOp, left: Json, right: Json) -> Json:
    """One operation; None for a division by zero and for a result out of range."""
    if op == "/":
        return finite(left / right) if right else None
    return finite(left + right if op == "+" else left - right if op == "-" else left * right)


def call(node: Call, values: Sequence[Json], scope: Scope) -> Json:
    """A function of one instant, applied to present values."""
    match node.function:
        case "abs":
            return abs(values[0])
        case "least":
            return min(values)
        case "greatest":
            return max(values)
        case "days_since":
            return (scope.now - values[0]) / DAY
        case "days_until":
            return (values[0] - scope.now) / DAY
        case "age":
            born = values[0] if type_of(node.args[0]).kind == "date" else local_day(values[0], scope.zone)
            return whole_years(born, local_day(scope.now, scope.zone))
        case _:
            return rounded(node, values)


def rounded(node: Call, values: Sequence[Json]) -> Json:
    """`round(x)` and `round(x, places)`: money stays exact, a half goes away from zero."""
    value, places, type_ = values[0], values[1] if len(values) > 1 else 0, type_of(node)
    if type_.kind == "money":
        part = max(1, type_.scale // 10**places)
        return (1 if value >= 0 else -1) * ((2 * abs(value) + part) // (2 * part)) * part
    if isinstance(value, int):
        return value
    result = round_half_up(value, places)
    return int(result) if type_.kind == "int" else finite(result)


def first_double(parts: int, scale: int) -> float:
    """The smallest double that becomes at least so many parts."""
    low, high = (parts - 1) / scale, (parts + 1) / scale
    while (middle := (low + high) / 2) not in (low, high):
        if round(middle * scale) >= parts:
            high = middle
        else:
            low = middle
    return high
