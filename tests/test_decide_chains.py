"""A chain of events that rules cause is cut, also where it goes through a wait, an answer or a message."""

from __future__ import annotations

import pytest

from decide_help import NOON, engine, events, runs
from retain.instants import DAY
from retain.testing.virtual import VirtualEngine

STEPS = {
    "a wait": "[{wait: 1h}, {emit: a}]",
    "an event that never comes": "[{wait_for: {event: b}, up_to: 1h, else: [{emit: a}]}]",
    "an effect outside": "[{post.it: {text: hi}}, {emit: a}]",
    "nothing": "[{emit: a}]",
}


def cuts(world: VirtualEngine) -> list[str]:
    """Why chains were cut."""
    return [row.why for row in world.decisions() if row.outcome == "chain"]


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_rule_that_starts_itself_again_is_cut_at_the_limit(steps: str) -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{mode: parallel}}, then: {steps}}}}}", max_depth=3)
    world.event("c1", "a")
    world.move_to(NOON + 30 * DAY)
    assert len(runs(world)) == 4
    assert cuts(world) == ["a chain of 3 events that rules cause was cut before a"]


def test_two_rules_that_wait_for_each_other_are_cut() -> None:
    text = """
    rules:
      ping: {when: {event: a}, then: [{wait: 1d}, {emit: b}]}
      pong: {when: {event: b}, then: [{wait: 1d}, {emit: a}]}
    """
    world = engine(text)
    world.event("c1", "a")
    world.move_to(NOON + 60 * DAY)
    assert (len(runs(world)), len(cuts(world))) == (9, 1)


def test_a_run_that_goes_on_by_an_event_of_a_chain_is_a_part_of_that_chain() -> None:
    text = """
    rules:
      waits: {when: {event: a}, then: [{wait_for: {event: x}, up_to: 9d, then: [{wait: 1h}, {emit: y}]}]}
      makes: {when: {event: b}, then: [{emit: x}]}
    """
    world = engine(text)
    world.event("c1", "a")
    world.event("c1", "b")
    world.move_to(NOON + DAY)
    assert [(event.name, event.depth) for event in events(world.store)] == [("a", 0), ("b", 0), ("x", 1), ("y", 2)]


def test_what_comes_from_outside_begins_a_chain_of_its_own() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{wait: 1h}, {emit: x}]}}", max_depth=1)
    for _ in range(3):
        world.event("c1", "a")
        world.move_to(world.now + DAY)
    assert cuts(world) == []


def test_rules_that_answer_one_another_twice_each_are_cut_before_they_are_too_many() -> None:
    steps = "[{set: {stage: 2}}, {set: {stage: 3}}]"
    text = f"rules: {{a: {{when: customer_updated, then: {steps}}}, b: {{when: customer_updated, then: {steps}}}}}"
    world = engine(text.replace("when: customer_updated", "when: {event: customer_updated}"), max_chain=50)
    world.identify("c1", {"score": 1})
    assert len(events(world.store)) <= 1 + 50
    assert set(cuts(world)) == {"a chain of 50 events that one event or timer caused was cut before customer_updated"}


def test_what_is_cut_out_of_a_chain_changes_no_field() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{set: {stage: 2}}]}}", max_depth=0)
    world.event("c1", "a")
    assert cuts(world) == ["a chain of 0 events that rules cause was cut before customer_updated"]
    assert "stage" not in world.fields_of("c1")
