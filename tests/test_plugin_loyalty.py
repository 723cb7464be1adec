"""Loyalty: tiers go by one definition of spend, points come and go as events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.errors import NotFoundError, PermanentError
from retain.model import Json
from retain_loyalty.actions import earn, points_to_reverse, reverse, set_tier
from retain_loyalty.programmes import level, level_for, read_programme, spend, tier_for
from store_view import World

CLUB: dict[str, Json] = {
    "levels": [{"name": "member", "from": 0}, {"name": "silver", "from": 100}, {"name": "gold", "from": 300}]
}
NAMED = {"tiers": {"club": CLUB}}
ASKED = {"programme": "club"}


def test_a_tier_is_set_with_the_way_it_went() -> None:
    world = World(tiers=NAMED["tiers"])
    up = world.do(set_tier, programme="club", tier="gold")
    down = world.do(set_tier, programme="club", tier="silver")
    assert up.events[0].fields == {"programme": "club", "to": "gold", "direction": "up"}
    assert down.events[0].fields == {"programme": "club", "from": "gold", "to": "silver", "direction": "down"}
    assert world.customer == {"tier": "silver"}


def test_the_tier_that_the_customer_has_changes_nothing() -> None:
    world = World(tiers=NAMED["tiers"])
    world.do(set_tier, programme="club", tier="gold")
    again = world.do(set_tier, programme="club", tier="gold")
    assert (again.output, again.events) == ({"changed": False}, ())


def test_no_tier_at_all_takes_the_tier_away() -> None:
    world = World(tiers=NAMED["tiers"])
    world.do(set_tier, programme="club", tier="silver")
    world.do(set_tier, programme="club")
    assert world.customer == {}


def test_unknown_programmes_and_tiers_are_named() -> None:
    world = World(tiers=NAMED["tiers"])
    with pytest.raises(PermanentError, match="no loyalty programme is called 'clubb'"):
        world.do(set_tier, programme="clubb", tier="gold")
    with pytest.raises(NotFoundError, match="did you mean silver"):
        world.do(set_tier, programme="club", tier="silvr")


def test_points_are_whole_and_none_at_all_is_no_event() -> None:
    world = World()
    assert world.do(earn, points=49.9, order_id="o1").events[0].fields == {"points": 49, "order_id": "o1"}
    assert world.do(earn, points=0.5).events == ()


def test_a_refund_takes_points_back_in_proportion() -> None:
    changes = World().do(reverse, order_id="o1", earned=49, reversed=0, refunded=20, total=49.9)
    assert changes.events[0].fields == {"points": 19, "order_id": "o1"}


def test_a_refund_without_an_amount_takes_everything_back() -> None:
    assert World().do(reverse, order_id="o1", earned=49, reversed=19).output == {"points": 30}


def test_a_refund_that_changes_nothing_makes_no_event() -> None:
    assert World().do(reverse, order_id="o1", earned=49, reversed=49).events == ()


cents = st.integers(1, 100_000)


@given(cents, st.lists(cents, max_size=6), st.integers(0, 1000))
def test_refunds_never_take_back_more_than_was_earned_and_a_full_one_takes_all(
    total: int, refunds: list[int], earned: int
) -> None:
    refunded, taken = 0, 0
    for refund in refunds:
        refunded += refund
        taken += points_to_reverse(earned=earned, reversed_before=taken, refunded=refunded / 100, total=total / 100)
        assert 0 <= taken <= earned
    if refunded >= total:
        assert taken == earned


def test_the_default_spend_is_orders_less_refunds_within_a_year() -> None:
    assert spend(ASKED, NAMED) == ("(sum(order_completed.total in last 365d) - sum(order_refunded.total in last 365d))")


def test_a_programme_can_say_what_qualifies() -> None:
    named = {"tiers": {"club": CLUB | {"qualifies": "sum(order_completed.revenue in last 90d)"}}}
    assert spend(ASKED, named) == "(sum(order_completed.revenue in last 90d))"


def test_levels_are_asked_from_the_highest_down_whatever_their_order_in_the_file() -> None:
    turned = {"tiers": {"club": {"levels": CLUB["levels"][::-1], "qualifies": "customer.points"}}}
    assert tier_for(ASKED, turned) == (
        'case when (customer.points) >= 300 then "gold" when (customer.points) >= 100 then "silver" else "member" end'
    )
    assert level_for(ASKED, turned) == (
        "case when (customer.points) >= 300 then 2 when (customer.points) >= 100 then 1 else 0 end"
    )
    assert level(ASKED, turned) == (
        'case when customer.tier == "silver" then 1 when customer.tier == "gold" then 2 else 0 end'
    )


def test_a_programme_without_a_free_level_gives_none_below_the_lowest() -> None:
    named = {"tiers": {"club": {"levels": [{"name": "vip", "from": 500}], "qualifies": "customer.points"}}}
    assert tier_for(ASKED, named) == 'case when (customer.points) >= 500 then "vip" end'
    programme = read_programme("club", named["tiers"]["club"])
    assert [programme.rank(tier) for tier in (None, "unknown", "vip")] == [0, 0, 1]


def test_a_quote_in_the_name_of_a_tier_cannot_leave_the_text() -> None:
    named = {"tiers": {"club": {"levels": [{"name": 'so "called"', "from": 5}], "qualifies": "customer.points"}}}
    assert tier_for(ASKED, named) == 'case when (customer.points) >= 5 then "so ""called""" end'


def test_an_unknown_programme_in_an_expression_is_named() -> None:
    with pytest.raises(NotFoundError, match="did you mean club"):
        tier_for({"programme": "clubs"}, NAMED)
