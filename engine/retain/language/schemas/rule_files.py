"""The JSON Schema of rule files, made from the core and a registry: for completion and hover in editors.

A step is keyed by its action with `additionalProperties: false`, never `oneOf` over shapes: so a mistake is told at its
key. What a schema cannot say (types of expressions, references between files) `retain check` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from retain.language.load.rule import MODES, ON_CHANGE, STATUS, WARNINGS
from retain.language.load.schedules import IF_MISSED
from retain.language.schemas.rule_file_parts import (
    CALENDAR,
    CONDITIONS,
    CORE_STEPS,
    DURATION,
    LIMIT,
    METRIC,
    POLICY,
    SEGMENT,
    SHARE,
    TEAM,
    TIER,
    listed,
    mapped,
    obj,
    text,
    words,
)
from retain.language.types import KIND_WORDS, Schema, Type
from retain.model import Json
from retain.registry import Action, JsonSchema, Registry

_KINDS = KIND_WORDS | {"opaque": "anything"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rules_json_schema(registry: Registry, schema: Schema, templates: Iterable[str] = ()) -> dict[str, Json]:
    """The schema of one rule file for these actions, events, customer fields and message templates."""
    return {
        "$schema": DIALECT,
        "title": "Retain rule file",
        "type": "object",
        "required": ["version"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1, "description": "The grammar that this file is written in."},
            "rules": mapped({"$ref": "#/$defs/rule"}, "What to do, by the rule's id."),
            "tests": mapped({"type": "object"}, "Tests beside rules, by what they show."),
            "segments": mapped(SEGMENT, "Named conditions over customers: `customer in segment NAME`."),
            "metrics": mapped(METRIC, "Named expressions: `metrics.NAME`."),
            "teams": mapped(TEAM, "People who can own a lead or a ticket."),
            "tiers": mapped(TIER, "Loyalty programmes."),
            "calendars": mapped(CALENDAR, "Business hours and holidays."),
            "policies": {
                "type": "object",
                "description": "What every message has to pass, by channel.",
                "properties": dict.fromkeys(sorted(registry.channels), POLICY),
                "additionalProperties": False,
            },
        },
        "$defs": {
            "rule": _rule(),
            "conditions": CONDITIONS,
            "event": {
                **text("The name of an event; blanks, dashes and capitals do not matter."),
                "examples": sorted(schema.events),
            },
            "field": {
                **text("A customer field."),
                "examples": [f"customer.{name}" for name in sorted(schema.customer)],
            },
            "awaited": _awaited({}),
            "goal": _awaited({"within": {**DURATION, "description": "Counted from the start; 7d if not written."}}),
            "steps": listed({"$ref": "#/$defs/step"}, "One thing after another."),
            "step": _step(registry, schema, sorted(templates)),
        },
    }


def _rule() -> JsonSchema:
    return obj(
        "One rule.",
        {
            "description": text("For people; shown wherever the rule is shown."),
            "owner": text("Whom to ask about the rule."),
            "tags": {"type": ["string", "array"], "items": {"type": "string"}, "description": "For people."},
            "status": words(STATUS, "live; shadow decides and records but sends nothing; off."),
            "when": _one_or_more(_trigger(), "The trigger, or a list of triggers, that starts the rule."),
            "if": _conditions("What must be true for a start; unknown counts as not true."),
            "runs": obj(
                "How runs are counted, and what a second start does.",
                {
                    "per": text("The field that a run is counted by within its customer, such as event.cart_id."),
                    "mode": words(MODES, "What a second start with the same key does."),
                    "at_most": {**LIMIT, "description": "How often one key may start a run that had an effect."},
                },
            ),
            "exit_when": _one_or_more(_awaited({}), "What ends a waiting run; looked at again before every effect."),
            "goal": {"$ref": "#/$defs/goal", "description": "What counts as success of a run."},
            "holdout": {**SHARE, "description": "Share of customers, by hash, who are decided about and sent nothing."},
            "breaker": {**LIMIT, "description": "Above this many starts the rule pauses itself and asks a person."},
            "liveness": {**LIMIT, "description": "Below this many runs `doctor` says that the rule has gone quiet."},
            "then": {"$ref": "#/$defs/steps"},
            "on_change": words(ON_CHANGE, "What happens to waiting runs when the rule is edited."),
            "was": text("The id that the rule had before it was renamed."),
            "allow": {
                "type": ["string", "array"],
                "items": words(WARNINGS, "A code that `retain docs CODE` explains."),
                "description": "Codes of warnings that are meant so in this rule and are not told.",
            },
        },
        required=("when", "then"),
    )


def _conditions(description: str) -> JsonSchema:
    return {"$ref": "#/$defs/conditions", "description": description}


def _one_or_more(item: JsonSchema, description: str) -> JsonSchema:
    """A map, or a list of such maps: `properties` count for the map, `items` for the list."""
    return {**item, "type": ["object", "array"], "description": description, "items": item}


def _trigger() -> JsonSchema:
    field = {"$ref": "#/$defs/field"}
    schedule = obj(
        "A planned instant.",
        {
            "cron": text("Minute, hour, day of month, month, day of week: 0 9 * * 1-5"),
            "yearly": field,
            "date": field,
            "before": {**DURATION, "description": "How long before the day."},
            "after": {**DURATION, "description": "How long after the day."},
            "at": text("Local time of day; 09:00 if not written."),
            "timezone": text("A zone such as Europe/Berlin, or a field such as customer.timezone."),
            "each": {
                "type": ["string", "array"],
                "description": "Who is meant: `segment NAME`, or conditions over customers.",
                "items": {"type": ["string", "object"]},
            },
            "if_missed": words(IF_MISSED, "What to do about instants that passed while nothing ran."),
            "within": {**DURATION, "description": "How late a start may be."},
        },
    )
    return obj(
        "What starts a rule: one of event, becomes, schedule.",
        {
            "event": {"$ref": "#/$defs/event"},
            "if": _conditions("Which of these events count."),
            "becomes": _conditions("Starts when these turn true, also when only time has passed."),
            "for": {**DURATION, "description": "How long the conditions must have held."},
            "backfill": {"type": "boolean", "description": "Also start for customers for whom it is true already."},
            "schedule": schedule,
        },
    )


def _awaited(more: JsonSchema) -> JsonSchema:
    return obj(
        "What a run waits for: an event, or conditions that are true at any look.",
        {
            "event": {"$ref": "#/$defs/event"},
            "if": _conditions("Which of these events count."),
            "same": {
                "type": ["string", "array"],
                "items": {"type": "string"},
                "description": "Fields that must equal those of the event which started the run.",
            },
            "becomes": _conditions("Conditions that are true at a look."),
            **more,
        },
    )


def _step(registry: Registry, schema: Schema, templates: list[str]) -> JsonSchema:
    fields: dict[str, Json] = {name: {"description": _told(kind)} for name, kind in sorted(schema.customer.items())}
    changes = obj("New values of customer fields; null takes one away.", fields)
    actions = {name: _inputs(action, templates) for name, action in sorted(registry.actions.items())}
    return obj("One step: one action, and what goes with it.", {**CORE_STEPS, "set": changes, **actions})


def _told(kind: Type) -> str:
    """What a field is, for people."""
    listed_values = f", one of {', '.join(kind.enum)}" if kind.enum else ""
    return f"A customer field: {_KINDS.get(kind.kind, kind.kind)}{listed_values}."


def _inputs(action: Action, templates: list[str]) -> JsonSchema:
    loose = _loosened(action.inputs)
    if templates and "template" in loose.get("properties", {}):
        loose["properties"]["template"]["examples"] = templates
    return {
        **loose,
        "type": ["object", "null"] if not loose.get("required") else "object",
        "description": action.summary,
    }


def _loosened(schema: JsonSchema) -> dict[str, Json]:
    """A schema of an input as it is written in a rule, where `{{ }}` can stand for any value."""
    found: dict[str, Json] = {
        key: schema[key] for key in ("description", "required", "additionalProperties") if key in schema
    }
    kinds = schema.get("type")
    if "enum" in schema:
        found["examples"] = [item for item in schema["enum"] if item is not None]
    if kinds is not None:
        found["type"] = _with_text([kinds] if isinstance(kinds, str) else kinds)
    if isinstance(schema.get("properties"), Mapping):
        found["properties"] = {name: _loosened(part) for name, part in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        found["items"] = _loosened(schema["items"])
    return found


def _with_text(kinds: Iterable[str]) -> Json:
    names = list(dict.fromkeys([*kinds, "string"]))
    return names[0] if len(names) == 1 else names
