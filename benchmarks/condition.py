"""One typical condition of six clauses against the lambda that a careful programmer would write by hand.

Both run on the same customers in turns, in one process; the figure is the median of the ratios of the rounds. The limit
is 1.5. Run it with `python benchmarks/condition.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import process_time

from report import Figure, arguments, report

from retain.instants import DAY
from retain.language.checking.expressions import read_condition
from retain.language.codegen.conditions import compile_condition
from retain.language.environment import Environment
from retain.language.scope import History, Scope
from retain.language.syntax.source import TextSource
from retain.language.types import Schema, Type

ROUNDS, TIMES = 41, 4_000
LIMIT = 1.5
NOW = 1_790_000_000_000
SCHEMA = Schema(
    customer={
        "consent": Type("bool", nullable=True),
        "country": Type("text", nullable=True),
        "tags": Type("text_set"),
        "email": Type("text", nullable=True),
    },
    events={
        "cart_updated": {
            "total": Type("money", nullable=True, scale=100),
            "currency": Type("text", nullable=True),
        },
        "order_completed": {},
    },
)
CLAUSES = (
    "customer.consent",
    "event.total >= 20",
    "event.currency == 'EUR'",
    "customer.country not in [DE, AT]",
    "customer.tags contains 'vip'",
    "customer.email ends with '@example.com'",
)
HISTORY_CLAUSE = "count(order_completed in last 90d) >= 3"

Six = Callable[[Scope], object]

by_hand: Six = lambda s: (  # noqa: E731 - the measure is a lambda
    s.customer.get("consent") is True
    and (total := s.event.get("total")) is not None
    and total >= 20
    and s.event.get("currency") == "EUR"
    and (country := s.customer.get("country")) is not None
    and country not in ("DE", "AT")
    and "vip" in (s.customer.get("tags") or ())
    and (email := s.customer.get("email")) is not None
    and email.endswith("@example.com")
)
by_hand_with_history: Six = lambda s: (  # noqa: E731
    by_hand(s) and s.history.count("order_completed", s.now - 90 * DAY, s.now) >= 3
)


def generated(*clauses: str) -> Six:
    """What the product makes of the clauses."""
    env = Environment(schema=SCHEMA, events=("cart_updated",))
    nodes = [node for node, _ in (read_condition(TextSource(clause), env) for clause in clauses) if node is not None]
    assert len(nodes) == len(clauses)
    return compile_condition(nodes)


def customers() -> dict[str, Scope]:
    """One for whom all clauses are true, one who fails the fourth, one who fails the first, one with nothing."""
    history = History()
    for days in range(0, 360, 4):
        history.add("order_completed", NOW - (360 - days) * DAY, {})
    fields = {"consent": True, "country": "FR", "tags": ["new", "vip"], "email": "ana@example.com"}
    cart = {"total": 49.9, "currency": "EUR"}

    def one(changes: dict[str, object]) -> Scope:
        return Scope(now=NOW, customer={**fields, **changes}, history=history, first_seen=0, event=cart)

    empty = Scope(now=NOW, customer={}, history=history, first_seen=0, event={})
    return {
        "all true": one({}),
        "4th false": one({"country": "DE"}),
        "1st false": one({"consent": False}),
        "empty": empty,
    }


def timed(function: Six, scope: Scope) -> float:
    """Microseconds of CPU for one call."""
    start = process_time()
    for _ in range(TIMES):
        function(scope)
    return (process_time() - start) / TIMES * 1e6


def compare(what: str, limit: Six, product: Six, scope: Scope, rounds: int, bound: float | None = None) -> Figure:
    """One line of the report: the median of the ratios."""
    pairs = [(timed(limit, scope), timed(product, scope)) for _ in range(rounds)]
    ratio = median(product_us / limit_us for limit_us, product_us in pairs)
    ours, theirs = median(b for _, b in pairs), median(a for a, _ in pairs)
    return Figure(what, f"{ours:.3f} us", f"lambda by hand: {theirs:.3f} us", ratio, bound)


def main() -> int:
    """Tell the ratios; exit code 1 where the six clauses are above the limit."""
    args = arguments(__doc__)
    rounds = 11 if args.quick else ROUNDS
    six, seven = generated(*CLAUSES), generated(*CLAUSES, HISTORY_CLAUSE)
    people = customers()
    for scope in people.values():
        assert (six(scope) < 0) is bool(by_hand(scope))
        assert (seven(scope) < 0) is bool(by_hand_with_history(scope))
    every = people["all true"]
    figures = [compare("six clauses, all true", by_hand, six, every, rounds, LIMIT)]
    for name in ("4th false", "1st false", "empty"):
        figures.append(compare(f"six clauses, {name}", by_hand, six, people[name], rounds))
    figures.append(compare("with count(order in last 90d)", by_hand_with_history, seven, every, rounds))
    return report(args, figures)


if __name__ == "__main__":
    sys.exit(main())
