"""What people do by hand, through the pipeline and the store: release what is parked, stop, retry, drop."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from decide_help import NOON, effects, ends, engine, outcomes, registry, ruleset, runs, said, schema
from retain.app.commands.desk import Desk
from retain.app.commands.table import COMMANDS, run_command
from retain.app.projects.project import Project
from retain.clock import FixedClock
from retain.config.settings import Config
from retain.deliver.hooks import Hooks
from retain.deliver.loading import LoadedPlugins
from retain.instants import DAY, HOUR
from retain.language.message_templates import MessageTemplates
from retain.model import EffectState, Json, MessageKind, RunState
from retain.pipeline import Pipeline
from retain.testing.virtual import Answer, VirtualEngine

RESTARTS = """
rules:
  r:
    when: {event: a}
    runs: {mode: restart}
    then:
      - post.it: {text: "{{ event.k }}"}
      - wait: 1h
      - post.it: {text: later}
"""
BREAKS = """
rules:
  r:
    when: {event: a}
    breaker: 2 per 1d
    then: [{post.it: {text: hi}}]
"""


CALLS = """
rules:
  r:
    when: {event: a}
    then:
      - task.create: {title: Call}
      - wait_for: {event: task_closed}
        id: closed
        up_to: 3d
        then: [{post.it: {text: closed}}]
"""


def desk_of(world: VirtualEngine, text: str) -> Desk:
    """A desk beside a virtual engine."""
    project = Project(
        dir=Path(), config=Config(project_dir=Path()), plugins=LoadedPlugins(registry(), Hooks()), schema=schema(),
        templates=MessageTemplates(), ruleset=ruleset(text), files=(), problems=(),
    )  # fmt: skip
    return Desk(project, world.pipeline, FixedClock(world.now))


def ask(world: VirtualEngine, text: str, command: str, **args: Json) -> Json:
    """A command by a person, at the engine's present instant, and what is due at once after it."""
    answer = run_command(desk_of(world, text), command, "ann", args)
    world.move_to(world.now)
    return answer


def test_a_pause_parks_starts_and_holds_waits_and_a_resume_lets_both_go() -> None:
    world = engine(RESTARTS)
    world.event("u1", "a", {"k": "one"})
    ask(world, RESTARTS, "pause", scope="rule", name="r")
    world.event("u2", "a", {"k": "two"})
    world.move_to(NOON + 3 * HOUR)
    assert said(world) == ["one"]
    answer = ask(world, RESTARTS, "resume", scope="rule", name="r")
    assert (answer["resumed"], answer["released"], answer["dropped"]) == (True, 1, [])
    assert sorted(said(world)) == ["later", "one", "two"]


def test_of_several_parked_runs_of_one_key_restart_keeps_the_newest() -> None:
    world = engine(RESTARTS)
    ask(world, RESTARTS, "pause", scope="all")
    world.event("u1", "a", {"k": "one"})
    world.event("u1", "a", {"k": "two"})
    answer = ask(world, RESTARTS, "resume", scope="all")
    assert (answer["released"], [run["reason"] for run in answer["dropped"]]) == (1, ["restart"])
    assert said(world) == ["two"]


def test_what_was_parked_too_long_ago_is_dropped_and_listed() -> None:
    world = engine(RESTARTS)
    ask(world, RESTARTS, "pause", scope="rule", name="r")
    world.event("u1", "a", {"k": "one"})
    world.move_to(NOON + 2 * DAY)
    answer = ask(world, RESTARTS, "resume", scope="rule", name="r")
    assert (answer["released"], [run["reason"] for run in answer["dropped"]]) == (0, ["late"])
    assert ends(world) == ["late"]


def test_a_breaker_counts_anew_once_a_person_has_resumed_the_rule() -> None:
    world = engine(BREAKS)
    for customer in ("u1", "u2", "u3"):
        world.event(customer, "a")
    assert outcomes(world, "r") == {"started": 2, "parked": 1}
    world.move_to(NOON + HOUR)
    assert ask(world, BREAKS, "resume", scope="rule", name="r")["released"] == 1
    world.event("u4", "a")
    assert outcomes(world, "r") == {"started": 3, "parked": 1}


def test_a_breaker_that_a_person_has_reset_stays_reset_after_a_restart() -> None:
    world = engine(BREAKS)
    for customer in ("u1", "u2", "u3"):
        world.event(customer, "a")
    world.move_to(NOON + HOUR)
    ask(world, BREAKS, "resume", scope="rule", name="r")
    world.pipeline = Pipeline(world.store, world.plan, world.now, world.pipeline.options)
    world.event("u4", "a")
    world.event("u5", "a")
    assert outcomes(world, "r") == {"started": 4, "parked": 1}


def test_a_dead_letter_that_is_retried_lets_its_run_go_on() -> None:
    world = engine(RESTARTS, answers={"post.it": [Answer(status="dead", reason="no such address")]})
    world.event("u1", "a", {"k": "one"})
    (dead,) = effects(world)
    assert (dead.state, runs(world)[0].state) == (EffectState.DEAD, RunState.HELD)
    assert ask(world, RESTARTS, "retry_effects", ids=[dead.id]) == {"retried": 1, "refused": {}}
    world.move_to(NOON + HOUR)
    assert ends(world) == ["done"]
    assert ask(world, RESTARTS, "retry_effects", ids=[dead.id])["refused"] == {dead.id: "it is done"}


def test_a_step_that_failed_for_want_of_a_value_is_done_anew() -> None:
    text = "rules:\n  r:\n    when: {event: a}\n    then: [{post.it: {text: '{{ customer.home_zone }}'}}]\n"
    world = engine(text)
    world.event("u1", "a")
    (dead,) = effects(world)
    world.identify("u1", {"home_zone": "Europe/Berlin"})
    assert ask(world, text, "retry_effects", ids=[dead.id])["retried"] == 1
    assert (said(world), ends(world)) == (["Europe/Berlin"], ["done"])


def test_a_dropped_effect_ends_its_run_as_failed_and_frees_the_key() -> None:
    world = engine(RESTARTS, answers={"post.it": [Answer(status="in_doubt")]})
    world.event("u1", "a", {"k": "one"})
    (doubtful,) = effects(world)
    assert ask(world, RESTARTS, "drop_effects", ids=[doubtful.id])["dropped"] == 1
    assert (ends(world), effects(world)[0].state) == (["failed"], EffectState.DROPPED)


GIVES = """
rules:
  r:
    when: {event: a}
    then:
      - ACTION: {text: first}
        id: sent
      - note.write: {text: "{{ steps.sent.id }}"}
"""


def test_an_effect_in_doubt_that_a_person_confirms_lets_its_run_go_on_as_if_it_had_answered() -> None:
    text = GIVES.replace("ACTION", "post.it")
    world = engine(text, answers={"post.it": [Answer(status="in_doubt")]})
    world.event("u1", "a")
    (doubtful,) = effects(world)
    assert ask(world, text, "confirm_effects", ids=[doubtful.id], output={"id": "p7"})["confirmed"] == 1
    assert (said(world), ends(world)) == (["first", "p7"], ["done"])
    assert (effects(world)[0].state, effects(world)[0].output) == (EffectState.DONE, {"id": "p7"})
    row = world.store.list_audit()[0]
    assert (row.who, row.what, row.details["ids"]) == ("ann", "confirm_effects", [doubtful.id])
    assert ask(world, text, "confirm_effects", ids=[doubtful.id])["refused"] == {doubtful.id: "it is done"}


def test_an_effect_in_doubt_that_its_run_did_not_wait_for_can_be_confirmed_too() -> None:
    text = "rules: {r: {when: {event: a}, then: [{post.skip: {text: first}}, {wait: 1d}]}}"
    world = engine(text, answers={"post.skip": [Answer(status="in_doubt")]})
    world.event("u1", "a")
    (doubtful,) = effects(world)
    assert ask(world, text, "confirm_effects", ids=[doubtful.id])["confirmed"] == 1
    assert (effects(world)[0].state, runs(world)[0].state) == (EffectState.DONE, RunState.WAITING)


def test_only_what_an_action_gives_can_be_confirmed_with_it() -> None:
    text = GIVES.replace("ACTION", "post.it")
    world = engine(text, answers={"post.it": [Answer(status="in_doubt")]})
    world.event("u1", "a")
    (doubtful,) = effects(world)
    answer = ask(world, text, "confirm_effects", ids=[doubtful.id], output={"code": "x"})
    assert answer["refused"] == {doubtful.id: "post.it gives no code"}
    assert effects(world)[0].state is EffectState.IN_DOUBT


def test_a_confirmed_message_counts_for_the_cap() -> None:
    text = """
    policies: {email: {unknown: allow, caps: ["1 per 1d"]}}
    rules:
      r:
        when: {event: a}
        runs: {mode: parallel}
        then: [{email.send: {template: x, to: ann@example.test}}]
    """
    world = engine(text, answers={"email.send": [Answer(status="in_doubt")]})
    world.event("u1", "a")
    (doubtful,) = effects(world)
    ask(world, text, "confirm_effects", ids=[doubtful.id])
    world.event("u1", "a")
    assert [(effect.state, effect.reason) for effect in effects(world)][1] == (EffectState.REFUSED, "cap")


def test_a_stopped_run_does_nothing_more() -> None:
    world = engine(RESTARTS)
    world.event("u1", "a", {"k": "one"})
    assert ask(world, RESTARTS, "stop_run", run=runs(world)[0].id)["stopped"]
    world.move_to(NOON + DAY)
    assert (ends(world), said(world)) == (["stopped"], ["one"])


def test_messages_are_accepted_as_plain_json_and_each_once() -> None:
    world = engine(RESTARTS)
    given = [msgspec.to_builtins(world.message("u1", MessageKind.TRACK, "a", {"k": "one"}))]
    assert ask(world, RESTARTS, "accept", messages=given) == {"accepted": 1, "duplicates": 0}
    assert ask(world, RESTARTS, "accept", messages=given) == {"accepted": 0, "duplicates": 1}
    assert said(world) == ["one"]


def test_a_task_is_closed_by_the_event_that_says_so() -> None:
    world = engine(CALLS)
    world.event("u1", "a")
    (task,) = world.store.list_records("task")
    assert ask(world, CALLS, "close_task", task=task.id) == {"task": task.id, "closed": True}
    assert ask(world, CALLS, "close_task", task=task.id) == {"task": task.id, "closed": False}
    assert said(world) == ["closed"]


@pytest.mark.parametrize("command", ["pause", "stop_run", "retry_effects", "accept"])
def test_every_command_says_who_and_what_in_the_audit_trail(command: str) -> None:
    world = engine(RESTARTS)
    world.event("u1", "a", {"k": "one"})
    args = {"pause": {"scope": "all"}, "stop_run": {"run": runs(world)[0].id}, "retry_effects": {"ids": []}}
    ask(world, RESTARTS, command, **args.get(command, {"messages": []}))
    row = world.store.list_audit()[0]
    assert (row.who, row.what) == ("ann", command)
    assert command in COMMANDS


RAISES = """
rules:
  r:
    when: {event: a}
    then:
      - wait: 1h
      - crash.now: {}
      - note.write: {text: after}
"""


def held_by_a_fault(text: str = RAISES) -> VirtualEngine:
    """An engine in which the end of a wait could not be decided."""
    world = engine(text)
    world.identify("u1", {"poison": True})
    world.event("u1", "a")
    world.move_to(NOON + 2 * HOUR)
    assert runs(world)[0].state is RunState.HELD
    return world


def test_a_run_that_is_held_because_its_timer_raised_can_try_again() -> None:
    world = held_by_a_fault()
    (run,) = runs(world)
    world.identify("u1", {"poison": None})
    assert ask(world, RAISES, "retry_runs", ids=[run.id]) == {"retried": 1, "refused": {}}
    assert (said(world), ends(world)) == (["after"], ["done"])
    assert "held_because" not in runs(world)[0].context


def test_a_run_whose_timer_raises_again_is_held_again_with_the_reason() -> None:
    world = held_by_a_fault()
    (run,) = runs(world)
    ask(world, RAISES, "retry_runs", ids=[run.id])
    (run,) = runs(world)
    assert (run.state, run.context["held_because"]) == (RunState.HELD, "RuntimeError: a fault of the plugin")


def test_a_run_that_waited_for_an_event_when_its_timer_raised_takes_the_way_of_nothing_came() -> None:
    text = RAISES.replace("- wait: 1h", "- wait_for: {event: b}\n        up_to: 1h\n        else: [{crash.now: {}}]")
    world = held_by_a_fault(text)
    (run,) = runs(world)
    world.identify("u1", {"poison": None})
    ask(world, text, "retry_runs", ids=[run.id])
    assert (said(world), ends(world)) == (["after"], ["done"])


def test_a_run_held_at_a_dead_letter_is_not_retried_but_its_effect_is_named() -> None:
    text = "rules: {r: {when: {event: a}, then: [{post.it: {text: hi}}]}}"
    world = engine(text, answers={"post.it": [Answer(status="dead")]})
    world.event("u1", "a")
    (run,), (effect,) = runs(world), effects(world)
    refused = ask(world, text, "retry_runs", ids=[run.id, "none"])["refused"]
    assert refused == {
        run.id: f"it waits for its effect: retain effects retry {effect.id}",
        "none": "there is no such run",
    }


def test_a_breaker_that_opens_is_in_the_audit_trail() -> None:
    world = engine(BREAKS)
    for name in ("u1", "u2", "u3", "u4"):
        world.event(name, "a")
    (row,) = world.store.list_audit()
    assert (row.who, row.what, row.details["name"]) == ("breaker", "pause", "r")


def test_the_audit_trail_is_narrowed_by_person_command_and_time() -> None:
    world = engine(BREAKS)
    for at, who in ((NOON, "ann"), (NOON + HOUR, "ben")):
        world.store.audit(who, "pause", {"scope": "all", "name": ""}, at=at)
    assert [row.who for row in world.store.list_audit(who="ann")] == ["ann"]
    assert [row.who for row in world.store.list_audit(since=NOON + 1)] == ["ben"]
    assert [row.who for row in world.store.list_audit(until=NOON + 1, what=["pause"])] == ["ann"]
    assert world.store.list_audit(what=["resume"]) == []
