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
    found = here("-C", shop, "segments", "show", "buyers", "--explain", "--json").json
    assert found["customers"] == 5
    lines = [(line["true"], line["left"], line["lost_to_it_alone"]) for line in found["lines"]]
    assert lines == [(3, 3, 1), (3, 2, 0), (2, 1, 1)]


def test_an_unknown_segment_is_told_with_the_nearest_name(shop: Path) -> None:
    answer = here("-C", shop, "segments", "show", "buyrs")
    assert answer.code == 2
    assert "buyers" in answer.err


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
