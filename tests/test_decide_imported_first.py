"""A customer who is known by an imported consent alone comes into being with the first event, as everybody else."""

from __future__ import annotations

import pytest

from decide_help import NOON, engine, said
from retain.instants import DAY
from retain.model import MessageKind
from retain.pipeline import Pipeline
from retain.testing.virtual import VirtualEngine
from test_engine_operations import ask

RULES = """
rules:
  welcome: {when: {event: customer_created}, runs: {mode: parallel}, then: [{note.write: {text: welcome}}]}
  quiet: {when: {becomes: [not exists(a in last 10d)]}, then: [{note.write: {text: quiet}}]}
"""


def agreed(world: VirtualEngine, *keys: str) -> None:
    """Answers from elsewhere."""
    rows = [{"customer": key, "purpose": "marketing", "granted": True} for key in keys]
    ask(world, RULES, "import_consents", rows=rows)


@pytest.mark.parametrize("restarted", [False, True])
def test_who_agreed_before_is_created_by_the_first_event_and_by_no_other(restarted: bool) -> None:
    world = engine(RULES)
    agreed(world, "user:u1")
    assert said(world) == []
    world.event("u1", "b")
    assert sorted(said(world)) == ["quiet", "welcome"]
    if restarted:
        world.pipeline = Pipeline(world.store, world.plan, world.now, world.pipeline.options)
    world.event("u1", "b")
    world.move_to(NOON + DAY)
    assert sorted(said(world)) == ["quiet", "welcome"]


def test_history_starts_nothing_for_who_agreed_before_either() -> None:
    world = engine(RULES)
    agreed(world, "user:u1")
    world.send(world.message("u1", MessageKind.TRACK, "b", {})._replace(historical=True))
    world.event("u1", "b")
    assert said(world) == []


def test_a_visitor_who_turns_out_to_be_somebody_who_agreed_before_is_not_created_twice() -> None:
    world = engine(RULES)
    agreed(world, "user:u1")
    world.event("anonymous:v1", "b")
    assert said(world).count("welcome") == 1
    joins = world.message("u1", MessageKind.IDENTIFY, "customer_updated", {})
    world.send(joins._replace(anonymous_id="v1"))
    world.event("u1", "b")
    assert said(world).count("welcome") == 1


def test_two_who_only_agreed_and_are_joined_are_created_as_one() -> None:
    world = engine(RULES)
    agreed(world, "user:u1", "anonymous:v1")
    joins = world.message("u1", MessageKind.IDENTIFY, "customer_updated", {})
    world.send(joins._replace(anonymous_id="v1"))
    world.event("u1", "b")
    assert said(world).count("welcome") == 1
