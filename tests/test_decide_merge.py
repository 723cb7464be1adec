"""Two customers turn out to be one: nobody's wait, limit, answer or history is lost, and nothing starts twice."""

from __future__ import annotations

import pytest

from decide_help import NOON, done, effects, ends, engine, events, outcomes, runs, said
from retain.instants import DAY, HOUR, MINUTE
from retain.model import EffectState, MessageKind
from retain.testing.virtual import VirtualEngine

ANON = "anonymous:n1"


def join(world: VirtualEngine, previous: str = "n1", user: str = "u1") -> None:
    """An alias says that two customers are one."""
    world.send(world.message(user, MessageKind.ALIAS, "", {})._replace(previous_id=previous))


def both(text: str, *, batch: int = 50) -> VirtualEngine:
    """An engine that knows u1 and, apart from it, the visitor n1."""
    world = engine(text, batch=batch)
    world.identify("u1", {"email": "u1@example.test"})
    world.event(ANON, "z")
    return world


CART = """
rules:
  r:
    when: {event: a}
    runs: {per: event.k, mode: MODE}
    then: [{wait: 1d}, {note.write: {text: "{{ event.k }} {{ event.n }}"}}]
"""


@pytest.mark.parametrize(("mode", "kept"), [("restart", "2"), ("single", "1"), ("queue", "1"), ("parallel", "1 2")])
def test_b33_of_two_runs_for_one_key_the_mode_says_which_stays(mode: str, kept: str) -> None:
    world = both(CART.replace("MODE", mode))
    world.event("u1", "a", {"k": "k", "n": 1})
    world.move_to(NOON + MINUTE)
    world.event(ANON, "a", {"k": "k", "n": 2})
    join(world)
    assert sorted(ends(world)) == sorted([""] * len(kept.split()) + ["merged"] * (2 - len(kept.split())))
    world.move_to(NOON + 2 * DAY)
    assert said(world) == [f"k {number}" for number in kept.split()]


def test_b33_runs_of_different_keys_both_go_on() -> None:
    world = both(CART.replace("MODE", "single"))
    world.event("u1", "a", {"k": "one"})
    world.event(ANON, "a", {"k": "two"})
    join(world)
    assert ends(world) == ["", ""]
    assert len({run.customer for run in runs(world)}) == 1


def test_b33_effects_of_a_run_that_ends_with_the_merge_are_cancelled() -> None:
    text = """
    policies: {email: {unknown: allow, quiet: "11:00-15:00"}}
    rules: {r: {when: {event: a}, then: [{email.send: {template: t, to: x@example.test}}]}}
    """
    world = both(text)
    world.event("u1", "a")
    world.move_to(NOON + MINUTE)
    world.event(ANON, "a")
    join(world)
    world.move_to(NOON + DAY)
    assert [effect.state for effect in effects(world)] == [EffectState.DONE, EffectState.CANCELLED]


def test_b33_histories_and_limits_add_up() -> None:
    text = """
    rules:
      r: {when: {event: b}, if: [count(a) >= 2], then: [{note.write: {text: two}}]}
      s: {when: {event: c}, runs: {at_most: 1 per 7d}, then: [{post.it: {text: hi}}]}
    """
    world = both(text)
    for customer in ("u1", ANON):
        world.event(customer, "a")
    world.event(ANON, "c")
    join(world)
    for name in ("b", "c"):
        world.event("u1", name)
    assert outcomes(world, "r") == {"started": 1}
    assert outcomes(world, "s") == {"started": 1, "at_most": 1}


@pytest.mark.parametrize(("first", "second", "sent"), [
    ((ANON, False), ("u1", True), True),  # a later grant
    (("u1", True), (ANON, False), False),
])  # fmt: skip
@pytest.mark.parametrize("batch", [1, 50])
def test_b33_a_withdrawal_wins_unless_a_later_grant(
    first: tuple[str, bool], second: tuple[str, bool], sent: bool, batch: int
) -> None:
    text = """
    policies: {email: {consent: marketing, unknown: allow}}
    rules: {r: {when: {event: a}, then: [{email.send: {template: t}}]}}
    """
    world = both(text, batch=batch)
    for minute, (customer, granted) in enumerate((first, second), 1):
        world.move_to(NOON + minute * MINUTE)
        world.consent(customer, {"marketing": granted})
    world.send(
        world.message("u1", MessageKind.IDENTIFY, "customer_updated", {})._replace(anonymous_id="n1"),
        world.message("u1", MessageKind.TRACK, "a", {}),
    )
    assert done(world) == (["email.send"] if sent else [])


def test_b33_fields_go_by_their_last_writer() -> None:
    world = both("rules: {r: {when: {event: a}, then: [{stop: ok}]}}")
    world.identify("u1", {"score": 1, "stage": 1})
    world.move_to(NOON + MINUTE)
    world.identify(ANON, {"score": 2})
    join(world)
    assert world.fields_of("u1") == {"email": "u1@example.test", "score": 2, "stage": 1}


def test_a_merge_is_an_event() -> None:
    world = both("rules: {r: {when: {event: customers_merged}, then: [{note.write: {text: '{{ event.absorbed }}'}}]}}")
    join(world)
    assert said(world) == ["anonymous:n1"]
    assert [event.name for event in events(world.store)].count("customers_merged") == 1


def test_what_becomes_true_by_the_merge_fires() -> None:
    world = both("rules: {r: {when: {becomes: [count(a) >= 2]}, then: [{note.write: {text: two}}]}}")
    for customer in ("u1", ANON):
        world.event(customer, "a")
    join(world)
    assert said(world) == ["two"]


def test_an_edge_that_either_has_used_up_is_used_up() -> None:
    for first in ("u1", ANON):
        world = both("rules: {r: {when: {becomes: [customer.score < 40]}, runs: {mode: parallel}, then: [{stop: ok}]}}")
        world.identify(first, {"score": 30})
        join(world)
        world.identify("u1", {"score": 20})
        assert outcomes(world, "r") == {"started": 1}


@pytest.mark.parametrize("ordered", ["u1", ANON])
def test_the_next_look_of_either_is_kept(ordered: str) -> None:
    world = both("rules: {r: {when: {becomes: [days_since(a) >= 2]}, then: [{note.write: {text: quiet}}]}}")
    world.event(ordered, "a")
    world.move_to(NOON + HOUR)
    join(world)
    world.move_to(NOON + 3 * DAY)
    assert said(world) == ["quiet"]


@pytest.mark.parametrize("born", ["u1", ANON])
def test_the_birthday_of_either_is_kept_and_kept_once(born: str) -> None:
    world = both('rules: {r: {when: {schedule: {yearly: customer.birth_date, at: "13:00"}}, then: [{stop: ok}]}}')
    world.identify(born, {"birth_date": "1990-01-06"})
    join(world)
    world.move_to(NOON + 9 * DAY)
    assert ends(world) == ["stop"]


def test_a_merge_of_a_merge_leaves_one() -> None:
    world = both("rules: {r: {when: {event: a}, then: [{wait: 1d}, {note.write: {text: once}}]}}")
    for customer in ("u1", "u2", ANON):
        world.event(customer, "a")
    world.send(
        world.message("u1", MessageKind.ALIAS, "", {})._replace(previous_id="n1"),
        world.message("u2", MessageKind.ALIAS, "", {})._replace(previous_id="u1"),
    )
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["once"]
    assert sorted(ends(world)) == ["done", "merged", "merged"]


@pytest.mark.parametrize("batch", [1, 50])
def test_effects_follow_their_runs_through_a_merge_of_a_merge(batch: int) -> None:
    world = both("rules: {r: {when: {event: a}, then: [{post.it: {text: hi}}]}}", batch=batch)
    world.event(ANON, "a")
    world.event("u2", "z")
    world.send(
        world.message("u1", MessageKind.ALIAS, "", {})._replace(previous_id="n1"),
        world.message("u2", MessageKind.ALIAS, "", {})._replace(previous_id="u1"),
    )
    survivor = world.store.find_customer("u2")
    assert survivor is not None
    assert [found.customer for found in (*effects(world), *runs(world))] == [survivor.id] * 2
