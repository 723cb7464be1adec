"""Comparisons of stored numbers with constants as spans of doubles, both ends included, which an index can answer."""

from __future__ import annotations

from math import inf, nextafter

from retain.language.evaluation.scalars import first_double
from retain.language.evaluation.values import LIMIT
from retain.language.syntax.ast import CompareOp

Span = tuple[float, float]
MOST = 1.7976931348623157e308


def number_spans(op: CompareOp, value: float) -> list[Span] | None:
    """The doubles for which a comparison with a number holds; None where doubles cannot tell."""
    if isinstance(value, int) and abs(value) > LIMIT:
        return None
    return _spans(op, float(value), float(value), MOST)


def money_spans(op: CompareOp, parts: int, scale: int) -> list[Span] | None:
    """The decimal numbers whose whole parts compare so; found once, because rounding is monotone."""
    if abs(parts) > LIMIT // 4:
        return None
    last = nextafter(first_double(parts + 1, scale), -inf)
    return _spans(op, first_double(parts, scale), last, LIMIT / scale)


def _spans(op: CompareOp, first: float, last: float, most: float) -> list[Span]:
    """Where doubles from `first` to `last` are what is compared with."""
    under, over = (-most, nextafter(first, -inf)), (nextafter(last, inf), most)
    return {
        "==": [(first, last)],
        "!=": [under, over],
        "<": [under],
        "<=": [(-most, last)],
        ">": [over],
        ">=": [(first, most)],
    }[op]
