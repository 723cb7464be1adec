"""Tasks: a to-do is made once, is due in time, and is closed once."""

from __future__ import annotations

import pytest

from retain.errors import PermanentError
from retain.instants import DAY, HOUR
from retain_tasks import close, create, register_records
from store_view import NOON, World


def test_a_task_belongs_to_a_person_and_a_customer() -> None:
    world = World()
    changes = world.do(create, title="Call", assignee="ada@example.test", priority="high", due_in="2d")
    (task,) = world.records_of_customer("task")
    assert (task.owner, task.state, task.due_at, task.fields) == (
        "ada@example.test",
        "open",
        NOON + 2 * DAY,
        {"title": "Call", "priority": "high"},
    )
    assert changes.output == {"task_id": task.id, "due_at": "2026-11-04T12:00:00Z"}
    assert changes.events[0].name == "task_created"


def test_the_same_step_of_the_same_run_makes_one_task() -> None:
    world = World()
    first = world.do(create, title="Call").output["task_id"]
    assert world.do(create, title="Call").output["task_id"] == first
    world.step = "then[1]"
    assert world.do(create, title="Call").output["task_id"] != first


def test_a_task_without_a_due_time_is_never_due() -> None:
    world = World()
    world.do(create, title="Some day")
    assert world.records_of_customer("task")[0].due_at is None


def test_with_a_calendar_the_due_time_counts_business_hours() -> None:
    world = World()
    world.do(create, title="Call", due_in="4h", calendar="office")
    assert world.records_of_customer("task")[0].due_at == world.add_business_time("office", NOON, 4 * HOUR)


@pytest.mark.parametrize(("due_in", "why"), [("1e3d", "no duration"), ("999999999999d", "longer than 100 years")])
def test_a_due_time_that_is_none_or_has_no_date_makes_no_task(due_in: str, why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        World().do(create, title="Call", due_in=due_in)


def test_closing_tells_whoever_waits_once() -> None:
    world = World()
    task_id = world.do(create, title="Call").output["task_id"]
    changes = world.do(close, task_id=task_id, outcome="reached")
    assert [(event.name, event.fields) for event in changes.events] == [
        ("task_closed", {"task_id": task_id, "outcome": "reached"})
    ]
    again = world.do(close, task_id=task_id)
    assert (again.output, again.events) == ({"closed": False}, ())


def test_a_task_closed_event_from_outside_closes_the_record() -> None:
    (kind,) = register_records()
    assert kind.closed_by == {"task_closed": "task_id"}
    assert kind.states[-1] == "closed"


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(PermanentError, match="no task with the id 'x'"):
        World().do(close, task_id="x")


def test_a_due_time_that_is_no_duration_is_refused() -> None:
    with pytest.raises(PermanentError, match="'soon', which is no duration"):
        World().do(create, title="Call", due_in="soon")
