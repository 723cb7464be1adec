"""Values of a rule file against the JSON Schema that declares them, with the place of the very key that is wrong.

A `{{ }}` has no value yet: it stands as `Unknown`, of which only the type is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from retain.errors import did_you_mean
from retain.language.documents.nodes import ListNode, MapNode, Node, Part, Scalar
from retain.language.documents.shapes import SCHEMA_WORDS, shown
from retain.language.template import Insert, Template, Text
from retain.language.types import SETS, Type
from retain.model import Json, Problem
from retain.registry import JsonSchema

_PLAIN = frozenset({
    "type", "title", "description", "examples", "default", "enum", "minLength", "minimum", "maximum", "properties",
    "required", "additionalProperties", "items",
})  # fmt: skip
_JSON_KINDS = {
    "bool": "boolean",
    "int": "integer",
    "number": "number",
    "money": "number",
    "text": "string",
    "instant": "string",
    "date": "string",
    "duration": "string",
    "text_set": "array",
    "number_set": "array",
}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is known only when the step is reached."""

    type: Type


def json_schema_of(kind: Type) -> JsonSchema:
    """The JSON Schema of values that a field of this type can be set to; null takes the value away."""
    name = _JSON_KINDS.get(kind.kind)
    if name is None:
        return {}
    schema: dict[str, Json] = {"type": [name, "null"]}
    if kind.enum:
        schema["enum"] = [*kind.enum, None]
    if kind.kind in SETS:
        schema["items"] = {"type": "string" if kind.kind == "text_set" else "number"}
    return schema


def value_problems(node: Node, template: Template, validator: Validator, what: str, at: Part) -> Iterator[Problem]:
    """Everything that is wrong with a value; what is lacking is told at `at`."""
    value = instance_of(template.shape)
    if isinstance(validator.schema, Mapping) and _surely_fits(value, validator.schema):
        return
    for error in validator.iter_errors(value):
        yield from _problems(node, error, what, at)


def _surely_fits(value: Json, schema: JsonSchema) -> bool:
    """Whether a value fits without doubt, which in the usual case spares the slow and thorough look."""
    if not schema.keys() <= _PLAIN:
        return False
    kind = schema.get("type")
    if isinstance(value, Unknown):
        given = _JSON_KINDS.get(value.type.kind, kind)
        return kind is None or given == kind or (given == "integer" and kind == "number")
    if isinstance(value, str):
        known = "enum" not in schema or value in schema["enum"]
        return kind in (None, "string") and known and len(value) >= schema.get("minLength", 0)
    if "enum" in schema:
        return False
    if isinstance(value, Mapping):
        return kind in (None, "object") and _map_surely_fits(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        fits = kind in (None, "number") or (kind == "integer" and isinstance(value, int))
        return fits and schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return False


def _map_surely_fits(value: Mapping[str, Json], schema: JsonSchema) -> bool:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True) is True
    if any(name not in value for name in schema.get("required", ())):
        return False
    return all(_surely_fits(item, known[name]) if name in known else others for name, item in value.items())


def validator_of(schema: JsonSchema) -> Validator:
    """A compiled validator, to be kept and used again."""
    return Draft202012Validator(schema)


def instance_of(shape: Json) -> Json:
    """The value as far as it is known."""
    if isinstance(shape, Insert):
        return Unknown(shape.type)
    if isinstance(shape, Text):
        return Unknown(Type("text"))
    if isinstance(shape, Mapping):
        return {key: instance_of(value) for key, value in shape.items()}
    if isinstance(shape, list):
        return [instance_of(item) for item in shape]
    return shape


def _problems(node: Node, error: ValidationError, what: str, at: Part) -> Iterator[Problem]:
    path = list(error.absolute_path)
    found = _find(node, path)
    name = ".".join(str(part) for part in path if isinstance(part, str))
    if error.validator in ("anyOf", "oneOf", "allOf", "not", "if", "dependentSchemas") and _holds_unknown(
        error.instance
    ):
        return
    if isinstance(error.instance, Unknown):
        yield from _unknown_problem(found, error, name)
    elif error.validator == "additionalProperties" and isinstance(found, MapNode):
        yield from _extra_keys(found, error, f"{name} of {what}" if name else what)
    elif error.validator == "required":
        yield from _lacking_key(found if path else at, error, f"{name} of {what}" if name else what)
    else:
        cure = "put it in quotes" if _wants_quotes(found, error) else ""
        yield found.complain("E307", _misfit(found, error, name or what), cure)


def _find(node: Node, path: list[str | int]) -> Node:
    for part in path:
        if isinstance(node, MapNode) and part in node.entries:
            node = node.entries[part]
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    return node


def _holds_unknown(value: Json) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return isinstance(value, Unknown)


def _unknown_problem(node: Node, error: ValidationError, name: str) -> Iterator[Problem]:
    if error.validator != "type":
        return
    wanted = _wanted_types(error)
    unknown: Json = error.instance
    kind = unknown.type.kind
    given = _JSON_KINDS.get(kind)
    if given is None or given in wanted or (given == "integer" and "number" in wanted):
        return
    words = " or ".join(SCHEMA_WORDS[word] for word in wanted if word != "null")
    cure = "write more than the {{ }} into the text to make it one" if "string" in wanted else ""
    yield node.complain("E308", f"{name} must be {words}; this expression is {_article(kind)}", cure)


def _wanted_types(error: ValidationError) -> list[str]:
    wanted: Json = error.validator_value
    return wanted if isinstance(wanted, list) else [wanted]


def _article(kind: str) -> str:
    words = {
        "bool": "true or false",
        "int": "a whole number",
        "text_set": "a set of texts",
        "number_set": "a set of numbers",
    }
    return words.get(kind, f"an {kind}" if kind == "instant" else f"a {kind}")


def _extra_keys(node: MapNode, error: ValidationError, what: str) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {})) if isinstance(error.schema, Mapping) else []
    for key in node.keys.values():
        if key.text not in known:
            yield key.complain("E305", f"{what} has no input {key.text!r}", did_you_mean(key.text, known))


def _lacking_key(at: Part, error: ValidationError, what: str) -> Iterator[Problem]:
    """One problem for each key; jsonschema makes one error for each, whose message begins with the key."""
    name = error.message.rsplit(" is a required property", 1)[0].strip("'\"")
    yield at.complain("E306", f"{what} needs {name!r}", f"add {name}: …")


def _misfit(node: Node, error: ValidationError, name: str) -> str:
    value: Json = error.validator_value
    if error.validator == "type":
        wanted = _wanted_types(error)
        words = " or ".join(SCHEMA_WORDS.get(word, word) for word in wanted if word != "null" or len(wanted) == 1)
        return f"{name} must be {words}, not {shown(node)}"
    if error.validator == "enum":
        words = ", ".join(str(item) for item in value if item is not None)
        return f"{name} must be one of {words}, not {shown(node)}"
    if error.validator == "minLength":
        return f"{name} must not be empty" if value == 1 else f"{name} must have at least {value} characters"
    if error.validator == "pattern" and isinstance(error.schema, Mapping) and error.schema.get("examples"):
        return f"{name} must be such as {' or '.join(map(str, error.schema['examples']))}, not {shown(node)}"
    if _holds_unknown(error.instance):
        return f"{name} does not fit {error.validator} {value}"
    message = error.message if len(error.message) <= 200 else error.message[:199] + "…"
    return f"{name} does not fit: {message}"


def _wants_quotes(node: Node, error: ValidationError) -> bool:
    wanted = _wanted_types(error)
    plain = isinstance(node, Scalar) and not node.style and node.value is not None
    return error.validator == "type" and "string" in wanted and plain
