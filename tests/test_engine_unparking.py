"""What was parked starts once nothing holds it, whatever became of its rule; what raises then stops nothing else."""

from __future__ import annotations

import pytest

from decide_help import NOON, effects, ends, engine, plan, runs, said
from retain.instants import DAY, HOUR
from retain.model import EffectState, RunState
from retain.pipeline import operating
from retain.pipeline.operating import migrate
from retain.testing.virtual import Answer
from test_engine_operations import ask

HELLO = "rules: {r: {when: {event: a}, then: [{post.it: {text: hello}}]}}"
OTHER = "rules: {other: {when: {event: b}, then: [{stop: ok}]}}"
RENAMED = "rules: {new: {was: r, when: {event: a}, on_change: finish, then: [{post.it: {text: hello}}]}}"
CRASHES = "rules: {r: {when: {event: a}, then: [{crash.now: {}}, {wait: 1h}, {note.write: {text: fine}}]}}"


def test_what_was_parked_for_a_rule_that_is_gone_starts_with_everything_else() -> None:
    world = engine(HELLO)
    ask(world, HELLO, "pause", scope="all")
    world.event("u1", "a")
    world.use(plan(OTHER))
    assert ask(world, OTHER, "resume", scope="all")["released"] == 1
    assert said(world) == ["hello"]


def test_what_was_parked_for_a_rule_that_is_gone_can_be_let_go_by_its_name() -> None:
    world = engine(HELLO)
    ask(world, HELLO, "pause", scope="all")
    world.event("u1", "a")
    ask(world, HELLO, "pause", scope="rule", name="r")
    ask(world, HELLO, "resume", scope="all")
    world.use(plan(OTHER))
    assert ask(world, OTHER, "resume", scope="rule", name="r", parked="drop")["dropped"][0]["reason"] == "dropped"


@pytest.mark.parametrize("name", ["r", "new"])
def test_a_renamed_rule_goes_on_by_either_name_with_what_was_parked_under_both(name: str) -> None:
    world = engine(HELLO)
    ask(world, HELLO, "pause", scope="rule", name="r")
    world.event("u1", "a")
    world.use(plan(RENAMED))
    world.event("u2", "a")
    answer = ask(world, RENAMED, "resume", scope="rule", name=name)
    assert (answer["resumed"], answer["released"], answer["still_paused"]) == (True, 2, [])
    assert said(world) == ["hello", "hello"]


@pytest.mark.parametrize("on_change", ["finish", "move"])
def test_a_pause_holds_though_the_rule_is_renamed_twice(on_change: str) -> None:
    world = engine(HELLO)
    ask(world, HELLO, "pause", scope="rule", name="r")
    once = RENAMED.replace("finish", on_change)
    world.use(plan(once))
    twice = once.replace("new:", "newer:").replace("was: r", "was: new")
    world.use(plan(twice))
    world.event("u1", "a")
    assert said(world) == []
    assert ask(world, twice, "resume", scope="rule", name="newer")["released"] == 1
    assert said(world) == ["hello"]


def test_a_parked_run_that_raises_is_held_and_the_others_start() -> None:
    world = engine(CRASHES)
    world.identify("u1", {"poison": True})
    ask(world, CRASHES, "pause", scope="rule", name="r")
    for customer in ("u1", "u2", "u3"):
        world.event(customer, "a")
    answer = ask(world, CRASHES, "resume", scope="rule", name="r")
    assert (answer["released"], answer["dropped"]) == (2, [])
    (held,) = answer["held"]
    assert held["held"] == "RuntimeError: a fault of the plugin"
    (run,) = [run for run in runs(world) if run.id == held["run"]]
    assert (run.state, run.context["held_because"]) == (RunState.HELD, held["held"])
    world.identify("u1", {"poison": False})
    assert ask(world, CRASHES, "retry_runs", ids=[run.id])["retried"] == 1
    world.move_to(NOON + DAY)
    assert (ends(world), said(world)) == (["done"] * 3, ["fine"] * 3)


def test_a_run_that_was_held_as_it_was_to_start_is_parked_again_while_its_rule_is_paused() -> None:
    world = engine(CRASHES)
    world.identify("u1", {"poison": True})
    ask(world, CRASHES, "pause", scope="rule", name="r")
    world.event("u1", "a")
    (held,) = ask(world, CRASHES, "resume", scope="rule", name="r")["held"]
    world.identify("u1", {"poison": False})
    ask(world, CRASHES, "pause", scope="rule", name="r")
    ask(world, CRASHES, "retry_runs", ids=[held["run"]])
    assert (runs(world)[0].state, said(world)) == (RunState.PARKED, [])
    assert ask(world, CRASHES, "resume", scope="rule", name="r")["released"] == 1


def test_a_run_that_cannot_be_ended_by_an_edit_stays_and_keeps_no_other_from_it() -> None:
    queue = "rules: {r: {when: {event: a}, runs: {mode: queue}, on_change: %s, then: [%s{wait: 1d}]}}"
    crash = "{crash.now: {}}, "
    world = engine(queue % ("finish", ""))
    for customer in ("u1", "u2"):
        world.event(customer, "a")
    world.use(plan(queue % ("finish", crash)))
    world.event("u1", "a")  # queued, with the new text
    world.identify("u1", {"poison": True})
    world.pipeline.use(plan(queue % ("exit", crash)), world.now)
    found = migrate(world.pipeline, world.now)
    first = runs(world)[0]
    assert (dict(found.counts), found.stayed) == ({"ended": 1, "stayed": 1}, [("r", first.id)])


@pytest.mark.parametrize("chunk", [1, 500])
def test_of_several_dead_letters_the_one_whose_retry_raises_is_refused_and_the_others_are_tried(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "_CHUNK", chunk)
    text = "rules: {r: {when: {event: a}, then: [{post.it: {text: hi}}, {crash.now: {}}]}}"
    world = engine(text, answers={"post.it": [Answer(status="in_doubt")] * 4})
    for customer in ("u1", "u2", "u3", "u4"):
        world.event(customer, "a")
    world.identify("u1", {"poison": True})
    world.move_to(NOON + HOUR)
    poisoned, *well = effects(world)
    answer = ask(world, text, "confirm_effects", ids=[poisoned.id, *(one.id for one in well)])
    assert answer == {
        "confirmed": 3,
        "refused": {poisoned.id: "what follows raises: RuntimeError: a fault of the plugin"},
    }
    assert [effect.state for effect in effects(world)] == [EffectState.IN_DOUBT, *[EffectState.DONE] * 3]
