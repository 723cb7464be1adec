"""What a text of the language is read as, and what no text can do to the reader."""

from __future__ import annotations

import random
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language_help import SETTINGS
from retain.errors import ConditionError
from retain.language.checking.expressions import read_condition, read_value
from retain.language.checking.guards import key
from retain.language.syntax import ast
from retain.language.syntax.ast import Literal_, Node, Window
from retain.language.syntax.parser import parse
from retain.language.syntax.source import TextSource

DAY = 86_400_000
VALID = [
    "event.total >= 20 and customer.email is present",
    "customer.country in [DE, AT] or not (customer.age between 18 and 29)",
    "count(order_completed where channel == 'web' and total > 5.5 in last 30d) >= 3",
    "sum(order_completed.total where currency == 'EUR' between 60d and 30d ago) / 2 < 100",
    "ratio(email_opened, email_sent in last 10 calendar days) < 0.1",
    "case when customer.vip then 1 when customer.age > 3 then 2 else -3 end + 4 * 2 - 1 > 2",
    "customer.tags contains any of [a, 'b c', 5] and customer.tags contains all [x]",
    "customer.email ends with '@example.com' or customer.email not starts with 'x'",
    "days_since(customer.created_at) > 30 and days_since('Order Completed' this month) < 4",
    "customer not in segment vip and customer in segment known # a comment",
    "default(customer.age, 0) + round(customer.score, 2) < least(1, 2, 3) * abs(-5)",
    "exists(order_completed where products.category contains 'shoes' since 2026-01-31)",
    "count(order_completed since start) == 0 and customer.plan changed and metrics.spend > 1h30m",
    "level(main) == 'gold' and orders(30d) > 2",
    "default(customer.birth_date, '2000-01-01') < customer.created_at and days_until('2026-12-24') < 5",
    "greatest(event.total, 5.5) + customer.ltv - 0.5 >= least(1, customer.score) and customer.sizes contains 4",
]


def read(text: str) -> Node:
    return parse(TextSource(text))


@pytest.mark.parametrize("text", VALID)
def test_every_form_of_the_language_is_read(text: str) -> None:
    read(text)


def same(one: str, other: str) -> bool:
    return key(read(one)) == key(read(other))


def test_words_may_be_written_in_capitals_and_one_equals_sign_is_enough() -> None:
    assert same("customer.age = 3 AND NOT Customer.vip", "customer.age == 3 and not customer.vip")


def test_and_binds_more_than_or_and_not_more_than_and() -> None:
    assert same(
        "customer.a or customer.b and not customer.c == 1", "customer.a or (customer.b and (not (customer.c == 1)))"
    )


def test_products_bind_more_than_sums_and_both_go_from_left_to_right() -> None:
    assert same("1 - 2 - 3 * 4 / 5 > 0", "((1 - 2) - ((3 * 4) / 5)) > 0")


def test_the_and_of_between_belongs_to_it() -> None:
    assert same("customer.a between 1 and 2 and customer.b", "(customer.a between 1 and 2) and customer.b")


def test_bare_names_in_lists_are_texts_with_dashes_and_all() -> None:
    node = read("customer.x in [DE, in-progress, 'a b', 5, -2.5, true]")
    assert isinstance(node, ast.In)
    assert [item.value for item in node.items] == ["DE", "in-progress", "a b", 5, -2.5, True]


def test_a_quote_inside_a_text_is_written_twice() -> None:
    node = read("customer.x == 'it''s' or customer.x == \"it's\"")
    assert [part.value for part in node.walk() if isinstance(part, Literal_)] == ["it's", "it's"]


@pytest.mark.parametrize(
    ("written", "window"),
    [
        ("in last 30d", Window(form="last", near=30 * DAY)),
        ("in last 1h30m", Window(form="last", near=5_400_000)),
        ("in last 3 calendar days", Window(form="calendar_days", count=3)),
        ("between 60d and 30d ago", Window(form="between", near=30 * DAY, far=60 * DAY)),
        ("between 30d and 60d ago", Window(form="between", near=30 * DAY, far=60 * DAY)),
        ("since 2026-01-31", Window(form="since", at="2026-01-31")),
        ("since '2026-01-31'", Window(form="since", at="2026-01-31")),
        ("since start", Window(form="start")),
        ("this quarter", Window(form="this", unit="quarter")),
    ],
)
def test_windows(written: str, window: Window) -> None:
    alone, after_where = read(f"count(e {written})"), read(f"count(e where a between 1 and 2 and b {written})")
    assert isinstance(alone, ast.History)
    assert isinstance(after_where, ast.History)
    assert alone.window == after_where.window == window


def test_inside_where_a_bare_name_is_a_field_of_the_event_looked_at() -> None:
    node = read("count(e where total > event.total)")
    assert [part.path for part in node.walk() if isinstance(part, ast.RowField)] == ["total"]
    assert [part.path for part in node.walk() if isinstance(part, ast.Field)] == ["total"]


def test_a_part_knows_its_own_text() -> None:
    text = "(customer.a or customer.b) and (customer.c > 1)"
    node = read(text)
    assert isinstance(node, ast.And)
    assert text[node.start : node.end] == text
    assert [text[part.start : part.end] for part in node.parts] == ["customer.a or customer.b", "customer.c > 1"]


def test_a_long_flat_text_is_no_deep_one() -> None:
    read(" or ".join(["customer.age == 1"] * 150))


def assert_sound(text: str) -> None:
    """A text is read and checked, or refused by its one way; nothing else can happen."""
    source = TextSource(text)
    try:
        node = parse(source)
    except ConditionError as error:
        place = error.problem.place
        assert place.line >= 1
        assert 1 <= place.column <= len(text) + 1
        return
    for part in node.walk():
        assert 0 <= part.start <= part.end <= len(text)
        assert {item.name for item in fields(part)} >= {"start", "end", "type"}
    for env in (SETTINGS["rule"], SETTINGS["segment"]):
        for reader in (read_condition, read_value):
            checked, problems = reader(source, env)
            assert (checked is None) == any(problem.severity == "error" for problem in problems)
            if checked is not None:
                assert all(part.type is not None for part in checked.walk())
                assert not any(isinstance(part, ast.Name | ast.PluginCall) for part in checked.walk())


ALPHABET = "abcde_ .,'\"()[]<>=!+-*/#0123456789dhm\n&|%{}äß\x00"
USED = sorted({word for text in VALID for word in text.replace("(", " ( ").replace(")", " ) ").split()})
WORDS = [
    *USED,
    "event.total",
    "customer.tags",
    "order_completed",
    "not",
    "in",
    "ago",
    "last",
    "[",
    "]",
    "end",
    "'",
    "-",
]


def random_text(rng: random.Random) -> str:
    """Letters at random, words at random, or a valid text with a few places changed."""
    kind = rng.randrange(3)
    if kind == 0:
        return "".join(rng.choice(ALPHABET) for _ in range(rng.randrange(60)))
    if kind == 1:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(16)))
    text = rng.choice(VALID)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text) + 1)
        cut = rng.randrange(4)
        put = rng.choice(["", rng.choice(ALPHABET), rng.choice(WORDS), f" {rng.choice(WORDS)} "])
        text = text[:at] + put + text[at + cut :]
    return text


def test_three_thousand_random_texts_are_read_or_refused() -> None:
    rng = random.Random(17)
    for _ in range(3_000):
        assert_sound(random_text(rng))


@pytest.mark.long
def test_a_hundred_thousand_random_texts_are_read_or_refused() -> None:
    rng = random.Random(18)
    for _ in range(100_000):
        assert_sound(random_text(rng))


@given(st.text(max_size=200))
def test_any_text_at_all_is_read_or_refused(text: str) -> None:
    assert_sound(text)


@pytest.mark.parametrize(
    "piece", ["(", "not ", "-", "[", "case when ", "abs(", "customer.a + ", "count(e where ", "- "]
)
def test_no_depth_of_nesting_breaks_the_reader(piece: str) -> None:
    for count in (10, 31, 32, 33, 500, 8_000 // len(piece)):
        assert_sound(piece * count)
        assert_sound(piece * count + "1")


@pytest.mark.parametrize(("written", "meant"), [("=>", "'>='"), ("=<", "'<='")])
def test_a_comparison_whose_signs_are_swapped_is_told_the_right_way_round(written: str, meant: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(TextSource(f"event.total {written} 30"))
    assert caught.value.problem.help == f"write {meant}"
