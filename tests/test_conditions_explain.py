"""Explanations name the values, the clauses that decide, why, and what would have to be so instead."""

from __future__ import annotations

from random import Random

import pytest

from condition_generator import Conditions
from condition_world import checked, environment, population
from conditions_help import BERLIN, NOON, condition, customer, node
from retain.instants import DAY
from retain.language.condition import Clause, Condition
from retain.language.evaluation.explain import ClauseReport, explain, would_be_true_if
from retain.model import Place

PERSON = customer(
    {
        "email": "ana@example.org",
        "country": "FR",
        "consent": False,
        "tags": ["new"],
        "ltv": 20.5,
        "balance": 12,
        "renews_at": "2026-12-01T08:00:00Z",
    },
    ("order", NOON - 12 * DAY, {"total": 60, "channel": "web"}),
    event={"total": 49.9},
    zone=BERLIN,
)


def only(text: str) -> ClauseReport:
    (report,) = explain(condition(text), PERSON)
    return report


@pytest.mark.parametrize(
    ("text", "why", "cure"),
    [
        ("event.total >= 100", "49.90 is less than 100", "event.total were at least 100"),
        ("event.total < 20.5", "49.90 is more than 20.50", "event.total were less than 20.50"),
        ("customer.country == 'DE'", "'FR' is not 'DE'", "customer.country were 'DE'"),
        ("customer.country != 'FR'", "'FR' is 'FR'", "customer.country were not 'FR'"),
        ("customer.points > 2", "customer.points is missing", "customer.points were more than 2"),
        (
            "customer.points + steps.coupon.percent > 2",
            "customer.points is missing and steps.coupon.percent is missing",
            "(customer.points + steps.coupon.percent) were more than 2",
        ),
        ("customer.points is present", "customer.points is missing", "customer.points were present"),
        ("customer.email is missing", "customer.email is 'ana@example.org'", "customer.email were missing"),
        ("customer.consent", "customer.consent is false", "customer.consent were true"),
        (
            "customer.country in [DE, AT]",
            "'FR' is not one of 'DE', 'AT'",
            "customer.country were one of 'DE', 'AT'",
        ),
        ("customer.country not in [FR]", "'FR' is one of 'FR'", "customer.country were none of 'FR'"),
        ("customer.ltv between 30 and 40", "20.5 is not between 30 and 40", "customer.ltv were between 30 and 40"),
        ("customer.tags contains 'vip'", "[new] does not contain 'vip'", "customer.tags contained 'vip'"),
        (
            "customer.email ends with '.com'",
            "'ana@example.org' does not end with '.com'",
            "customer.email ended with '.com'",
        ),
        ("customer in segment rich", "the customer is not in segment rich", "the customer were in segment rich"),
        ("customer.country changed", "customer.country did not change", "customer.country had changed"),
        ("not exists(order)", "exists(order) is true", "exists(order) were false"),
        ("days_since(order) > 30", "12 is less than 30", "days_since(order) were more than 30"),
        (
            "customer.ltv > 50 or customer.consent",
            "20.5 is less than 50; customer.consent is false",
            "customer.ltv were more than 50 or customer.consent were true",
        ),
        (
            "customer.ltv > 10 and customer.consent and customer.points > 1",
            "customer.consent is false; customer.points is missing",
            "customer.consent were true and customer.points were more than 1",
        ),
        (
            "not (customer.ltv > 10 and customer.country == 'FR')",
            "20.5 is more than 10; 'FR' is 'FR'",
            "customer.ltv were at most 10 or customer.country were not 'FR'",
        ),
        (
            "customer.renews_at > '2027-01-01'",
            "2026-12-01T09:00:00+01:00 is less than '2027-01-01'",
            "customer.renews_at were more than '2027-01-01'",
        ),
        (
            "customer.ltv / (customer.ltv - 20.5) > 1",
            "(customer.ltv / (customer.ltv - 20.5)) > 1 has no value",
            "(customer.ltv / (customer.ltv - 20.5)) were more than 1",
        ),
    ],
)
def test_a_clause_that_does_not_hold_says_why_and_what_would_help(text: str, why: str, cure: str) -> None:
    report = only(text)
    assert report.decisive
    assert report.why == why
    assert report.would_be_true_if == cure


def test_a_clause_that_holds_is_not_to_blame() -> None:
    report = only("event.total >= 20")
    assert (report.verdict, report.decisive, report.why) == ("true", False, "")
    assert report.values == {"event.total": 49.9}
    assert report.shown == {"event.total": "49.90"}


def test_values_are_those_of_the_facts_that_a_clause_reads() -> None:
    report = only("count(order where channel == 'web' in last 30d) > default(customer.points, 3) and customer.consent")
    assert report.values == {
        "count(order where channel == 'web' in last 30d)": 1,
        "customer.points": None,
        "customer.consent": False,
    }
    assert only("customer.renews_at is missing").values == {"customer.renews_at": "2026-12-01T09:00:00+01:00"}
    assert only("spent(30d) > 100").shown == {"spent(30d)": "60.00"}


def test_only_the_clauses_that_fail_decide() -> None:
    whole = condition("event.total >= 20", "customer.points > 1", "customer.consent")
    reports = explain(whole, PERSON)
    assert [report.verdict for report in reports] == ["true", "unknown", "false"]
    assert [report.decisive for report in reports] == [False, True, True]
    assert would_be_true_if(whole, PERSON) == "customer.points were more than 1 and customer.consent were true"


def group(word: str, *texts: str) -> Condition:
    place = Place("rules.yaml", 1, 1)
    children = tuple(Clause(f"if[0].{word}[{i}]", text, place, node(text)) for i, text in enumerate(texts))
    return Condition((Clause.of_group(word, "if[0]", place, children),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "verdict", "to_blame"),
    [("any", True, []), ("all", False, [1]), ("none", False, [0])],
)
def test_groups_blame_the_children_that_are_to_blame(word: str, verdict: bool, to_blame: list[int]) -> None:
    whole = group(word, "event.total >= 20", "customer.consent")
    assert whole.verdict(PERSON) is verdict
    assert whole.is_true(PERSON) is verdict
    (report,) = explain(whole, PERSON)
    assert [index for index, child in enumerate(report.children) if child.decisive] == to_blame


def test_an_explanation_can_be_given_for_anybody_and_any_condition() -> None:
    env, writer = environment(), Conditions(Random(5))
    people = population(Random(6), 8)
    place = Place("rules.yaml", 1, 1)
    for _ in range(60):
        text = writer.condition()
        whole = Condition((Clause("if[0]", text, place, checked(text, env)),))
        for scope in people:
            (report,) = explain(whole, scope)
            assert (report.verdict == "true") is whole.is_true(scope)
            assert report.decisive is bool(report.why) is bool(report.would_be_true_if) is (report.verdict != "true")


def test_a_clause_with_or_stands_in_brackets_among_others() -> None:
    whole = condition("customer.points > 1 or event.total > 99", "customer.consent")
    assert would_be_true_if(whole, PERSON) == (
        "(customer.points were more than 1 or event.total were more than 99) and customer.consent were true"
    )
