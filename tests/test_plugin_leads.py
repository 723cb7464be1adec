"""Leads: who gets one, by territory, turn, weight, capacity and absence."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.errors import PermanentError
from retain.instants import DAY
from retain.model import Json
from retain_leads.actions import assign, close, reassign
from retain_leads.members import read_members
from store_view import NOON, World

ADA: dict[str, Json] = {"email": "ada@example.test"}
BEN: dict[str, Json] = {"email": "ben@example.test"}
CEM: dict[str, Json] = {"email": "cem@example.test"}


def sales(*members: dict[str, Json]) -> World:
    """A world with one team."""
    return World(teams={"sales": {"members": list(members)}})


def shared_out(world: World, count: int, strategy: str = "weighted", **inputs: Json) -> list[str]:
    """The owners of `count` new leads, in order; each is another customer's."""
    owners = []
    for customer in range(count):
        world.customer_id = customer
        output = world.do(assign, team="sales", strategy=strategy, on_nobody="queue", **inputs).output
        owners.append(output.get("owner", "nobody"))
    return owners


weights = st.lists(st.integers(1, 50), min_size=1, max_size=9)


@given(weights, st.integers(1, 1000))
def test_nobody_is_ever_a_whole_lead_away_from_the_share_that_the_weight_says(weights: list[int], count: int) -> None:
    world = sales(*({"email": f"m{index}@example.test", "weight": weight} for index, weight in enumerate(weights)))
    had: Counter[str] = Counter()
    for number, owner in enumerate(shared_out(world, min(count, 200)), start=1):
        had[owner] += 1
        for index, weight in enumerate(weights):
            exact = number * weight / sum(weights)
            assert abs(had[f"m{index}@example.test"] - exact) < 1


def test_a_thousand_leads_are_shared_out_as_the_weights_say_with_absence_and_capacity() -> None:
    away = [{"from": "2026-11-02", "to": "2026-11-06"}]
    world = sales(
        ADA | {"weight": 5},
        BEN | {"weight": 3},
        CEM | {"weight": 2, "capacity": 50},
        {"email": "dia@x.test"} | {"away": away},
    )
    had = Counter(shared_out(world, 1000))
    assert had["cem@example.test"] == 50, "full at the capacity"
    assert had["dia@x.test"] == 0, "away all week"
    # until Cem is full, ten leads go 5, 3, 2; after that eight go 5, 3
    assert had["ada@example.test"] == pytest.approx(125 + 750 * 5 / 8, abs=1)
    assert had["ben@example.test"] == pytest.approx(75 + 750 * 3 / 8, abs=1)
    assert sum(had.values()) == 1000


def test_weights_may_be_fractions_and_zero_takes_no_leads() -> None:
    had = Counter(shared_out(sales(ADA | {"weight": 1.5}, BEN | {"weight": 0.5}, CEM | {"weight": 0}), 100))
    assert had == {"ada@example.test": 75, "ben@example.test": 25}


def test_round_robin_goes_round_by_name() -> None:
    world = sales(CEM, ADA | {"name": "Zoe"}, BEN)
    owners = shared_out(world, 5, "round_robin")
    assert [owner.split("@")[0] for owner in owners] == ["ada", "ben", "cem", "ada", "ben"]


def test_round_robin_goes_on_after_the_last_one_when_that_member_has_left_the_team() -> None:
    world = sales(ADA, BEN, CEM)
    shared_out(world, 2, "round_robin")
    world.teams = {"sales": {"members": [ADA, CEM]}}
    world.customer_id = 77
    assert world.do(assign, team="sales").output["owner"] == "cem@example.test"


def test_least_loaded_gives_to_the_one_with_the_fewest_open_leads() -> None:
    world = sales(ADA, BEN)
    shared_out(world, 4, "least_loaded")
    world.customer_id = 0
    world.do(close, outcome="won")
    freed = next(record.owner for record in world.records.values() if record.kind == "lead" and record.customer == 0)
    world.customer_id = 99
    assert world.do(assign, team="sales", strategy="least_loaded").output["owner"] == freed


def test_least_loaded_still_goes_round_when_every_lead_is_closed_at_once() -> None:
    world, owners = sales(ADA, BEN), []
    for customer in range(6):
        world.customer_id = customer
        owners.append(world.do(assign, team="sales", strategy="least_loaded").output["owner"])
        world.do(close, outcome="won")
    assert all(first != second for first, second in pairwise(owners))


def test_members_who_name_the_territory_come_before_those_without_one() -> None:
    world = sales(ADA | {"territory": "north"}, BEN | {"territory": ["south", "east"]}, CEM)
    assert set(shared_out(world, 6, territory="south")) == {"ben@example.test"}
    assert set(shared_out(sales(ADA | {"territory": "north"}, CEM), 3, territory="west")) == {"cem@example.test"}


def test_where_the_territory_is_full_a_member_without_one_stands_in() -> None:
    world = sales(ADA | {"territory": "north", "capacity": 2}, BEN | {"territory": "south"}, CEM)
    assert shared_out(world, 3, territory="north") == ["ada@example.test"] * 2 + ["cem@example.test"]


def test_a_lead_without_a_territory_can_go_to_anyone() -> None:
    assert len(set(shared_out(sales(ADA | {"territory": "north"}, BEN), 2))) == 2


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=5), st.sampled_from(["round_robin", "weighted", "least_loaded"])
)
def test_no_strategy_fills_anyone_past_the_capacity(capacities: list[int], strategy: str) -> None:
    members = [{"email": f"m{index}@x.test", "capacity": capacity} for index, capacity in enumerate(capacities)]
    had = Counter(shared_out(sales(*members), 40, strategy))
    for index, capacity in enumerate(capacities):
        assert had[f"m{index}@x.test"] == capacity
    assert had["nobody"] == 40 - sum(capacities)


def test_a_member_who_was_away_comes_back_without_catching_up() -> None:
    world = sales(ADA, BEN | {"away": [{"from": "2026-11-02", "to": "2026-11-02"}]})
    assert set(shared_out(world, 10)) == {"ada@example.test"}
    world.now = NOON + DAY
    world.records = {key: record for key, record in world.records.items() if key[0] == "turn"}
    assert Counter(shared_out(world, 10)) == {"ada@example.test": 5, "ben@example.test": 5}


@pytest.mark.parametrize(
    ("span", "is_away"),
    [
        ({"from": "2026-11-02", "to": "2026-11-02"}, True),  # the whole of the last day
        ({"from": "2026-11-01", "to": "2026-11-01"}, False),
        ({"from": "2026-11-02T13:00", "to": "2026-11-03"}, False),
        ({"from": "2026-11-01", "to": "2026-11-02T12:00:00Z"}, False),  # a time is an end, not a last moment
    ],
)
def test_an_absence_lasts_to_the_end_of_its_last_day(span: dict[str, str], is_away: bool) -> None:
    (member,) = read_members({"members": [ADA | {"away": [span]}]})
    assert member.is_away(NOON) is is_away


def test_days_of_absence_are_days_of_the_team() -> None:
    (member,) = read_members(
        {"timezone": "Pacific/Auckland", "members": [ADA | {"away": [{"from": "2026-11-03", "to": "2026-11-03"}]}]}
    )
    assert member.is_away(NOON), "noon UTC on the 2nd is the 3rd in Auckland"


def test_members_may_be_written_as_a_map_by_name() -> None:
    (member,) = read_members({"members": {"Ada": ADA}})
    assert (member.name, member.email) == ("Ada", "ada@example.test")


def test_an_assignment_names_the_owner_on_the_customer_and_in_an_event() -> None:
    world = sales(ADA | {"territory": "north"})
    changes = world.do(assign, team="sales", territory="north")
    assert world.customer == {"lead_owner": "ada@example.test", "lead_state": "open"}
    assert [(event.name, event.fields) for event in changes.events] == [
        ("lead_assigned", {"owner": "ada@example.test", "team": "sales", "territory": "north"})
    ]


def test_assigning_twice_changes_nothing() -> None:
    world = sales(ADA, BEN)
    first = world.do(assign, team="sales")
    again = world.do(assign, team="sales")
    assert again.output == first.output
    assert (again.records, again.events, again.fields) == ((), (), {})


def test_reassigning_gives_the_lead_to_somebody_else() -> None:
    world = sales(ADA, BEN)
    before = world.do(assign, team="sales").output["owner"]
    changes = world.do(reassign, team="sales")
    assert changes.output["owner"] != before
    assert changes.events[0].name == "lead_reassigned"
    assert changes.events[0].fields["previous_owner"] == before
    assert sum(world.count_by_owner("lead", "open").values()) == 1


def test_reassigning_where_nobody_else_is_able_leaves_the_owner() -> None:
    world = sales(ADA)
    world.do(assign, team="sales")
    changes = world.do(reassign, team="sales", on_nobody="skip")
    assert changes.output["owner"] == "ada@example.test"
    assert changes.records == ()


def test_reassigning_a_customer_without_a_lead_assigns_one() -> None:
    assert sales(ADA).do(reassign, team="sales").events[0].name == "lead_assigned"


def test_nobody_is_an_error_unless_the_rule_says_otherwise() -> None:
    with pytest.raises(PermanentError, match="nobody in team sales can take a lead"):
        sales(ADA | {"capacity": 0}).do(assign, team="sales")


def test_nobody_and_skip_leaves_no_trace() -> None:
    world = sales()
    assert world.do(assign, team="sales", on_nobody="skip").output == {"team": "sales"}
    assert world.records == {}


def test_a_queued_lead_is_taken_by_the_next_assignment() -> None:
    world = sales(ADA | {"capacity": 0})
    world.do(assign, team="sales", on_nobody="queue")
    (queued,) = world.records_of_customer("lead")
    assert (queued.state, queued.owner) == ("queued", "")
    world.teams = {"sales": {"members": [ADA]}}
    world.do(assign, team="sales")
    (taken,) = world.records_of_customer("lead")
    assert (taken.id, taken.state, taken.owner) == (queued.id, "open", "ada@example.test")


def test_closing_frees_the_capacity_and_the_customer() -> None:
    world = sales(ADA | {"capacity": 1})
    world.do(assign, team="sales")
    changes = world.do(close, outcome="won")
    assert changes.events[0].fields == {"outcome": "won", "owner": "ada@example.test"}
    assert world.customer == {}
    world.customer_id = 2
    assert world.do(assign, team="sales").output["owner"] == "ada@example.test"


def test_closing_where_there_is_no_lead_changes_nothing() -> None:
    changes = sales(ADA).do(close, outcome="lost")
    assert changes.output == {"closed": False}
    assert changes.events == ()


def test_an_unknown_team_is_named() -> None:
    with pytest.raises(PermanentError, match="no team is called 'sale'"):
        sales(ADA).do(assign, team="sale")
