"""What a missing value does, as a table: a test on it is unknown, and an unknown neither sends nor hides."""

from __future__ import annotations

import pytest

from conditions_help import NOON, condition, customer, node, value
from retain.instants import DAY
from retain.language.evaluation.interpreter import evaluate
from retain.model import Json

NOBODY = customer({})
UNKNOWN = None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("customer.country == 'DE'", UNKNOWN),
        ("customer.country != 'DE'", UNKNOWN),
        ("customer.country in [DE, AT]", UNKNOWN),
        ("customer.country not in [DE, AT]", UNKNOWN),
        ("not (customer.country in [DE, AT])", UNKNOWN),
        ("customer.email ends with '@example.com'", UNKNOWN),
        ("customer.email not ends with '@example.com'", UNKNOWN),
        ("customer.ltv > 3", UNKNOWN),
        ("customer.ltv + 1 > 3", UNKNOWN),
        ("customer.ltv between 1 and 3", UNKNOWN),
        ("5 between 1 and customer.ltv", UNKNOWN),
        ("5 between 6 and customer.ltv", False),
        ("customer.consent", UNKNOWN),
        ("not customer.consent", UNKNOWN),
        ("customer.consent and false", False),
        ("customer.consent or true", True),
        ("customer.consent and true", UNKNOWN),
        ("customer.consent or false", UNKNOWN),
        ("customer.consent is missing", True),
        ("customer.consent is present", False),
        ("(customer.ltv > 3) is missing", True),
        ("customer.tags contains 'vip'", False),
        ("customer.tags not contains 'vip'", True),
        ("customer.tags contains any of [vip, new]", False),
        ("customer.tags contains all of [vip, new]", False),
        ("customer.tags contains customer.country", UNKNOWN),
        ("default(customer.ltv, 5) > 3", True),
        ("customer.country changed", False),
        ("customer in segment german", False),
        ("customer not in segment german", True),
        ("case when customer.consent then 1 else 2 end == 2", True),
        ("case when customer.consent then 1 end == 1", UNKNOWN),
        ("count(order) == 0", True),
        ("not exists(order)", True),
        ("sum(order.total) == 0", True),
        ("distinct(order.channel) == 0", True),
        ("avg(order.total) > 0", UNKNOWN),
        ("min(order.total) > 0", UNKNOWN),
        ("last(order.channel) == 'web'", UNKNOWN),
        ("days_since(order) > 30", UNKNOWN),
        ("last_at(order) > '2026-01-01'", UNKNOWN),
        ("ratio(email_opened, email_sent) < 0.5", UNKNOWN),
        ("age(customer.birth_date) > 18", UNKNOWN),
        ("days_until(customer.renews_at) < 14", UNKNOWN),
        ("event.products.category contains 'shoes'", False),
        ("steps.coupon.code is missing", True),
    ],
)
def test_a_customer_of_whom_nothing_is_known(text: str, verdict: bool | None) -> None:
    assert evaluate(node(text), NOBODY) is verdict
    assert condition(text).is_true(NOBODY) is (verdict is True)
    assert condition(text).verdict(NOBODY) is verdict


@pytest.mark.parametrize(
    ("stored", "text", "expected"),
    [
        ({"ltv": "40"}, "customer.ltv", None),
        ({"ltv": True}, "customer.ltv", None),
        ({"points": 3.0}, "customer.points", 3),
        ({"points": 3.5}, "customer.points", None),
        ({"points": True}, "customer.points", None),
        ({"consent": 1}, "customer.consent", None),
        ({"consent": "yes"}, "customer.consent", None),
        ({"country": 49}, "customer.country", None),
        ({"balance": 49.9}, "customer.balance", 4990),
        ({"balance": "49.9"}, "customer.balance", None),
        ({"balance": 1e300}, "customer.balance", None),
        ({"address": "Bonn"}, "customer.address.city", None),
        ({"address": {"city": "Bonn"}}, "customer.address.city", "Bonn"),
        ({"renews_at": "soon"}, "customer.renews_at", None),
        ({"renews_at": "2026-11-21"}, "customer.renews_at", NOON - DAY // 2),
        ({"birth_date": "1970-01-02"}, "customer.birth_date", 1),
        ({"birth_date": "1970-01-02T23:00:00-05:00"}, "customer.birth_date", 1),
        ({"birth_date": "1970-02-30"}, "customer.birth_date", None),
        ({"tags": "vip"}, "customer.tags", frozenset()),
        ({"tags": ["vip", 3, None]}, "customer.tags", frozenset({"vip"})),
        ({"sizes": [38, True, "40"]}, "customer.sizes", frozenset({38})),
    ],
)
def test_a_stored_value_that_does_not_fit_its_type_is_missing(
    stored: dict[str, Json], text: str, expected: Json
) -> None:
    assert value(text, customer(stored)) == expected


def test_a_missing_field_is_left_out_of_an_aggregate() -> None:
    scope = customer(
        {},
        ("order", NOON - 3 * DAY, {"total": 10}),
        ("order", NOON - 2 * DAY, {"total": None, "channel": "web"}),
        ("order", NOON - DAY, {"total": 30}),
    )
    assert value("sum(order.total)", scope) == 4000
    assert value("avg(order.total)", scope) == 20.0
    assert value("min(order.total)", scope) == 1000
    assert value("distinct(order.channel)", scope) == 1
    assert value("last(order.channel)", scope) is None
    assert value("first(order.total)", scope) == 1000


def test_dividing_by_zero_and_leaving_the_range_of_numbers_give_nothing() -> None:
    assert value("customer.ltv / customer.points", customer({"ltv": 3.5, "points": 0})) is None
    assert value("customer.ltv * 1000000", customer({"ltv": 1e308})) is None
    assert value("customer.points * 1.5", customer({"points": 10**400})) is None
    assert value("customer.points + 1", customer({"points": 2**60})) == 2**60 + 1


def test_a_filter_counts_only_what_is_true() -> None:
    rows = ({"channel": "web"}, {"channel": None}, {"channel": "app"})
    scope = customer({}, *(("order", NOON - DAY, row) for row in rows))
    assert value("count(order where channel == 'web')", scope) == 1
    assert value("count(order where channel != 'web')", scope) == 1
    assert value("count(order where not (channel == 'web'))", scope) == 1
    assert value("count(order where channel is missing)", scope) == 1


def test_amounts_are_exact_where_doubles_are_not() -> None:
    scope = customer({}, *(("order", NOON - DAY, {"total": 0.1}) for _ in range(3)), event={"total": 0.3})
    assert evaluate(node("sum(order.total) == 0.3"), scope) is True
    assert evaluate(node("sum(order.total) == event.total"), scope) is True
    assert evaluate(node("customer.rate * 1 == 0.0001"), customer({"rate": 0.0001})) is True
    assert evaluate(node("customer.rate < event.total"), customer({"rate": 0.2999}, event={"total": 0.3})) is True
