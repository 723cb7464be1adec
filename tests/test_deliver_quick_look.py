"""What the quick look at a schema lets pass is a JSON Schema; the schemas of the shipped plugins need no other look."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retain.deliver.loading import load_plugins
from retain.deliver.quick_look import surely_sound
from retain.model import Json

WORDS = (
    "type", "title", "description", "examples", "enum", "default", "minimum", "multipleOf", "minLength", "maxItems",
    "required", "pattern", "$ref", "anyOf", "minProperties", "tyype",
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.floats(-1, 1), st.sampled_from(["string", "object", "x", "("]),
    st.lists(st.sampled_from(["string", "null", "x", 1]), max_size=3),
)  # fmt: skip


def _schemas(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    words = st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=3)
    nested = st.fixed_dictionaries(
        {},
        optional={"properties": st.dictionaries(st.text("ab"), inner), "items": inner, "additionalProperties": inner},
    )
    return st.tuples(words, nested).map(lambda pair: {**pair[0], **pair[1]})


@given(st.recursive(VALUES, _schemas, max_leaves=8))
def test_whatever_passes_the_quick_look_is_a_json_schema(schema: Json) -> None:
    if surely_sound(schema):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [True, {"type": "text"}, {"type": []}, {"required": "a"}, {"required": ["a", "a"]}, {"multipleOf": 0},
     {"properties": {"a": {"minLength": -1}}}, {"minimum": True}, {"items": [{}]}],
)  # fmt: skip
def test_what_is_wrong_or_unusual_does_not_pass(schema: Json) -> None:
    assert not surely_sound(schema)


def test_nearly_all_schemas_of_the_shipped_plugins_pass() -> None:
    registry = load_plugins({}).registry
    schemas: list[Mapping[str, Json]] = [
        schema for one in registry.actions.values() for schema in (one.inputs, one.output)
    ]
    schemas += [event.schema for event in registry.event_types.values()]
    assert sum(map(surely_sound, schemas)) >= 0.9 * len(schemas)
