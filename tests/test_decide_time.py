"""What time alone brings: conditions that turn true, planned instants, and what was missed."""

from __future__ import annotations

import pytest

from decide_help import NOON, ends, engine, instant, outcomes, plan, runs, said
from retain.instants import DAY, HOUR, MINUTE
from retain.model import Json, MessageKind
from retain.testing.virtual import VirtualEngine


def starts(world: VirtualEngine, rule: str = "r") -> list[int]:
    """When the rule's runs started, in minutes after noon."""
    return [(run.started_at - NOON) // MINUTE for run in runs(world, rule)]


def becomes(condition: str, **more: Json) -> str:
    """A rule that starts when a condition turns true and ends at once."""
    options = "".join(f", {key}: {value}" for key, value in more.items())
    return f"rules: {{r: {{when: {{becomes: ['{condition}']{options}}}, then: [{{stop: ok}}]}}}}"


# becomes


def test_b20_a_new_customer_of_whom_it_is_true_fires() -> None:
    world = engine(becomes("customer.score < 40"))
    world.identify("c1", {"score": 30})
    world.identify("c2", {"score": 50})
    assert starts(world) == [0]


def test_b20_it_fires_on_the_edge_and_again_after_it_was_false() -> None:
    world = engine(becomes("customer.score < 40"))
    for score in (50, 30, 20, 50, 30):
        world.identify("c1", {"score": score})
    assert outcomes(world, "r") == {"started": 2}


def test_b20_an_edge_is_used_up_even_if_the_start_is_refused() -> None:
    text = "rules: {r: {when: {becomes: [customer.score < 40]}, if: [customer.activated], then: [{stop: ok}]}}"
    world = engine(text)
    world.identify("c1", {"score": 30})
    world.identify("c1", {"activated": True})
    assert outcomes(world, "r") == {"if": 1}


def test_b20_from_unknown_to_true_is_an_edge_too() -> None:
    world = engine(becomes("customer.score < 40"))
    for score in (30, None, 30):
        world.identify("c1", {"score": score})
    assert outcomes(world, "r") == {"started": 2}


def test_b20_for_counts_from_the_instant_at_which_it_became_true_not_from_the_look() -> None:
    world = engine(becomes("days_since(a) >= 1", **{"for": "2h"}))
    world.event("c1", "a")
    world.be_down_until(NOON + DAY + HOUR)
    world.move_to(NOON + DAY + 3 * HOUR)
    (start,) = starts(world)
    assert abs(start - (24 + 2) * 60) <= 1


def test_what_becomes_true_by_time_alone_fires_without_an_event() -> None:
    world = engine(becomes("not exists(a in last 3h)"))
    world.event("c1", "a")
    world.move_to(NOON + 3 * HOUR)
    assert starts(world) == []
    world.move_to(NOON + 3 * HOUR + 1)
    assert starts(world) == [180]


def test_conditions_are_read_after_each_event_not_after_each_batch() -> None:
    world = engine(becomes("customer.score < 40"))
    world.send(*(world.message("c1", MessageKind.IDENTIFY, "customer_updated", {"score": s}) for s in (30, 50)))
    assert outcomes(world, "r") == {"started": 1}


# Schedules


def test_a_cron_starts_each_member_once_at_its_instant() -> None:
    text = 'rules: {r: {when: {schedule: {cron: "0 13 * * *", each: [customer.score > 5]}}, then: [{stop: ok}]}}'
    world = engine(text)
    for number in range(5):
        world.identify(f"c{number}", {"score": number * 2})
    world.move_to(NOON + DAY + 2 * HOUR)
    assert starts(world) == [60, 60, 60 + 1440, 60 + 1440]


def test_b31_members_are_those_at_the_planned_instant() -> None:
    text = 'rules: {r: {when: {schedule: {cron: "0 13 * * *", each: [customer.score > 5]}}, then: [{stop: ok}]}}'
    world = engine(text)
    world.identify("c1", {"score": 9})
    world.move_to(NOON + HOUR - 1)
    world.identify("c1", {"score": 1})
    world.move_to(NOON + HOUR)
    assert starts(world) == []


def test_a_cron_in_each_customers_zone_comes_at_its_own_instant() -> None:
    text = """
    rules:
      r:
        when: {schedule: {cron: "0 9 * * *", timezone: customer.timezone, each: [known_days() >= 0]}}
        then: [{stop: ok}]
    """
    world = engine(text)
    world.identify("c1", {"timezone": "America/New_York"})
    world.identify("c2", {"timezone": "Asia/Tokyo"})
    world.move_to(NOON + DAY - 1)
    assert starts(world) == [120, 720]  # 09:00 in New York, 09:00 in Tokyo


MISSED = """
rules:
  r:
    when: {schedule: {cron: "0 * * * *", each: [known_days() >= 0], MISSED}}
    runs: {mode: parallel}
    then: [{stop: ok}]
"""


@pytest.mark.parametrize(("missed", "found"), [
    ("run_once", {"started": 1}), ("skip", {"late": 1}), ("run_all", {"started": 5}),
    ("run_all, within: 2h", {"started": 2, "late": 3}), ("run_once, within: 1m", {"late": 1}),
])  # fmt: skip
def test_what_a_downtime_missed_follows_the_schedules_own_rule(missed: str, found: dict[str, int]) -> None:
    world = engine(MISSED.replace("MISSED", f"if_missed: {missed}"))
    world.event("c1", "a")
    world.be_down_until(NOON + 5 * HOUR + 30 * MINUTE)
    assert outcomes(world, "r") == found


def test_crons_that_a_downtime_missed_begin_in_the_order_in_which_they_were_due() -> None:
    text = """
    rules:
      first: {when: {schedule: {cron: "30 14 * * *", each: [known_days() >= 0]}}, then: [{note.write: {text: "14:30"}}]}
      second: {when: {schedule: {cron: "15 13 * * *"}}, then: [{post.nobody: {text: "13:15"}}]}
      third:
        when: {schedule: {cron: "0 13-15 * * *", each: [known_days() >= 0], if_missed: run_all}}
        runs: {mode: parallel}
        then: [{note.write: {text: "hour"}}]
    """
    world = engine(text)
    world.event("c1", "a")
    world.be_down_until(NOON + 4 * HOUR)
    assert said(world) == ["hour", "13:15", "hour", "14:30", "hour"]


def test_a_backfill_that_its_breaker_paces_keeps_no_cron_waiting() -> None:
    world = engine("rules: {other: {when: {event: a}, then: [{wait: 1d}]}}")
    for customer in ("c1", "c2", "c3"):
        world.identify(customer, {"score": 3})
    text = """
    rules:
      low: {when: {becomes: [customer.score < 9], backfill: true}, breaker: 1 per 1d, then: [{note.write: {text: low}}]}
      daily: {when: {schedule: {cron: "0 13 * * *", each: [known_days() >= 0]}}, then: [{note.write: {text: cron}}]}
    """
    world.use(plan(text))
    world.move_to(NOON + 2 * HOUR)
    assert said(world) == ["low", "cron", "cron", "cron"]


def test_an_edited_schedule_does_not_start_what_is_past() -> None:
    text = 'rules: {r: {when: {schedule: {cron: "0 9 * * *", each: [known_days() >= 0]}}, then: [{stop: ok}]}}'
    world = engine(text)
    world.event("c1", "a")
    world.use(plan(text.replace("0 9", "0 11")))
    world.move_to(NOON + HOUR)
    assert runs(world) == []


# Dates of customers

BIRTHDAY = 'rules: {r: {when: {schedule: {yearly: customer.birth_date, at: "09:00"}}, then: [{stop: ok}]}}'


def test_b11_a_birthday_is_at_nine_in_the_customers_own_zone() -> None:
    world = engine(BIRTHDAY)
    world.identify("c1", {"birth_date": "1990-01-06", "timezone": "America/New_York"})
    world.move_to(NOON + 3 * DAY)
    assert [run.started_at for run in runs(world)] == [instant("2026-01-06T09:00:00-05:00")]


def test_b11_a_date_that_changes_is_planned_anew() -> None:
    text = 'rules: {r: {when: {schedule: {date: customer.renews_at, before: 1d, at: "13:00"}}, then: [{stop: ok}]}}'
    world = engine(text)
    world.identify("c1", {"renews_at": "2026-01-06"})
    world.identify("c1", {"renews_at": "2026-01-08"})
    world.identify("c2", {"renews_at": "2026-01-06"})
    world.identify("c2", {"renews_at": None})
    world.move_to(NOON + 9 * DAY)
    assert [run.started_at for run in runs(world)] == [instant("2026-01-07T13:00:00Z")]


def test_a_leapling_is_congratulated_on_the_28th() -> None:
    world = engine(BIRTHDAY, start=instant("2026-02-01T00:00:00Z"))
    world.identify("c1", {"birth_date": "1992-02-29"})
    world.move_to(instant("2026-03-02T00:00:00Z"))
    assert [run.started_at for run in runs(world)] == [instant("2026-02-28T09:00:00Z")]


def test_a_planned_instant_that_a_new_customers_own_event_meets_is_not_lost() -> None:
    text = 'rules: {r: {when: {schedule: {date: customer.renews_at, at: "12:00"}}, then: [{stop: ok}]}}'
    for batch in (1, 50):
        world = engine(text, start=NOON - HOUR, batch=batch)
        first = world.message("c1", MessageKind.IDENTIFY, "customer_updated", {"renews_at": "2026-01-05"})
        world.now = NOON
        second = world.message("c1", MessageKind.TRACK, "a", {})
        world.store.accept([first, second], NOON)
        world.move_to(NOON + DAY)
        assert starts(world) == [0]


# Downtime


def test_missed_timers_fire_after_a_restart_in_the_order_in_which_they_were_due() -> None:
    rules = ", ".join(
        f"r{hours}: {{when: {{event: a}}, then: [{{wait: {hours}h}}, {{note.write: {{text: '{hours}'}}}}]}}"
        for hours in (3, 1, 2)
    )
    world = engine(f"rules: {{{rules}}}")
    world.event("c1", "a")
    world.be_down_until(NOON + DAY)
    assert said(world) == ["1", "2", "3"]
    assert {run.ended_at for run in runs(world)} == {NOON + DAY}


def test_a_timer_that_held_while_its_rule_was_off_is_decided_when_it_is_on_again() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{wait: 1h}, {note.write: {text: one}}, {wait: 1h}, {note.write: {text: two}}]}
    """
    world = engine(text)
    world.event("c1", "a")
    world.use(plan(text.replace("when:", "status: off, when:")))
    world.move_to(NOON + DAY)
    assert (said(world), ends(world)) == ([], [""])
    world.use(plan(text))
    assert said(world) == ["one"]
    world.move_to(NOON + DAY + HOUR)
    assert said(world) == ["one", "two"]
