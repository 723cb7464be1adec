"""The life of a run: what wakes it, what ends it, what its steps read, and what counts as success."""

from __future__ import annotations

from collections import Counter

import pytest

from decide_help import NOON, done, ends, engine, events, instant, runs, said
from retain.instants import DAY, HOUR, MINUTE
from retain.model import MessageKind, RunState
from retain.testing.virtual import Answer

# One event, several matches

BOTH = """
rules:
  r:
    when: {event: a}
    goal: {event: b, within: 2d}
    exit_when: {event: b}
    then:
      - wait_for: {event: b}
        up_to: 1d
        then: [{note.write: {text: met}}]
"""


def test_b4_of_goal_exit_and_wait_the_first_that_matches_wins() -> None:
    for text, end in (
        (BOTH, "goal"),
        (BOTH.replace("    goal: {event: b, within: 2d}\n", ""), "b"),
    ):
        world = engine(text)
        world.event("c1", "a")
        world.event("c1", "b")
        assert (ends(world), said(world)) == ([end], [])


def test_b4_the_event_that_starts_a_run_never_exits_or_wakes_it() -> None:
    text = """
    rules:
      r:
        when: {event: a}
        runs: {mode: parallel}
        exit_when: {event: a}
        then:
          - wait_for: {event: a}
            up_to: 1d
    """
    world = engine(text)
    world.event("c1", "a")
    assert ends(world) == [""]
    world.event("c1", "a")
    assert ends(world) == ["a", ""]


def test_b4_waiting_runs_come_before_starts_so_that_an_exit_frees_the_key() -> None:
    world = engine("rules: {r: {when: {event: a}, exit_when: {event: a}, then: [{wait: 1d}]}}")
    for _ in range(3):
        world.event("c1", "a")
    assert ends(world) == ["a", "a", ""]


def test_b4_rules_start_in_the_order_of_their_ids() -> None:
    rules = ", ".join(f"r{name}: {{when: {{event: a}}, then: [{{note.write: {{text: {name}}}}}]}}" for name in "cab")
    world = engine(f"rules: {{{rules}}}")
    world.event("c1", "a")
    assert said(world) == ["a", "b", "c"]


# wait_for

ANSWER = """
rules:
  r:
    when: {event: a}
    then:
      - wait: 1h
      - wait_for: {event: b}
        id: answer
        up_to: 1d
        then: [{note.write: {text: "{{ steps.answer.event.k }}"}}]
        else: [{note.write: {text: late}}]
"""


def test_an_awaited_event_is_read_as_steps_id_event() -> None:
    world = engine(ANSWER)
    world.event("c1", "a")
    world.move_to(NOON + 2 * HOUR)
    world.event("c1", "b", {"k": "k7"})
    assert said(world) == ["k7"]


def test_what_does_not_come_takes_else_at_its_deadline() -> None:
    world = engine(ANSWER)
    world.event("c1", "a")
    world.move_to(NOON + HOUR + DAY - 1)
    assert said(world) == []
    world.move_to(NOON + HOUR + DAY)
    assert said(world) == ["late"]


def test_b5_since_start_counts_what_came_before_the_step() -> None:
    for text, expected in ((ANSWER, "late"), (ANSWER.replace("up_to", "since: start\n        up_to"), "early")):
        world = engine(text)
        world.event("c1", "a")
        world.event("c1", "b", {"k": "early"})
        world.move_to(NOON + 3 * DAY)
        assert said(world) == [expected]


def test_a_level_that_holds_already_is_not_waited_for() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{wait_for: {becomes: [customer.activated]}, up_to: 1d}, {note.write: {text: on}}]}
    """
    world = engine(text)
    world.identify("c1", {"activated": True})
    world.event("c1", "a")
    assert said(world) == ["on"]


def test_a_level_that_time_alone_brings_is_met_at_its_instant() -> None:
    text = """
    rules:
      r:
        when: {event: a}
        then:
          - wait_for: {becomes: [not exists(b in last 3h)]}
            up_to: 1d
            then: [{note.write: {text: quiet}}]
    """
    world = engine(text)
    world.event("c1", "b")
    world.event("c1", "a")
    world.move_to(NOON + 3 * HOUR)
    assert said(world) == []
    world.move_to(NOON + 3 * HOUR + 1)
    assert said(world) == ["quiet"]


# Goals


def test_b29_a_run_whose_steps_are_done_is_watched_for_its_goal_and_its_key_is_free() -> None:
    text = "rules: {r: {when: {event: a}, goal: {event: b, within: 2d}, then: [{note.write: {text: hi}}]}}"
    world = engine(text)
    world.event("c1", "a")
    (run,) = runs(world)
    assert (run.state, run.ended_by, run.is_live) == (RunState.WATCHED, "done", False)
    world.event("c1", "a")
    world.move_to(NOON + 2 * DAY - 1)
    world.event("c1", "b")
    assert ends(world) == ["goal", "goal"]


def test_b29_a_goal_after_its_time_is_none() -> None:
    world = engine("rules: {r: {when: {event: a}, goal: {event: b, within: 2d}, then: [{note.write: {text: hi}}]}}")
    world.event("c1", "a")
    world.move_to(NOON + 2 * DAY + 1)
    world.event("c1", "b")
    assert [(run.state, run.ended_by) for run in runs(world)] == [(RunState.ENDED, "done")]


def test_b29_an_exit_does_not_concern_a_run_whose_steps_are_done() -> None:
    text = "rules: {r: {when: {event: a}, exit_when: {event: x}, goal: {event: b}, then: [{note.write: {text: hi}}]}}"
    world = engine(text)
    for name in ("a", "x", "b"):
        world.event("c1", name)
    assert ends(world) == ["goal"]


def test_b21_a_goal_that_holds_already_refuses_the_start() -> None:
    world = engine("rules: {r: {when: {event: a}, goal: {becomes: [customer.activated]}, then: [{wait: 1d}]}}")
    world.identify("c1", {"activated": True})
    world.event("c1", "a")
    assert world.tally["r", "already_exited"] == 1


def test_b21_an_exit_that_becomes_true_ends_the_run_at_the_event_that_makes_it_so() -> None:
    text = "rules: {r: {when: {event: a}, exit_when: {becomes: [count(b) >= 2]}, then: [{wait: 9d}]}}"
    world = engine(text)
    for name in ("a", "b", "b"):
        assert ends(world) in ([], [""])
        world.event("c1", name)
    assert ends(world) == ["becomes"]


# Exits and what they compare


@pytest.mark.parametrize(("fields", "end"), [({"k": "k1"}, "b"), ({"k": "k2"}, ""), ({}, "b"), ({"k": None}, "b")])
def test_a3_an_awaited_event_without_the_compared_field_matches(fields: dict[str, str | None], end: str) -> None:
    world = engine("rules: {r: {when: {event: a}, exit_when: {event: b, same: [k]}, then: [{wait: 1d}]}}")
    world.event("c1", "a", {"k": "k1"})
    world.event("c1", "b", fields)
    assert ends(world) == [end]


def test_b6_an_exit_matches_at_any_lateness_if_it_is_not_older_than_the_start() -> None:
    world = engine("rules: {r: {when: {event: a}, exit_when: {event: b}, then: [{wait: 30d}]}}")
    world.event("c1", "a")
    world.move_to(NOON + 5 * DAY)
    world.event("c1", "b", occurred_at=NOON - 1)
    assert ends(world) == [""]
    world.event("c1", "b", occurred_at=NOON)
    assert ends(world) == ["b"]


def test_b3_a_timer_goes_after_what_was_received_at_its_instant_and_before_what_came_later() -> None:
    text = "rules: {r: {when: {event: a}, exit_when: {event: b}, then: [{wait: 1h}, {note.write: {text: hi}}]}}"
    for late, expected in ((0, []), (1, ["hi"])):
        world = engine(text)
        first = world.message("c1", MessageKind.TRACK, "a", {})
        world.now = NOON + HOUR + late
        second = world.message("c1", MessageKind.TRACK, "b", {}, occurred_at=NOON + HOUR - MINUTE)
        world.store.accept([first, second], world.now)
        world.move_to(NOON + DAY)
        assert said(world) == expected


# What steps read


def test_b37_the_event_is_frozen_and_the_customer_is_read_at_the_steps_now() -> None:
    text = """
    rules:
      r:
        when: {event: a}
        then:
          - wait: 1d
          - note.write: {text: "{{ event.k }} {{ customer.first_name }} {{ count(a) }}"}
    """
    world = engine(text)
    world.identify("c1", {"first_name": "Ada"})
    world.event("c1", "a", {"k": "k1"})
    world.event("c1", "a", {"k": "k2"})
    world.identify("c1", {"first_name": "Bea"})
    world.move_to(NOON + DAY)
    assert said(world) == ["k1 Bea 2"]


def test_a10_an_unknown_takes_else() -> None:
    text = """
    rules:
      r:
        when: {event: a}
        then:
          - if: [customer.score > 5]
            then: [{note.write: {text: high}}]
            else: [{note.write: {text: other}}]
    """
    world = engine(text)
    world.event("c1", "a")
    assert said(world) == ["other"]


def test_since_start_counts_from_the_start_of_the_run() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{wait: 1d}, {note.write: {text: "{{ count(b since start) }} of {{ count(b) }}"}}]}
    """
    world = engine(text)
    world.event("c1", "b")
    world.move_to(NOON + HOUR)
    world.event("c1", "a")
    world.event("c1", "b")
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["1 of 2"]


def test_steps_read_the_outputs_of_steps_before_them() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{post.it: {text: one}, id: p}, {note.write: {text: "got {{ steps.p.id }}"}}]}
    """
    world = engine(text, answers={"post.it": [Answer(output={"id": "p7"})]})
    world.event("c1", "a")
    assert said(world) == ["one", "got p7"]


def test_stop_ends_the_run() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{stop: enough}, {note.write: {text: no}}]}}")
    world.event("c1", "a")
    assert (ends(world), said(world)) == (["stop"], [])


# Waits


def test_b8_a_wait_counts_from_the_end_of_the_step_before() -> None:
    text = "rules: {r: {when: {event: a}, then: [{post.it: {text: one}}, {wait: 1d}, {post.it: {text: two}}]}}"
    world = engine(text, answers={"post.it": [Answer(status="retry", retry_in=10 * HOUR)]})
    world.event("c1", "a")
    world.move_to(NOON + DAY + 10 * HOUR - 1)
    assert said(world) == ["one"]
    world.move_to(NOON + DAY + 10 * HOUR)
    assert said(world) == ["one", "two"]


def test_b11_a_wait_until_keeps_the_instant_that_it_was_given() -> None:
    text = 'rules: {r: {when: {event: a}, then: [{wait: {until: "tomorrow 09:00"}}, {note.write: {text: hi}}]}}'
    world = engine(text)
    world.identify("c1", {"timezone": "Asia/Tokyo"})
    world.event("c1", "a")
    world.identify("c1", {"timezone": "America/New_York"})
    world.move_to(instant("2026-01-06T09:00:00+09:00") - 1)
    assert said(world) == []
    world.move_to(instant("2026-01-06T09:00:00+09:00"))
    assert said(world) == ["hi"]


# Splits

SPLIT = """
rules:
  r:
    when: {event: a}
    then:
      - split:
          one: {weight: 50, then: [{note.write: {text: one}}]}
          two: {weight: 50, then: [{note.write: {text: two}}]}
        id: half
"""


def _arms(text: str) -> dict[str, str]:
    world = engine(text)
    world.send(*(world.message(f"c{number}", MessageKind.TRACK, "a", {}) for number in range(200)))
    world.move_to(NOON + MINUTE)
    return {performed.customer: performed.inputs["text"] for performed in world.performed}


def test_b30_a_split_goes_by_a_hash_of_the_customer_so_that_it_is_the_same_every_time() -> None:
    arms = _arms(SPLIT)
    assert arms == _arms(SPLIT)
    assert 70 <= Counter(arms.values())["one"] <= 130


def test_b30_new_weights_move_as_few_as_they_must_and_a_step_above_moves_none() -> None:
    before = _arms(SPLIT)
    after = _arms(SPLIT.replace("one: {weight: 50", "one: {weight: 80").replace("two: {weight: 50", "two: {weight: 20"))
    assert {arm for customer, arm in after.items() if before[customer] == "one"} == {"one"}
    assert _arms(SPLIT.replace("- split", "- wait: 1s\n      - split")) == before


def test_b30_a_run_keeps_its_arm() -> None:
    world = engine(SPLIT.replace("then: [{note", "then: [{wait: 1d}, {note"))
    world.event("c1", "a")
    (run,) = runs(world)
    chosen = run.context["arms"]["half"]
    world.move_to(NOON + DAY)
    assert said(world) == [chosen]
    assert runs(world)[0].context["steps"]["half"] == {"branch": chosen}


# Fields


def test_b2_the_last_writer_by_occurrence_wins_and_a_late_loser_changes_nothing() -> None:
    text = (
        "rules: {r: {when: {event: customer_updated, if: [customer.score changed]}, then: [{note.write: {text: new}}]}}"
    )
    world = engine(text)
    for score, ago in ((10, HOUR), (20, 0), (15, MINUTE), (20, 0)):
        message = world.message("c1", MessageKind.IDENTIFY, "customer_updated", {"score": score}, world.now - ago)
        world.send(message)
    assert world.fields_of("c1") == {"score": 20}


def test_b2_an_equal_value_still_makes_its_writer_the_last() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{wait: 1d}]}}")
    for score, ago in ((10, 2 * HOUR), (10, 0), (15, HOUR)):
        world.send(world.message("c1", MessageKind.IDENTIFY, "customer_updated", {"score": score}, world.now - ago))
    assert world.fields_of("c1") == {"score": 10}


def test_b10_an_update_that_changes_nothing_is_no_customer_updated() -> None:
    text = "rules: {r: {when: {event: customer_updated}, runs: {mode: parallel}, then: [{note.write: {text: new}}]}}"
    world = engine(text)
    for score in (10, 10, 20):
        world.identify("c1", {"score": score})
    assert len(said(world)) == 2


def test_a_new_customer_is_an_event_of_its_own() -> None:
    world = engine("rules: {r: {when: {event: customer_created}, then: [{note.write: {text: new}}]}}")
    for _ in range(2):
        world.event("c1", "a")
    world.identify("c2", {"score": 1})
    assert done(world) == ["note.write"] * 2
    assert [event.name for event in events(world.store)] == ["a", "a", "customer_updated"]


# Levels of exit_when that time alone turns true

LEVEL = """
rules:
  r:
    when: {event: a}
    exit_when: [{becomes: ["days_since(a) >= 1"]}]
    then: [{wait: 2d}, STEP]
"""


@pytest.mark.parametrize(
    "step", ["{note.write: {text: late}}", "{set: {stage: 2}}", "{emit: x}", "{post.it: {text: hi}}"]
)
def test_what_has_turned_true_by_time_alone_ends_a_run_before_its_next_step_takes_effect(step: str) -> None:
    world = engine(LEVEL.replace("STEP", step))
    world.event("c1", "a")
    world.move_to(NOON + 3 * DAY)
    assert ends(world) == ["becomes"]
    assert (done(world), world.fields_of("c1"), len(events(world.store))) == ([], {}, 1)


def test_a_goal_that_time_alone_reaches_ends_a_run_before_its_next_step_takes_effect() -> None:
    world = engine(LEVEL.replace("STEP", "{set: {stage: 2}}").replace('exit_when: [{becomes: ["days_since(a) >= 1"]}]',
                   'goal: {becomes: ["days_since(a) >= 1"]}'))  # fmt: skip
    world.event("c1", "a")
    world.move_to(NOON + 3 * DAY)
    assert (ends(world), world.fields_of("c1")) == (["goal"], {})
