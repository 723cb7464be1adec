"""The types that the checker gives, and what it makes of literals, names and functions of plugins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from language_help import RULE, checked, problems_of
from retain.language.checking.expressions import guards, read_condition, read_conditions, references
from retain.language.syntax import ast
from retain.language.syntax.ast import Literal_
from retain.language.syntax.parser import parse
from retain.language.syntax.source import TextSource
from retain.language.types import Type

MONEY = Type("money", scale=100)


@pytest.mark.parametrize(
    ("text", "kind", "nullable"),
    [
        ("customer.age", "int", True),
        ("customer.plan", "text", False),
        ("customer.tags", "text_set", False),
        ("event.total", "money", True),
        ("steps.coupon.percent", "int", False),
        ("trigger.planned_at", "instant", True),
        ("metrics.spend", "money", False),
        ("customer.age + 1", "int", True),
        ("2 + 2.5", "number", False),
        ("event.total * 2", "money", True),
        ("event.total * 1.5", "number", True),
        ("event.total + 1.5", "money", True),
        ("event.total + customer.score", "number", True),
        ("1 / 2", "number", False),
        ("3 / known_days()", "number", True),
        ("customer.created_at - last_at(order_completed)", "duration", True),
        ("customer.created_at + 2d", "instant", False),
        ("-event.total", "money", True),
        ("count(order_completed)", "int", False),
        ("exists(order_completed)", "bool", False),
        ("sum(order_completed.total where currency == 'EUR')", "money", False),
        ("sum(order_completed.weight)", "number", False),
        ("avg(order_completed.total where currency == 'EUR')", "number", True),
        ("max(order_completed.total)", "money", True),
        ("last(order_completed.channel)", "text", True),
        ("last(order_completed.products.category)", "text_set", False),
        ("last_at(order_completed)", "instant", True),
        ("days_since(order_completed)", "number", True),
        ("days_since(customer.created_at)", "number", False),
        ("days_until(customer.birth_date)", "number", True),
        ("distinct(order_completed.channel)", "int", False),
        ("ratio(email_opened, email_sent)", "number", True),
        ("known_days()", "number", False),
        ("age(customer.birth_date)", "int", True),
        ("default(customer.age, 0)", "int", False),
        ("default(customer.age, customer.score)", "number", True),
        ("default(event.total, 0.5)", "money", False),
        ("least(event.total, 5)", "money", True),
        ("default(customer.birth_date, '2000-01-01')", "date", False),
        ("greatest(customer.created_at, '2026-01-01T10:00Z', customer.birth_date)", "instant", True),
        ("days_until('2026-12-24')", "number", False),
        ("round(customer.score)", "int", True),
        ("round(customer.score, 1)", "number", True),
        ("round(event.total, 1)", "money", True),
        ("case when customer.vip then 1 end", "int", True),
        ("case when customer.vip then event.total else 0 end", "money", True),
        ("case when customer.vip then 1 else 2.5 end", "number", False),
        ("customer.age > 3", "bool", True),
        ("customer.age is missing", "bool", False),
        ("customer in segment vip", "bool", False),
        ("customer.plan changed", "bool", False),
        ("level(main)", "text", False),
        ("orders(2w)", "int", False),
    ],
)
def test_types(text: str, kind: str, nullable: bool) -> None:
    type_ = checked(text, value=True).type
    assert type_ is not None
    assert (type_.kind, type_.nullable) == (kind, nullable)


def literals(text: str) -> list[tuple[object, str]]:
    return [(part.value, part.type.kind) for part in checked(text).walk() if isinstance(part, Literal_) and part.type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.total >= 20", [(2000, "money")]),
        ("event.total >= -19.99", [(-1999, "money")]),
        ("0.07 < event.total", [(7, "money")]),
        ("event.total between 0.5 and 90071992547409.91", [(50, "money"), (9007199254740991, "money")]),
        ("event.total in [1, 2.50]", [(100, "money"), (250, "money")]),
        ("event.total - customer.ltv > 3.5", [(350, "money")]),
        ("event.total * 1.5 > 3", [(1.5, "number"), (3, "int")]),
        ("customer.age > 3", [(3, "int")]),
        ("customer.created_at > '2026-01-31'", [("2026-01-31", "instant")]),
        ("customer.created_at > 2026-01-31", [("2026-01-31", "instant")]),
        ("customer.created_at > '2026-01-31T00:00:00+01:00'", [(1769814000000, "instant")]),
        ("customer.birth_date in ['2000-01-01', '2000-02-29']", [("2000-01-01", "date"), ("2000-02-29", "date")]),
        ("last_at(order_completed) - customer.created_at < 2d", [(172_800_000, "duration")]),
    ],
)
def test_literals_take_the_type_of_what_they_are_compared_with(text: str, expected: list[tuple[object, str]]) -> None:
    assert literals(text) == expected


def test_names_of_events_become_slugs() -> None:
    node = checked("count('Order Completed') > 2")
    assert [part.event for part in node.walk() if isinstance(part, ast.History)] == ["order_completed"]


def test_the_field_of_an_aggregate_is_typed() -> None:
    node = checked("avg(order_completed.total where currency == 'EUR') > 2.005")
    (look,) = (part for part in node.walk() if isinstance(part, ast.History))
    assert look.field_type == MONEY


def test_segments_and_metrics_carry_their_own_tree() -> None:
    node = checked("customer in segment vip and metrics.spend > 2")
    (segment,) = (part for part in node.walk() if isinstance(part, ast.InSegment))
    (metric,) = (part for part in node.walk() if isinstance(part, ast.MetricRef))
    assert segment.body is RULE.segments["vip"]
    assert metric.body is RULE.metrics["spend"]


def test_a_function_of_a_plugin_becomes_its_expression() -> None:
    node = checked("orders(90m) > 2")
    (call,) = (part for part in node.walk() if isinstance(part, ast.Expanded))
    (look,) = (part for part in call.body.walk() if isinstance(part, ast.History))
    assert call.call == "orders(90m)"
    assert look.window == ast.Window(form="last", near=5_400_000)


def test_a_tree_can_be_checked_again_elsewhere() -> None:
    source = TextSource("event.total >= 20 and level(main) == 'gold'")
    before = repr(parse(source))
    tree = parse(source)
    for _ in range(2):
        read_condition(source, RULE)
    assert repr(tree) == before


@pytest.mark.parametrize(
    ("text", "setting", "help_"),
    [
        ("customer.contry == 'DE'", "rule", "did you mean customer.country?"),
        ("customer.total > 5", "rule", "did you mean event.total?"),
        ("total > 5", "rule", "did you mean event.total?"),
        ("customer.city == 'x'", "rule", "did you mean customer.address.city?"),
        ("count(ordr_completed) > 1", "rule", "did you mean order_completed?"),
        ("cuont(order_completed) > 1", "rule", "did you mean count()?"),
        ("orderz(5d) > 1", "rule", "did you mean orders()?"),
        ("customer in segment vipp", "rule", "did you mean vip?"),
        ("metrics.spent > 1", "rule", "did you mean metrics.spend?"),
        ("steps.cupon.code == 'x'", "rule", "did you mean steps.coupon?"),
        ("customer.country == 'de'", "rule", "did you mean DE?"),
        ("customer.plan == 5", "rule", "'5' in quotes"),
        ("customer.age == '5'", "rule", "5 without quotes"),
        ("days_since(order_completed) > 30d", "rule", "30 days are written 30"),
        ("customer.created_at > 5d", "rule", "days_since(customer.created_at)"),
        ("customer.tags == 'vip'", "rule", "'contains'"),
        ("customer.unheard_of_thing == 1", "rule", "schemas/customer.json"),
        ("event.unheard_of_thing == 1", "rule", "schemas/events/cart_updated.json"),
        ("event.total > 5", "segment", "last(order_completed.total)"),
        ("count(order.completed) > 1", "rule", "count(order_completed)"),
        ("max(customer.age, 5) > 1", "rule", "greatest(...)"),
    ],
)
def test_the_cure_names_what_was_probably_meant(text: str, setting: str, help_: str) -> None:
    (problem,) = problems_of(text, setting)
    assert help_ in problem.help


def codes(*texts: str) -> list[str]:
    _, found = read_conditions([TextSource(text) for text in texts], RULE)
    return [problem.code for problem in found]


@pytest.mark.parametrize(
    "text",
    [
        "customer.country is present and customer.country != 'DE'",
        "customer.country is missing or customer.country not in [DE]",
        "default(customer.country, 'DE') != 'DE'",
        "not default(customer.vip, false)",
        "customer.plan != 'pro'",
        "not (customer.country != 'DE')",
        "customer.country == 'DE'",
        "not customer.tags contains 'vip'",
        "customer not in segment known",
        "not (customer in segment buyers)",
        "exists(order_completed where channel is present and channel != 'web')",
        "last(order_completed.channel) is present and last(order_completed.channel) != 'web'",
        "known_days() >= 30 and not exists(order_completed in last 30d)",
        "30 <= known_days() and count(order_completed in last 30d) == 0",
        "exists(order_completed) and not exists(order_completed in last 180d)",
        "days_since(order_completed) > 30 and count(order_completed in last 7d) < 1",
        "not exists(order_completed)",
        "not exists(order_completed this month)",
        "count(order_completed in last 30d) >= 1",
        "customer.age == 5 and event.total == 5",
        "sum(order_completed.total where currency == 'EUR' in last 30d) > 5",
        "sum(order_completed.quantity) > 5",
    ],
)
def test_there_is_no_warning_where_the_text_says_what_it_means(text: str) -> None:
    assert codes(text) == []


def test_what_one_clause_tests_guards_the_others() -> None:
    assert codes("customer.country != 'DE'") == ["W201"]
    assert codes("customer.country is present", "customer.country != 'DE'") == []
    assert codes("not exists(order_completed in last 30d)", "known_days() >= 30") == []
    env = replace(RULE, guards=guards([TextSource("customer.country is present"), TextSource("no text )")]))
    assert read_condition(TextSource("customer.country != 'DE'"), env)[1] == []


def test_references_are_the_segments_and_metrics_that_a_text_names() -> None:
    tree = parse(TextSource("customer in segment big-spenders or metrics.spend > 2 and customer not in segment vip"))
    assert references(tree) == ({"big-spenders", "vip"}, {"spend"})


def test_a_field_of_an_undeclared_event_is_reported_at_the_trigger_alone() -> None:
    env = replace(RULE, events=("never_declared",))
    assert read_condition(TextSource("event.total > 5"), env) == (None, [])
