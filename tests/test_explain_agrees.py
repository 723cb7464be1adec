"""`explain` gives the verdict that the engine gave then, for any rule, any customer and any instant of a year."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from explained_year import BEGIN, CUSTOMERS, Year, year
from retain.app.reports.explaining import explain_rule
from retain.decide.starts import SUMMARY_ONLY
from retain.instants import DAY, parse_instant
from retain.model import Instant

UNSAID = {outcome.value for outcome in SUMMARY_ONLY}  # of what time alone brings, these stand in no log


def points(lived: Year, many: int, seed: int) -> list[tuple[str, str, Instant]]:
    """Random questions, half of them about the instant of a decision or just beside it."""
    rng = random.Random(seed)
    rules = sorted(lived.engine.plan.rules)
    found = []
    for number in range(many):
        rule, customer = rng.choice(rules), f"user:c{rng.randrange(CUSTOMERS)}"
        known = lived.verdicts.get((rule, customer))
        if known and number % 2:
            at = rng.choice(known)[0] + rng.choice((-1, 0, 0, 0, 1))
        else:
            at = BEGIN + rng.randrange(lived.days * DAY)
        found.append((rule, customer, at))
    return found


def differences(lived: Year, asked: list[tuple[str, str, Instant]]) -> tuple[list[str], Counter[str]]:
    """Where explanation and engine disagree, and how often each outcome was met."""
    wrong: list[str] = []
    met: Counter[str] = Counter()
    for rule, customer, at in asked:
        told = explain_rule(lived.engine.plan, lived.engine.store, rule, customer, at)
        decided = None if told.as_json()["decided_at"] is None else parse_instant(told.as_json()["decided_at"])
        known = lived.newest(rule, customer, at)
        expected = (None, "no_trigger") if known is None else (known[0], known[1].value)
        met[expected[1]] += 1
        if (decided, told.outcome) == expected or (told.outcome in ("no_customer", "off") and known is None):
            continue
        newer = known is None or (decided is not None and decided > known[0])
        if newer and told.outcome in UNSAID:
            continue
        wrong.append(f"{rule} {customer} at {at}: explained {told.outcome} {decided}, decided {expected}")
    return wrong, met


def test_a_few_hundred_verdicts_of_a_year_are_those_of_the_engine() -> None:
    lived = year(days=90, events=700)
    wrong, met = differences(lived, points(lived, 250, seed=7))
    assert wrong == []
    assert len(met) >= 7


@pytest.mark.long
def test_ten_thousand_verdicts_of_a_year_are_those_of_the_engine() -> None:
    wrong, met = differences(year(), points(year(), 10_000, seed=11))
    assert wrong == []
    assert {"started", "if", "trigger", "at_most", "running", "queued", "late", "key_missing", "parked", "off"} <= set(
        met
    )
