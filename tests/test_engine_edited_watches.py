"""An edited `becomes`: the looks that the old text has asked for are nobody's any more."""

from __future__ import annotations

from decide_help import NOON, engine, plan, said
from retain.instants import DAY

QUIET = "rules:\n  q:\n    when: {becomes: [days_since(a) >= %d]}\n    then: [{post.it: {text: 'after %d'}}]\n"


def test_a_look_of_the_old_text_is_passed_over_and_the_new_text_fires_in_its_time() -> None:
    world = engine(QUIET % (30, 30))
    world.event("u1", "a")
    world.move_to(NOON + DAY)
    world.use(plan(QUIET % (45, 45)))
    world.move_to(NOON + 44 * DAY)
    assert said(world) == []
    world.move_to(NOON + 60 * DAY)
    assert said(world) == ["after 45"]


def test_a_look_of_a_rule_that_is_gone_is_passed_over() -> None:
    world = engine(QUIET % (30, 30))
    world.event("u1", "a")
    world.use(plan("rules: {r: {when: {event: b}, then: [{post.it: {text: b}}]}}"))
    world.move_to(NOON + 60 * DAY)
    assert said(world) == []


def test_an_edit_that_is_taken_back_fires_as_if_it_had_never_been() -> None:
    world = engine(QUIET % (30, 30))
    world.event("u1", "a")
    world.move_to(NOON + DAY)
    world.use(plan(QUIET % (45, 45)))
    world.event("u1", "b")
    world.move_to(NOON + 2 * DAY)
    world.use(plan(QUIET % (30, 30)))
    world.move_to(NOON + 31 * DAY)
    assert said(world) == ["after 30"]


def test_who_is_true_already_when_an_edit_is_taken_back_is_not_told_late() -> None:
    world = engine(QUIET % (30, 30))
    world.event("u1", "a")
    world.use(plan(QUIET % (90, 90)))
    world.move_to(NOON + 40 * DAY)
    world.use(plan(QUIET % (30, 30)))
    world.move_to(NOON + 60 * DAY)
    assert said(world) == []
    world.event("u1", "a")
    world.move_to(NOON + 100 * DAY)
    assert said(world) == ["after 30"]
