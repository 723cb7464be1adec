"""What starts a run, how often, and what a second start with the same key does."""

from __future__ import annotations

import pytest

from decide_help import NOON, done, ends, engine, events, last_refusal, outcomes, plan, runs, said
from retain.instants import DAY, HOUR, MINUTE
from retain.model import MessageKind, RunState

HOLD = "then: [{wait: 30d}]"


# Late and old events


def test_b6_an_event_older_than_max_lateness_starts_nothing() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, {HOLD}}}}}")
    world.event("c1", "a", occurred_at=NOON - DAY)
    world.event("c1", "a", occurred_at=NOON - DAY - 1)
    assert outcomes(world, "r") == {"started": 1, "late": 1}


def test_b6_an_edge_that_lies_in_the_past_fires_nothing() -> None:
    world = engine(f"rules: {{r: {{when: {{becomes: [count(a) >= 1]}}, {HOLD}}}}}")
    world.event("c1", "a", occurred_at=NOON - 2 * DAY)
    world.event("c1", "a")
    assert runs(world) == []


def test_b7_an_event_never_happens_after_it_was_received() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, {HOLD}}}}}")
    world.event("c1", "a", occurred_at=NOON + HOUR)
    assert events(world.store)[0].occurred_at == NOON


def test_b1_history_includes_the_event_itself() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, if: [count(a in last 1h) >= 3], {HOLD}}}}}")
    for _ in range(3):
        world.event("c1", "a")
    assert outcomes(world, "r") == {"if": 2, "started": 1}


def test_b1_a_window_is_half_open_at_the_instant_of_receipt() -> None:
    world = engine(f"rules: {{r: {{when: {{event: b}}, if: [exists(a in last 1h)], {HOLD}}}}}")
    world.event("c1", "a")
    world.move_to(NOON + HOUR - 1)
    world.event("c1", "b")
    world.event("c2", "a", occurred_at=NOON)
    world.move_to(NOON + HOUR)
    world.event("c2", "b")
    assert outcomes(world, "r") == {"started": 1, "if": 1}


# Keys


def test_b18_a_key_lives_within_its_customer() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{per: event.k, mode: restart}}, {HOLD}}}}}")
    world.event("c1", "a", {"k": "1"})
    world.event("c2", "a", {"k": "1"})
    assert ends(world) == ["", ""]


def test_b18_a_number_and_its_text_are_one_key() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{per: event.n}}, {HOLD}}}}}")
    for value in (1, 1.0, "1"):
        world.event("c1", "a", {"n": value})
    assert outcomes(world, "r") == {"started": 1, "running": 2}


@pytest.mark.parametrize("fields", [{}, {"k": None}, {"k": ""}])
def test_b18_a_missing_key_refuses(fields: dict[str, str | None]) -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{per: event.k}}, {HOLD}}}}}")
    world.event("c1", "a", fields)
    assert outcomes(world, "r") == {"key_missing": 1}


def test_a3_a_field_that_an_exit_compares_must_be_there_at_the_start() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, exit_when: {{event: b, same: [k]}}, {HOLD}}}}}")
    world.event("c1", "a")
    assert outcomes(world, "r") == {"key_missing": 1}


# at_most


def test_b16_at_most_counts_runs_that_had_an_effect() -> None:
    text = """
    rules:
      r: {when: {event: a}, runs: {at_most: 1 per 7d}, exit_when: {event: b}, then: [{wait: 1h}, {post.it: {text: hi}}]}
    """
    world = engine(text)
    world.event("c1", "a")
    world.event("c1", "b")
    world.event("c1", "a")
    world.move_to(NOON + HOUR)
    world.event("c1", "a")
    assert outcomes(world, "r") == {"started": 2, "at_most": 1}


def test_b16_at_most_is_asked_again_before_the_first_effect() -> None:
    text = """
    rules:
      r: {when: {event: a}, runs: {mode: parallel, at_most: 1 per 7d}, then: [{wait: 1h}, {post.it: {text: hi}}]}
    """
    world = engine(text)
    world.event("c1", "a")
    world.move_to(NOON + MINUTE)
    world.event("c1", "a")
    world.move_to(NOON + DAY)
    assert done(world) == ["post.it"]
    assert [effect.reason for effect in world.store.list_effects() if effect.state == "refused"] == ["at_most"]


def test_at_most_lets_go_when_its_window_has_passed() -> None:
    text = "rules: {r: {when: {event: a}, runs: {at_most: 1 per 7d}, then: [{post.it: {text: hi}}]}}"
    world = engine(text)
    world.event("c1", "a")
    world.move_to(NOON + 7 * DAY)
    world.event("c1", "a")
    world.move_to(NOON + 7 * DAY + 1)
    world.event("c1", "a")
    assert outcomes(world, "r") == {"started": 2, "at_most": 1}


def test_b14_a_held_out_customer_counts_for_at_most_like_a_treated_one() -> None:
    text = "rules: {r: {when: {event: a}, holdout: 100%, runs: {at_most: 1 per 7d}, then: [{post.it: {text: hi}}]}}"
    world = engine(text)
    for _ in range(5):
        world.event("c1", "a")
    assert outcomes(world, "r") == {"started": 1, "at_most": 4}
    assert [run.arm for run in runs(world)] == ["holdout"]
    assert done(world) == []


# Modes


def test_mode_single_refuses_while_a_run_lives() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, {HOLD}}}}}")
    world.event("c1", "a")
    world.event("c1", "a")
    assert last_refusal(world) == ("running", "runs.mode")


def test_mode_restart_ends_the_older_run() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{mode: restart}}, {HOLD}}}}}")
    world.event("c1", "a")
    world.move_to(NOON + HOUR)
    world.event("c1", "a")
    assert ends(world) == ["restart", ""]


def test_mode_parallel_lets_both_live() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{mode: parallel}}, {HOLD}}}}}")
    world.event("c1", "a")
    world.event("c1", "a")
    assert ends(world) == ["", ""]


QUEUE = """
rules:
  r:
    when: {event: a}
    runs: {mode: queue}
    exit_when: {event: b}
    then: [{note.write: {text: "{{ event.k }}"}}, {wait: 1h}]
"""


def test_b27_a_queued_start_goes_when_the_key_is_free_and_its_conditions_are_not_repeated() -> None:
    world = engine(QUEUE.replace("runs:", "if: [not exists(a where k == 'k3')]\n    runs:"))
    for key in ("k1", "k2"):
        world.event("c1", "a", {"k": key})
    world.event("c2", "a", {"k": "k3"})
    world.event("c1", "a", {"k": "k3"})
    assert said(world) == ["k1"]
    world.move_to(NOON + HOUR)
    assert said(world) == ["k1", "k2"]


def test_b27_an_exit_since_the_queued_event_ends_the_queued_run_before_it_acts() -> None:
    world = engine(QUEUE)
    for key in ("k1", "k2", "k3"):
        world.event("c1", "a", {"k": key})
    world.event("c1", "b")
    assert said(world) == ["k1"]
    assert ends(world) == ["b", "b", "b"]


def test_b27_a_full_queue_refuses() -> None:
    world = engine(QUEUE, max_queue=2)
    for _ in range(5):
        world.event("c1", "a", {"k": "k1"})
    assert outcomes(world, "r") == {"started": 1, "queued": 2, "queue_full": 2}


def test_b27_queued_runs_go_in_the_order_of_their_events() -> None:
    world = engine(QUEUE)
    for key in ("k1", "k2", "k3", "k4"):
        world.event("c1", "a", {"k": key})
    world.move_to(NOON + DAY)
    assert said(world) == ["k1", "k2", "k3", "k4"]


def test_a_shadow_run_neither_holds_the_key_of_a_live_one_nor_a_place_in_its_queue() -> None:
    world = engine(QUEUE.replace("runs:", "status: shadow\n    runs:"))
    world.event("c1", "a", {"k": "shadow"})
    world.use(plan(QUEUE))
    world.move_to(NOON + MINUTE)
    for key in ("k1", "k2"):
        world.event("c1", "a", {"k": key})
    world.move_to(NOON + HOUR - 1)
    world.move_to(NOON + HOUR + MINUTE)
    assert done(world) == ["note.write", "note.write"]


# One start for one cause


def test_b19_the_first_trigger_in_the_list_wins() -> None:
    text = f"""
    rules:
      r:
        when: [{{becomes: [count(a) >= 2]}}, {{event: a}}]
        runs: {{mode: parallel}}
        {HOLD}
    """
    world = engine(text)
    world.event("c1", "a")
    world.event("c1", "a")
    assert [run.context["trigger"]["kind"] for run in runs(world)] == ["event", "becomes"]


def test_a6_a_message_that_comes_twice_starts_once() -> None:
    world = engine(f"rules: {{r: {{when: {{event: a}}, runs: {{mode: parallel}}, {HOLD}}}}}")
    message = world.message("c1", MessageKind.TRACK, "a", {})
    world.send(message, message)
    world.send(message)
    assert len(runs(world)) == 1


@pytest.mark.parametrize("steps", ["[{note.write: {text: hi}}]", "[{post.it: {text: hi}}]", "[{wait: 9d}]"])
@pytest.mark.parametrize("batch", [1, 50])
def test_a6_a_cause_never_starts_a_rule_twice_even_after_its_run_has_ended(batch: int, steps: str) -> None:
    text = f"rules: {{r: {{when: {{event: a}}, runs: {{mode: parallel}}, then: {steps}}}}}"
    world = engine(text, batch=batch)
    message = world.message("c1", MessageKind.TRACK, "a", {})
    world.send(message)
    before = [(run.id, run.started_at, run.ended_by) for run in runs(world)]
    with world.store._db.write() as session:
        session.change("DELETE FROM events WHERE name = 'a'")  # as if it were forgotten that it had come
    world.move_to(NOON + HOUR)
    other = world.message("c2", MessageKind.TRACK, "a", {})
    world.send(world.message("c1", MessageKind.TRACK, "b", {}), message._replace(received_at=world.now), other)
    assert outcomes(world, "r") == {"started": 2, "repeated": 1}
    assert [(run.id, run.started_at, run.ended_by) for run in runs(world)][:1] == before


def test_a6_two_edges_within_one_instant_are_two_causes() -> None:
    text = "rules: {r: {when: {becomes: [customer.score < 40]}, then: [{emit: x}]}}"
    world = engine(text)
    world.send(*(world.message("c1", MessageKind.IDENTIFY, "customer_updated", {"score": s}) for s in (30, 50, 30)))
    assert len({run.id for run in runs(world)}) == 2
    assert [event.name for event in events(world.store)].count("x") == 2


def test_two_rules_with_one_text_are_two_rules() -> None:
    text = "{when: {event: a}, runs: {at_most: 1 per 7d}, then: [{wait: 1h}, {post.it: {text: hi}}]}"
    world = engine(f"rules: {{one: {text}, two: {text}}}")
    world.event("c1", "a")
    world.move_to(NOON + DAY)
    assert sorted(performed.rule for performed in world.performed) == ["one", "two"]


# Shadow


def test_b28_a_shadow_run_keeps_its_changes_to_itself() -> None:
    text = """
    rules:
      shadowed:
        status: shadow
        when: {event: a}
        then:
          - set: {stage: 2}
          - if: [customer.stage == 2]
            then: [{note.write: {text: seen}}]
          - emit: x
          - turn.take: {}
      other: {when: {event: x}, then: [{wait: 1h}]}
    """
    world = engine(text)
    world.event("c1", "a")
    assert done(world, arm="shadow") == ["note.write", "turn.take"]
    assert world.fields_of("c1") == {}
    assert runs(world, "other") == []
    assert world.store.list_records("turn") == []
    assert [row.why for row in world.decisions("shadowed") if row.why.startswith("emit")] == [
        "emit x",
        "emit turn_taken",
    ]


def test_b28_waiting_shadow_runs_stay_shadow_when_the_rule_goes_live() -> None:
    text = "rules: {r: {status: shadow, when: {event: a}, then: [{wait: 1h}, {post.it: {text: hi}}]}}"
    world = engine(text)
    world.event("c1", "a")
    world.use(plan(text.replace("shadow", "live")))
    world.move_to(NOON + DAY)
    assert done(world) == []
    assert done(world, arm="shadow") == ["post.it"]


def test_the_holdout_is_a_stable_share_of_customers() -> None:
    world = engine("rules: {r: {when: {event: a}, holdout: 30%, runs: {mode: parallel}, then: [{wait: 1d}]}}")
    for _ in range(2):
        world.send(*(world.message(f"c{number}", MessageKind.TRACK, "a", {}) for number in range(200)))
    arms: dict[int, set[str]] = {}
    for run in runs(world):
        arms.setdefault(run.customer, set()).add(run.arm)
    assert all(len(found) == 1 for found in arms.values())
    assert 40 <= sum(found == {"holdout"} for found in arms.values()) <= 80


# Breaker


def test_b24_above_the_breaker_starts_are_parked_and_the_rule_is_paused() -> None:
    world = engine("rules: {r: {when: {event: a}, breaker: 2 per 1h, then: [{note.write: {text: hi}}]}}")
    for number in range(5):
        world.event(f"c{number}", "a")
    assert outcomes(world, "r") == {"started": 2, "parked": 3}
    assert [run.state for run in runs(world)].count(RunState.PARKED) == 3
    assert [(row.scope, row.name, row.by) for row in world.store.pauses()] == [("rule", "r", "breaker")]
    world.move_to(NOON + DAY)
    world.event("c9", "a")
    assert outcomes(world, "r") == {"started": 2, "parked": 4}, "it waits for a person"


def test_b24_timers_hold_while_a_rule_is_paused_but_exits_work() -> None:
    text = """
    rules:
      r: {when: {event: a}, exit_when: {event: b}, breaker: 2 per 1h, then: [{wait: 1h}, {note.write: {text: hi}}]}
    """
    world = engine(text)
    for number in range(3):
        world.event(f"c{number}", "a")
    world.move_to(NOON + 2 * HOUR)
    assert said(world) == []
    world.event("c0", "b")
    world.event("c2", "b")
    assert ends(world) == ["b", "", "b"]


def test_b24_the_breaker_counts_runs_that_started_whatever_is_forgotten_of_them() -> None:
    world = engine("rules: {r: {when: {event: a}, runs: {mode: queue}, breaker: 2 per 1h, then: [{wait: 1d}]}}")
    for _ in range(4):
        world.event("c1", "a")
    world.pipeline.refresh()
    world.event("c2", "a")
    assert outcomes(world, "r") == {"started": 2, "queued": 3}


# Backfill


def test_b22_what_is_true_when_a_rule_comes_is_noted_and_starts_nothing() -> None:
    world = engine("rules: {other: {when: {event: a}, then: [{wait: 1d}]}}")
    for customer, score in (("c1", 30), ("c2", 50)):
        world.identify(customer, {"score": score})
    world.use(plan("rules: {r: {when: {becomes: [customer.score < 40]}, then: [{note.write: {text: low}}]}}"))
    world.identify("c1", {"score": 20})
    assert done(world) == []
    world.identify("c2", {"score": 20})
    assert done(world) == ["note.write"]


def test_b22_an_edit_that_leaves_the_condition_keeps_what_is_known() -> None:
    text = """
    rules:
      r: {when: {becomes: [customer.score < 40]}, runs: {mode: parallel}, then: [{note.write: {text: low}}]}
    """
    world = engine(text)
    world.identify("c1", {"score": 30})
    world.use(plan(text.replace("text: low", "text: lower")))
    world.identify("c1", {"score": 20})
    assert said(world) == ["low"]


def test_b22_backfill_true_starts_for_those_who_are_members_already() -> None:
    world = engine("rules: {other: {when: {event: a}, then: [{wait: 1d}]}}")
    world.identify("c1", {"score": 30})
    text = "rules: {r: {when: {becomes: [customer.score < 40], backfill: true}, then: [{note.write: {text: low}}]}}"
    world.use(plan(text))
    assert said(world) == ["low"]


def test_b23_a_backfill_is_paced_to_the_breaker_and_never_trips_it() -> None:
    world = engine("rules: {other: {when: {event: a}, then: [{wait: 1d}]}}")
    for number in range(5):
        world.identify(f"c{number}", {"score": 30})
    text = """
    rules:
      r: {when: {becomes: [customer.score < 40], backfill: true}, breaker: 2 per 1h, then: [{note.write: {text: low}}]}
    """
    world.use(plan(text))
    started = [len(said(world))]
    for hours in (1, 2, 3):
        world.move_to(NOON + hours * (HOUR + MINUTE))
        started.append(len(said(world)))
    assert started == [2, 4, 5, 5]
    assert world.store.pauses() == []
