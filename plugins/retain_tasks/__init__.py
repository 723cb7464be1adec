"""Tasks: a to-do for a person, with a due time, closed by a command, by a rule, or by an event from outside.

A task is a record of kind `task`. Closing it makes the event `task_closed`, which a rule can wait for; where a help
desk sends `task_closed` with the `task_id` itself, the record is closed by that (`RecordKind.closed_by`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from retain.errors import PermanentError
from retain.hookspecs import hookimpl
from retain.instants import DAY, format_instant, parse_duration
from retain.model import Fields, Instant, Json, NewEvent, Record, digest
from retain.registry import Action, EventType, Example, JsonSchema, RecordKind, StoreChanges
from retain.store_view import StoreView

_TEXT: dict[str, Json] = {"type": "string", "minLength": 1}
_DURATION: JsonSchema = {
    "type": "string",
    "pattern": r"^\s*([0-9]+(ms|[smhdw])\s*)+$",
    "examples": ["4h", "2d"],
}
_LONGEST = 36_500 * DAY
_PRIORITY: JsonSchema = {"enum": ["low", "normal", "high"], "description": "normal where nothing is written"}


def create(view: StoreView, inputs: Fields) -> StoreChanges:
    """Put a to-do on somebody's list; the same step of the same run makes it once."""
    task_id = digest("task", view.run, view.step)
    if (known := view.record("task", task_id)) is not None:
        return StoreChanges(output={"task_id": task_id, **_due(known.due_at)})
    due_at = _due_at(view, inputs)
    told = {"task_id": task_id, "title": inputs["title"]}
    told |= {name: inputs[name] for name in ("assignee", "priority") if inputs.get(name)}
    task = Record(
        kind="task",
        id=task_id,
        customer=view.customer_id,
        owner=inputs.get("assignee", ""),
        state="open",
        due_at=due_at,
        fields={name: inputs[name] for name in ("title", "priority") if inputs.get(name)},
    )
    return StoreChanges(
        output={"task_id": task_id, **_due(due_at)},
        records=(task,),
        events=(NewEvent(name="task_created", fields={**told, **_due(due_at)}),),
    )


def close(view: StoreView, inputs: Fields) -> StoreChanges:
    """Close a task; closing one that is closed changes nothing."""
    task = view.record("task", inputs["task_id"])
    if task is None:
        raise PermanentError(
            f"the customer has no task with the id {inputs['task_id']!r}", cure="use steps.ID.task_id of a task.create"
        )
    if task.state == "closed":
        return StoreChanges(output={"closed": False})
    outcome = inputs.get("outcome", "done")
    return StoreChanges(
        output={"closed": True},
        records=(replace(task, state="closed", fields={**task.fields, "outcome": outcome}),),
        events=(NewEvent(name="task_closed", fields={"task_id": task.id, "outcome": outcome}, customer=task.customer),),
    )


def _due(at: Instant | None) -> Fields:
    return {} if at is None else {"due_at": format_instant(at)}


def _due_at(view: StoreView, inputs: Fields) -> Instant | None:
    text = inputs.get("due_in")
    if text is None:
        return None
    duration = parse_duration(text)
    if duration is None or duration > _LONGEST:
        why = "no duration" if duration is None else "longer than 100 years"
        raise PermanentError(f"due_in is {text[:40]!r}, which is {why}", cure="write 30m, 4h or 2d")
    calendar = inputs.get("calendar")
    return view.add_business_time(calendar, view.now, duration) if calendar else view.now + duration


CREATE = Action(
    name="task.create",
    summary="Put a to-do on a person's list.",
    inputs={
        "type": "object",
        "properties": {
            "title": _TEXT | {"description": "what is to be done"},
            "assignee": {"type": "string", "description": "e-mail address of the person"},
            "due_in": {**_DURATION, "description": "a duration such as 4h or 2d, from now"},
            "calendar": _TEXT | {"description": "a calendar of the rule files: due_in counts its business time"},
            "priority": _PRIORITY,
        },
        "required": ["title"],
        "additionalProperties": False,
    },
    output={
        "type": "object",
        "properties": {"task_id": {"type": "string"}, "due_at": {"type": "string", "format": "date-time"}},
        "required": ["task_id"],
    },
    example=Example(
        inputs={"title": "Call the customer", "assignee": "ada@example.test", "due_in": "2d"},
        output={"task_id": "5b1e8a70c2d94f36", "due_at": "2026-11-23T10:00:00Z"},
    ),
    apply=create,
    record_kinds=frozenset({"task"}),
)
CLOSE = Action(
    name="task.close",
    summary="Close a to-do.",
    inputs={
        "type": "object",
        "properties": {
            "task_id": _TEXT | {"description": "the id that task.create gave"},
            "outcome": _TEXT | {"description": "a word for people; done where nothing is written"},
        },
        "required": ["task_id"],
        "additionalProperties": False,
    },
    output={"type": "object", "properties": {"closed": {"type": "boolean"}}, "required": ["closed"]},
    example=Example(inputs={"task_id": "5b1e8a70c2d94f36", "outcome": "done"}, output={"closed": True}),
    apply=close,
    record_kinds=frozenset({"task"}),
)


@hookimpl
def register_actions() -> Iterable[Action]:
    """task.create, task.close."""
    return CREATE, CLOSE


@hookimpl
def register_records() -> Iterable[RecordKind]:
    """Tasks; `task_closed` from outside closes the task that it names."""
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"title": text, "priority": _PRIORITY, "outcome": text}}
    return (
        RecordKind(name="task", summary="a to-do for a person", schema=schema, closed_by={"task_closed": "task_id"}),
    )


@hookimpl
def register_event_types() -> Iterable[EventType]:
    """What happens to a task."""
    text = {"type": "string"}
    task = {"task_id": text, "title": text, "assignee": text, "priority": _PRIORITY}
    created = task | {"due_at": {"type": "string", "format": "date-time"}}
    return (
        EventType(name="task_created", summary="a person has a to-do", schema=_object(created, ["task_id", "title"])),
        EventType(
            name="task_closed", summary="a to-do is done", schema=_object({"task_id": text, "outcome": text}, [])
        ),
    )


def _object(properties: JsonSchema, required: list[str]) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": required}
