"""What is wrong with the declarations of one plugin, looked at before any of them counts."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from retain.deliver.quick_look import surely_sound
from retain.errors import PluginError
from retain.model import Json, slug
from retain.registry import Action, CustomerField, EventType, JsonSchema, RecordKind

_sound: set[str] = set()  # schemas found good: checking one takes milliseconds, and a reload declares all of them again
_ACTION_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")


def check_action(action: Action) -> None:
    """Refuse an action that could not be used as declared.

    Raises:
        PluginError: naming the action and what is wrong with it.
    """
    where = f"action {action.name!r}"
    if not _ACTION_NAME.fullmatch(action.name):
        raise PluginError("the name is not two or more lower-case words joined by dots", where=where)
    if (action.run is None) == (action.apply is None):
        raise PluginError("exactly one of run and apply must be given", where=where)
    if action.run is not None and not inspect.iscoroutinefunction(action.run):
        raise PluginError("run is not a coroutine function", where=where, cure="write it as `async def`")
    if action.timeout_s <= 0 or action.concurrency < 1:
        raise PluginError("timeout_s and concurrency must be above 0", where=where)
    check_schema(action.inputs, f"{where}, inputs", of_object=True)
    check_schema(action.output, f"{where}, output", of_object=True)
    check_value(dict(action.example.inputs), action.inputs, f"{where}, example inputs")
    check_value(dict(action.example.output), action.output, f"{where}, example output")


def check_event_type(event: EventType) -> None:
    """Refuse an event type whose name is not in the one form, or whose schema is not one."""
    where = f"event {event.name!r}"
    if slug(event.name) != event.name or not event.name:
        raise PluginError("the name is not in its one form", where=where, cure=f"write {slug(event.name)!r}")
    check_schema(event.schema, where, of_object=True)


def check_field(declared: CustomerField) -> None:
    """Refuse a customer field whose schema is not one."""
    check_schema(declared.schema, f"customer field {declared.name!r}")


def check_record_kind(kind: RecordKind) -> None:
    """Refuse a kind of record whose schema is not one."""
    check_schema(kind.schema, f"record kind {kind.name!r}", of_object=True)


def check_schema(schema: JsonSchema, where: str, *, of_object: bool = False) -> None:
    """Refuse what is not a JSON Schema, or is not one of an object where it must be.

    Raises:
        PluginError: naming the place in the schema.
    """
    text = json.dumps(dict(schema), default=repr)
    try:
        if text not in _sound and not surely_sound(schema):
            Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise PluginError(f"not a JSON Schema: {error.message} at {error.json_path}", where=where) from error
    _sound.add(text)
    if of_object and schema.get("type") != "object":
        raise PluginError('the schema must have "type": "object"', where=where)


def check_value(value: Json, schema: JsonSchema, where: str) -> None:
    """Refuse a value that its schema does not allow. The text never repeats the value: it may be a secret.

    Raises:
        PluginError: naming the first offending place and the keyword it offends.
    """
    found = min(Draft202012Validator(dict(schema)).iter_errors(value), key=lambda error: error.json_path, default=None)
    if found is None:
        return
    place = found.json_path.removeprefix("$").removeprefix(".") or "the whole"
    known = found.schema.get("properties", {}) if isinstance(found.schema, dict) else {}
    if found.validator == "additionalProperties" and isinstance(found.instance, dict):
        unknown = sorted(set(found.instance) - set(known))
        raise PluginError(f"unknown key {unknown[0]!r} in {place}", where=where, cure=f"known: {', '.join(known)}")
    if found.validator == "required" and isinstance(found.instance, dict):
        missing = [key for key in found.validator_value if key not in found.instance]
        raise PluginError(f"{missing[0]!r} is missing in {place}", where=where)
    raise PluginError(f"{place} does not satisfy {found.validator}: {found.validator_value}", where=where)


def first_repeated(names: Iterable[str]) -> str:
    """The first name that comes twice, or an empty text."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
