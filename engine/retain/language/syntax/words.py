"""The words that the condition language keeps for itself, and those of other languages with the cure for each."""

from __future__ import annotations

ROOTS: frozenset[str] = frozenset({"customer", "event", "metrics", "steps", "trigger"})
RESERVED: frozenset[str] = frozenset({
    "and", "or", "not", "in", "between", "contains", "starts", "ends", "is", "changed", "true", "false", "case", "when",
    "then", "else", "end", "where", "since", "this",
})  # fmt: skip
COMPARISONS: tuple[str, ...] = ("==", "=", "!=", "<", "<=", ">", ">=")
UNITS_OF_CALENDAR: tuple[str, ...] = ("day", "week", "month", "quarter", "year")
HISTORY_FUNCTIONS: tuple[str, ...] = (
    "count", "exists", "sum", "avg", "min", "max", "last", "first", "last_at", "first_at", "days_since", "distinct",
    "ratio",
)  # fmt: skip
SCALAR_FUNCTIONS: tuple[str, ...] = (
    "default", "abs", "round", "least", "greatest", "age", "known_days", "days_since", "days_until",
)  # fmt: skip
AFTER_VALUE: tuple[str, ...] = (
    "and", "or", "not", "in", "between", "contains", "starts", "ends", "is", "changed", "then", "when", "else", "end",
)  # fmt: skip

FOREIGN_WORDS: dict[str, str] = {
    "like": "use 'starts with', 'ends with' or 'contains'",
    "ilike": "use 'starts with', 'ends with' or 'contains'",
    "matches": "there are no regular expressions; use 'starts with', 'ends with' or 'in [...]'",
    "regex": "there are no regular expressions; use 'starts with', 'ends with' or 'in [...]'",
    "equals": "write '=='",
    "includes": "write 'contains'",
    "include": "write 'contains'",
    "contain": "write 'contains'",
    "has": "write 'contains'",
    "does": "write 'not' before the test, as in 'not contains'",
    "isnt": "write 'is not'",
    "startswith": "write 'starts with'",
    "endswith": "write 'ends with'",
    "exceeds": "write '>'",
    "xor": "write 'a != b' of two conditions in brackets",
    "ago": "a time in the past is asked for as 'between 60d and 30d ago' or 'days_since(...)'",
    "days": "a duration is one word: 30d; after 'in last' also '30 calendar days'",
    "hours": "a duration is one word: 12h",
    "minutes": "a duration is one word: 30m",
    "weeks": "a duration is one word: 2w",
    "months": "a duration is exact, 90d; for the calendar write 'this month'",
}

FOREIGN_SIGNS: dict[str, str] = {"=>": "'>='", "=<": "'<='"}
FOREIGN_VALUES: dict[str, str] = {
    "null": "a missing value is asked for with 'is missing' or 'is present'",
    "none": "a missing value is asked for with 'is missing' or 'is present'",
    "nil": "a missing value is asked for with 'is missing' or 'is present'",
    "undefined": "a missing value is asked for with 'is missing' or 'is present'",
    "now": "time is asked for with 'in last 30d', days_since(...) or days_until(...)",
    "today": "time is asked for with 'this day', days_since(...) or days_until(...)",
    "if": "write 'case when ... then ... else ... end'",
}
