"""The built-in functions of the language: what each takes and gives, for the checker and for the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One built-in function; `least` and `most` bound its arguments where it takes values."""

    name: str
    form: str
    result: str
    empty: str  # what it gives when nothing qualifies
    summary: str
    least: int = 0
    most: int = 0
    field: str = ""  # over history: "needed", "refused"


def _history(name: str, form: str, result: str, empty: str, summary: str, *, field: str) -> BuiltIn:
    return BuiltIn(name, f"{name}({form} [where P] [window])", result, empty, summary, field=field)


_SAME = "the type of f"
HISTORY: Mapping[str, BuiltIn] = {
    item.name: item
    for item in (
        _history("count", "E", "whole number", "0", "how many events", field="refused"),
        _history("exists", "E", "true or false", "false", "whether there is an event", field="refused"),
        _history("sum", "E.f", _SAME, "0", "the sum of a field; events without it are left out", field="needed"),
        _history(
            "avg", "E.f", "number", "missing", "the mean of a field; events without it are left out", field="needed"
        ),
        _history("min", "E.f", _SAME, "missing", "the least value of a field", field="needed"),
        _history("max", "E.f", _SAME, "missing", "the greatest value of a field", field="needed"),
        _history("last", "E.f", _SAME, "missing", "a field of the latest event", field="needed"),
        _history("first", "E.f", _SAME, "missing", "a field of the earliest event", field="needed"),
        _history("last_at", "E", "instant", "missing", "when the latest event happened", field="refused"),
        _history("first_at", "E", "instant", "missing", "when the earliest event happened", field="refused"),
        _history("days_since", "E", "number", "missing", "days of 24 hours since the latest event", field="refused"),
        _history("distinct", "E.f", "whole number", "0", "how many different values a field has had", field="needed"),
        _history("ratio", "E1, E2", "number", "missing", "count of E1, divided by count of E2", field="refused"),
    )
}
SCALAR: Mapping[str, BuiltIn] = {
    item.name: item
    for item in (
        BuiltIn("default", "default(x, v)", "the type of x", "v", "x, or v where x is missing", 2, 8),
        BuiltIn("abs", "abs(x)", "the type of x", "missing", "x without its sign", 1, 1),
        BuiltIn(
            "round",
            "round(x [, places])",
            "whole number, or number with places",
            "missing",
            "x rounded, a half away from zero",
            1,
            2,
        ),
        BuiltIn("least", "least(x, y)", "their common type", "missing", "the least of several values", 2, 8),
        BuiltIn("greatest", "greatest(x, y)", "their common type", "missing", "the greatest of several values", 2, 8),
        BuiltIn(
            "age", "age(date)", "whole number", "missing", "whole years since a date, in the customer's zone", 1, 1
        ),
        BuiltIn("known_days", "known_days()", "number", "never missing", "days of 24 hours since first seen", 0, 0),
        BuiltIn(
            "days_since", "days_since(date)", "number", "missing", "days of 24 hours since a date or instant", 1, 1
        ),
        BuiltIn(
            "days_until", "days_until(date)", "number", "missing", "days of 24 hours until a date or instant", 1, 1
        ),
    )
}
