"""An edited `becomes`: the looks that the old text has asked for are nobody's any more."""

from __future__ import annotations

import pytest

from decide_help import NOON, engine, plan, runs, said
from retain.instants import DAY
from retain.pipeline import Options, Pipeline, paging

QUIET = "rules:\n  q:\n    when: {becomes: [days_since(a) >= %d]}\n    then: [{post.it: {text: 'after %d'}}]\n"
HIGH = "rules: {q: {when: {becomes: [customer.score >= %d]}, then: [{note.write: {text: high}}]}}"


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


@pytest.mark.parametrize("few", [1_000, 0])
def test_what_became_false_while_an_edit_was_in_force_can_become_true_again(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(paging, "FEW", few)
    world = engine(HIGH % 5)
    world.identify("u1", {"score": 9})
    world.use(plan(HIGH % 50))
    world.identify("u1", {"score": 1})
    world.use(plan(HIGH % 5))
    world.move_to(NOON + DAY)
    world.identify("u1", {"score": 9})
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["high", "high"]


DATED = "rules: {q: {when: {schedule: {date: customer.renews_at, at: '13:00'}}, then: [{note.write: {text: %s}}]}}"


@pytest.mark.parametrize("few", [1_000, 0])
def test_a_date_that_changed_while_an_edit_was_in_force_is_met_as_it_is_now(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(paging, "FEW", few)
    world = engine(DATED % "due")
    world.identify("u1", {"renews_at": "2026-01-08"})
    world.identify("u2", {"renews_at": "2026-01-08"})
    world.use(plan("rules: {r: {when: {event: b}, then: [{stop: ok}]}}"))
    world.identify("u1", {"renews_at": "2026-01-20"})
    world.identify("u2", {"renews_at": None})
    world.use(plan(DATED % "due"))
    world.move_to(NOON + 10 * DAY)
    assert said(world) == []
    world.move_to(NOON + 30 * DAY)
    assert said(world) == ["due"]


MISSED = (
    "{when: {schedule: {date: customer.renews_at, at: '%d:00', if_missed: run_once}}, then: [{note.write: {text: %s}}]}"
)


def test_a_new_schedule_leaves_those_alone_whose_instant_has_passed_while_nothing_ran() -> None:
    old = f"rules: {{q: {MISSED % (13, 'due')}}}"
    world = engine(old)
    world.identify("u1", {"renews_at": "2026-01-08"})
    new = f"{old[:-1]}, r: {MISSED % (14, 'other')}}}"
    pipeline = Pipeline(world.store, plan(new), NOON + 4 * DAY, Options())
    while pipeline.step(NOON + 4 * DAY).more:
        pass
    assert [run.rule for run in runs(world)] == ["q"]
