"""Parts of the JSON Schema of rule files that do not depend on plugins."""

from __future__ import annotations

from collections.abc import Iterable

from retain.model import Json
from retain.registry import JsonSchema


def text(description: str) -> dict[str, Json]:
    """A text with what an editor shows about it."""
    return {"type": "string", "description": description}


def words(known: Iterable[str], description: str) -> JsonSchema:
    """One of some words."""
    return {"enum": list(known), "description": description}


def obj(description: str, properties: JsonSchema, required: Iterable[str] = ()) -> JsonSchema:
    """A map with these keys and no others."""
    made: dict[str, Json] = {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return made | ({"required": list(required)} if required else {})


def mapped(value: JsonSchema, description: str) -> JsonSchema:
    """A map by name."""
    return {"type": "object", "description": description, "additionalProperties": value}


def listed(item: JsonSchema, description: str) -> JsonSchema:
    """A list."""
    return {"type": "array", "description": description, "items": item}


DURATION = {"type": "string", "examples": ["15m", "4h", "7d", "1h 30m"]}
LIMIT = {"type": "string", "examples": ["1 per 7d", "100 per 1h"]}
SHARE = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?\\s*%$", "examples": ["10%"]}
CONDITIONS: JsonSchema = {
    "type": "array",
    "minItems": 1,
    "description": "Conditions joined by and; any, all and none nest.",
    "items": {
        "type": ["string", "boolean", "object"],
        "properties": {name: {"$ref": "#/$defs/conditions"} for name in ("any", "all", "none")},
        "additionalProperties": False,
    },
}
SEGMENT = obj(
    "A named condition over customers.",
    {"description": text("For people."), "if": {"$ref": "#/$defs/conditions"}},
    required=("if",),
)
METRIC: JsonSchema = {
    "type": ["string", "object", "number"],
    "description": "An expression, or {value: EXPRESSION, description: TEXT}.",
    "properties": {"value": {"type": ["string", "number"]}, "description": {"type": "string"}},
    "additionalProperties": False,
}
_MEMBER = obj(
    "One person.",
    {
        "name": text("For people."),
        "email": text("The address by which the person owns things."),
        "territory": {
            "type": ["string", "array"],
            "items": {"type": "string"},
            "description": "What the person covers.",
        },
        "weight": {
            "type": "number",
            "minimum": 0,
            "description": "Share under `weighted`; 1 if not written.",
        },
        "capacity": {"type": "integer", "minimum": 0, "description": "Open leads at which the person is full."},
        "away": listed(
            obj("An absence.", {"from": text("First day."), "to": text("Last day.")}, required=("from", "to")),
            "When the person takes nothing.",
        ),
    },
    required=("email",),
)
TEAM = obj(
    "A team.",
    {
        "description": text("For people."),
        "timezone": text("The zone of its days of absence; UTC if not written."),
        "members": {
            "type": ["array", "object"],
            "items": _MEMBER,
            "additionalProperties": _MEMBER,
            "description": "People, as a list or by name.",
        },
    },
    required=("members",),
)
TIER = obj(
    "A loyalty programme.",
    {
        "description": text("For people."),
        "levels": listed(
            obj(
                "A level.",
                {
                    "name": text("The tier."),
                    "from": {"type": "number", "description": "The spend it begins at."},
                },
                required=("name", "from"),
            ),
            "From the lowest to the highest.",
        ),
        "qualifies": text("An expression: what counts as spend."),
        "window": {**DURATION, "description": "How far back spend counts; 365d if not written."},
        "grace": {**DURATION, "description": "How long a tier is kept once the spend has fallen below it."},
    },
    required=("levels",),
)
CALENDAR = obj(
    "Business hours.",
    {
        "zone": text("A zone such as Europe/Berlin."),
        "hours": {
            "type": "object",
            "description": "Spans of local time by weekday: mon-fri: 09:00-17:00.",
            "additionalProperties": {"type": ["string", "array"], "items": {"type": "string"}},
        },
        "holidays": {"type": ["array", "string"], "items": {"type": "string"}, "description": "Dates without opening."},
    },
    required=("zone", "hours"),
)
POLICY = obj(
    "What every message of this channel has to pass.",
    {
        "consent": text("The purpose that a customer must have agreed to; none if not written."),
        "unknown": words(("allow", "refuse"), "What holds where no answer is recorded. Needed beside consent."),
        "caps": {
            **LIMIT,
            "type": ["string", "array"],
            "items": LIMIT,
            "description": "How many one gets at most.",
        },
        "quiet": text("A daily span in the customer's zone in which messages wait: 21:00-08:00."),
    },
)
_STEPS = {"$ref": "#/$defs/steps"}
CORE_STEPS: JsonSchema = {
    "id": text("A name for `steps.NAME.…`, and for finding the step again in an edited rule."),
    "wait": {
        "type": ["string", "object", "null"],
        "description": "A duration, or {for: 4h, clock: CALENDAR}, or {until: tomorrow 09:00}.",
        "properties": {
            "for": {**DURATION, "description": "A duration."},
            "until": text("A local time, such as tomorrow 09:00."),
            "clock": text("The calendar whose business time counts, such as office."),
        },
        "additionalProperties": False,
    },
    "until": text("For wait: a local time such as tomorrow 09:00, monday 09:00, 2026-12-24 09:00."),
    "clock": text("A calendar, in whose business time a duration is counted."),
    "wait_for": {"$ref": "#/$defs/awaited", "description": "Waits for an event, or until conditions are true."},
    "up_to": {**DURATION, "description": "For wait_for: how long at most."},
    "since": words(("step", "start"), "For wait_for: events since the step before, or since the start."),
    "if": {"$ref": "#/$defs/conditions", "description": "The steps of `then` where these are true, else of `else`."},
    "then": _STEPS,
    "else": _STEPS,
    "split": mapped(
        obj(
            "A branch.",
            {"weight": {"type": "number", "minimum": 0, "maximum": 100}, "then": _STEPS},
            required=("weight",),
        ),
        "Branches by name; weights add to 100. Needs an id.",
    ),
    "emit": {
        "type": ["string", "object"],
        "description": "An event of the same customer: NAME, or {event: NAME, data: {...}}.",
        "properties": {"event": {"$ref": "#/$defs/event"}, "data": {"type": "object"}},
        "additionalProperties": False,
    },
    "stop": {"type": ["boolean", "string"], "description": "The end of the run: true, or the reason."},
    "retry": obj(
        "How this action is tried again, where that differs from its own rule.",
        {
            "first": DURATION,
            "factor": {"type": "number", "minimum": 1},
            "most": DURATION,
            "give_up_after": DURATION,
        },
    ),
    "on_error": {
        "type": ["string", "array"],
        "description": "stop (into the dead letters), continue, or the steps to take instead.",
        "examples": ["stop", "continue"],
        "items": {"$ref": "#/$defs/step"},
    },
}
