"""`retain segments`, `retain check --costs` and `retain db index`, on a store at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_help import bare, events_file, here, identify, track

RULES = """\
version: 1
segments:
  buyers:
    description: Germans who have bought for 20.
    if:
      - customer.country == 'DE'
      - exists(order_completed)
      - sum(order_completed.total where currency == 'EUR') >= 20
  changed:
    if: [exists(customer_updated in last 30d)]
rules:
  nightly:
    when: {schedule: {cron: "0 3 * * *", each: [customer in segment buyers]}}
    then: [{stop: ok}]
"""
PAST = "2025-01-01T00:00:00Z"
CALLS = [
    *(identify(str(number), PAST, number, country="DE" if number < 4 else "AT") for number in range(1, 6)),
    track("1", "Order Completed", PAST, 6, order_id="a", total=25, currency="EUR"),
    track("2", "Order Completed", PAST, 7, order_id="b", total=10, currency="EUR"),
    track("5", "Order Completed", PAST, 8, order_id="c", total=99, currency="EUR"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = bare(tmp_path_factory.mktemp("shop"), RULES)
    here("-C", folder, "import", events_file(folder / "events.jsonl", CALLS))
    return folder


def test_segments_are_listed_with_their_cost(shop: Path) -> None:
    found = here("-C", shop, "segments", "list", "--json").json
    assert [(one["name"], one["cost"], one["index"]) for one in found] == [
        ("buyers", "index", "country"),
        ("changed", "each", None),
    ]
    assert "found by an index of" in here("-C", shop, "segments", "list").out


def test_members_are_counted_and_named(shop: Path) -> None:
    assert here("-C", shop, "segments", "show", "buyers", "--count").out == "1\n"
    assert here("-C", shop, "segments", "show", "buyers", "--ids").out == "1\n"
    assert here("-C", shop, "segments", "show", "buyers", "--json").json["count"] == 1
    assert "customers  1" in here("-C", shop, "segments", "show", "buyers").out


def test_explain_says_what_each_line_costs(shop: Path) -> None:
    found = here("-C", shop, "segments", "show", "buyers", "--explain", "--json")
    assert (found.json["customers"], found.json["passing"]) == (5, 1)
    assert [(one["true"], one["lost"], one["alone"]) for one in found.json["clauses"]] == [
        (3, 2, 1),
        (3, 1, 0),
        (2, 1, 1),
    ]
    assert here("-C", shop, "explain", "--why-not", "buyers", "--json").out == found.out


def test_an_unknown_segment_is_told_with_the_nearest_name(shop: Path) -> None:
    answer = here("-C", shop, "segments", "show", "buyrs")
    assert answer.code == 2
    assert "buyers" in answer.err


def test_check_tells_how_each_rule_is_found(tmp_path: Path) -> None:
    text = """
      by-value: {when: {event: order_completed}, if: [event.currency == 'EUR'], then: [{stop: ok}]}
      by-event: {when: {event: order_completed}, if: [event.total > 3], then: [{stop: ok}]}
      by-change: {when: {becomes: [exists(order_completed)]}, then: [{stop: ok}]}
      birthday: {when: {schedule: {date: customer.birthday, at: "09:00"}}, then: [{stop: ok}]}
    """
    folder = bare(tmp_path, RULES + text.replace("\n      ", "\n  "))
    found = here("-C", folder, "check", "--json").json["found"]
    assert {one["rule"]: (one["trigger"], one["cost"]) for one in found} == {
        "nightly": ("when[0]", "index"), "by-value": ("when[0]", "index"), "by-event": ("when[0]", "event"),
        "by-change": ("when[0]", "change"), "birthday": ("when[0]", "plan"),
    }  # fmt: skip
    told = " ".join(here("-C", folder, "check", "--costs").out.split())
    assert "by-value when[0] indexed by event.currency == 'EUR'" in told
    assert "by-event when[0] looked at on every order_completed" in told


@pytest.mark.parametrize(
    ("each", "cost", "code"),
    [
        ("customer.country == 'DE'", "index", 0),
        ("customer.country is present", "customers", 0),
        ("exists(order_completed)", "history", 0),
        ("exists(customer_updated in last 1d)", "each", 1),
    ],
)
def test_strict_refuses_only_a_plan_for_which_every_customer_is_decided(
    tmp_path: Path, each: str, cost: str, code: int
) -> None:
    folder = bare(tmp_path, RULES.replace("customer in segment buyers", each))
    assert [one["cost"] for one in here("-C", folder, "check", "--json").json["found"]] == [cost]
    assert here("-C", folder, "check").code == 0
    assert here("-C", folder, "check", "--strict").code == code


def test_check_tells_costs_and_db_makes_the_index_that_is_missing(shop: Path) -> None:
    costs = {one["asked"]: one["cost"] for one in here("-C", shop, "check", "--json").json["costs"]}
    assert costs == {"segment buyers": "index", "segment changed": "each", "rule nightly when[0]": "index"}
    assert "decides every customer one by one" in here("-C", shop, "check", "--costs").out
    assert "not made yet" in here("-C", shop, "check", "--costs").out
    assert "make it: retain db index" in here("-C", shop, "segments", "show", "buyers").out
    assert here("-C", shop, "db", "index", "--json").json == ["customers_by_country_text"]
    assert here("-C", shop, "db", "index", "--json").json == []
    assert "not made yet" not in here("-C", shop, "check", "--costs").out
    assert "make it" not in here("-C", shop, "segments", "show", "buyers").out
    assert here("-C", shop, "segments", "show", "buyers", "--count").out == "1\n"
