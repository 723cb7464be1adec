"""JSON Schema as types, and which file has the last word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.language.schemas.fields import load_schema, locate
from retain.language.schemas.types import field_types
from retain.language.types import Type
from retain.model import Json, Problem
from retain.registry import CustomerField, EventType, Registry
from retain.resources import resource


def load(folder: Path, registry: Registry | None = None, **files: Json) -> tuple[dict[str, Type], list[Problem]]:
    """The fields of the event `x`, declared in a project."""
    (folder / "events").mkdir(exist_ok=True)
    for name, schema in files.items():
        (folder / "events" / f"{name}.json").write_text(json.dumps(schema))
    schema, problems = load_schema([folder], registry or Registry())
    return dict(schema.events["x"]), problems


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"type": "string"}, Type("text", nullable=True)),
        ({"type": ["string", "null"]}, Type("text", nullable=True)),
        ({"enum": ["a", "b", None]}, Type("text", nullable=True, enum=("a", "b"))),
        ({"type": "string", "const": "a"}, Type("text", nullable=True, enum=("a",))),
        ({"type": "string", "format": "date"}, Type("date", nullable=True)),
        ({"type": "string", "format": "date-time"}, Type("instant", nullable=True)),
        ({"type": "string", "format": "email"}, Type("text", nullable=True)),
        ({"type": "integer"}, Type("int", nullable=True)),
        ({"type": ["integer", "number"]}, Type("number", nullable=True)),
        ({"type": "number", "multipleOf": 0.01}, Type("money", nullable=True, scale=100)),
        ({"type": "number", "multipleOf": 0.05}, Type("money", nullable=True, scale=100)),
        ({"type": "number", "multipleOf": 0.001}, Type("money", nullable=True, scale=1000)),
        ({"type": "number", "multipleOf": 5}, Type("int", nullable=True)),
        ({"type": "boolean"}, Type("bool", nullable=True)),
        ({"type": "array", "items": TEXT}, Type("text_set")),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, Type("text_set", enum=("a", "b"))),
        ({"type": "array", "items": NUMBER}, Type("number_set")),
        ({"type": "array"}, Type("opaque", nullable=True)),
        ({"type": "array", "items": {"type": "boolean"}}, Type("opaque", nullable=True)),
        ({"type": "object"}, Type("opaque", nullable=True)),
        ({"type": ["string", "number"]}, Type("opaque", nullable=True)),
        ({"$ref": "#/x"}, Type("opaque", nullable=True)),
        ({"anyOf": [TEXT, NUMBER]}, Type("opaque", nullable=True)),
    ],
)
def test_what_is_understood_and_what_is_opaque(tmp_path: Path, declared: Json, expected: Type) -> None:
    assert load(tmp_path, x={"properties": {"f": declared}}) == ({"f": expected}, [])


def test_a_field_is_there_for_sure_only_if_every_object_around_it_is_required(tmp_path: Path) -> None:
    inner = {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "required": ["a"]}
    found, _ = load(tmp_path, x={"properties": {"sure": inner, "perhaps": inner}, "required": ["sure"]})
    assert {path for path, type_ in found.items() if not type_.nullable} == {"sure", "sure.a"}


def test_a_required_field_that_may_be_null_can_be_missing(tmp_path: Path) -> None:
    found, _ = load(tmp_path, x={"properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]})
    assert found["a"].nullable


def test_fields_of_the_objects_in_an_array_are_sets(tmp_path: Path) -> None:
    item = {"type": "object", "properties": {"category": TEXT, "price": {"type": "number", "multipleOf": 0.01}}}
    found, _ = load(tmp_path, x={"properties": {"products": {"type": "array", "items": item}}})
    assert {path: type_.kind for path, type_ in found.items()} == {
        "products": "opaque",
        "products.category": "text_set",
        "products.price": "number_set",
    }


def test_a_project_extends_a_shipped_event_and_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    mine = {"properties": {"total": {"type": "number", "multipleOf": 0.001}, "store": TEXT}, "required": ["total"]}
    (tmp_path / "events" / "Order Completed.json").write_text(json.dumps(mine))
    schema, problems = load_schema([tmp_path], Registry())
    order = schema.events["order_completed"]
    assert problems == []
    assert order["total"] == Type("money", scale=1000)
    assert "store" in order
    assert order["currency"].kind == "text"


def test_a_plugin_declares_what_no_file_does(tmp_path: Path) -> None:
    registry = Registry(
        fields={
            "tier": CustomerField(name="tier", schema={"enum": ["a"]}),
            "turn": CustomerField(name="turn", schema=TEXT),
        },
        event_types={"x": EventType(name="X", summary="", schema={"properties": {"a": NUMBER, "b": NUMBER}})},
    )
    found, problems = load(tmp_path, registry, x={"properties": {"a": TEXT}})
    schema, _ = load_schema([], registry)
    assert problems == []
    assert {path: type_.kind for path, type_ in found.items()} == {"a": "text", "b": "number"}
    assert schema.customer["turn"].kind == "text"
    assert schema.customer["tier"].enum == ()


def test_a_project_without_schemas_has_the_shipped_ones(tmp_path: Path) -> None:
    schema, problems = load_schema([tmp_path / "schemas"], Registry())
    assert problems == []
    assert schema.customer["email"] == Type("text", nullable=True)
    assert schema.customer["created_at"].kind == "instant"
    assert schema.events["order_completed"]["total"] == Type("money", nullable=True, scale=100)
    assert schema.events["order_completed"]["products.category"].kind == "text_set"
    assert schema.events["customer_updated"]["changed"] == Type("text_set")
    assert {"page_viewed", "signed_up", "cart_updated", "email_bounced", "nps_answered"} <= set(schema.events)


def test_naming_the_shipped_folder_again_changes_nothing() -> None:
    assert load_schema([resource("schemas")], Registry()) == load_schema([], Registry())


def test_shipped_files_are_named_by_the_slug_of_their_title() -> None:
    for path in resource("schemas").glob("events/*.json"):
        title = json.loads(path.read_text())["title"]
        assert path.stem == title.casefold().replace(" ", "_")


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["object", "array", "number", "string", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["properties", "type", "items", "enum", "required", "multipleOf", "const", "format", "a", "b-"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_json_is_read_or_reported(schema: Json) -> None:
    problems: list[str] = []
    text = json.dumps(schema)

    def report(code: str, message: str, key: tuple[str, ...], cure: str) -> None:
        start, end = locate(text, key)
        assert 0 <= start < max(end, 1)
        problems.append(code)

    found = field_types(schema, report)
    assert set(problems) <= {"E141", "E142"}
    assert all(type_.scale > 1 for type_ in found.values() if type_.kind == "money")


def test_a_file_that_is_no_text_or_too_large_is_reported(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "customer.json").write_bytes(b"\xff")
    (tmp_path / "events" / "a.json").write_text(" " * 1_000_001)
    assert [problem.code for problem in load_schema([tmp_path], Registry())[1]] == ["E140", "E140"]


def test_a_plugin_with_a_wrong_schema_is_named() -> None:
    wrong = EventType(name="x", summary="", schema={"properties": {"a": {"type": "int"}}}, plugin="loyalty")
    (problem,) = load_schema([], Registry(event_types={"x": wrong}))[1]
    assert (problem.place.file, problem.message[:17]) == ("plugin loyalty", "properties.a.type")


def test_a_key_is_found_where_it_is_written() -> None:
    text = '{"a": {"x": [1, {"b": 2}], "b" :\n {"c": null}}, "b": 1}'
    start, end = locate(text, ("a", "b", "c"))
    assert (text[start:end], text[:start].count("\n")) == ('"c"', 1)
    assert text[slice(*locate(text, ("a", "nothing")))] == '"a"'


@pytest.mark.parametrize(
    ("text", "column", "what", "cure"),
    [
        ('{"type": 1 "title": 2}', 12, "a comma or a closing bracket is missing before this", "value before"),
        ("{type: 1}", 2, "a key in double quotes is expected here", "no comma"),
        ('{"type": }', 10, "a value is expected here", "write one"),
        ('{"type": "x}', 10, "this quote is not closed", "close the quote"),
        ('{"type": "\\d"}', 11, "this backslash means nothing", "write \\\\"),
        ('{"type": 1} x', 13, "the file has ended before this", "take it out"),
        ('{"type" 1}', 9, "a colon is missing before this", '"KEY": VALUE'),
    ],
)
def test_a_schema_that_is_no_json_says_what_is_wrong_and_what_to_write(
    text: str, column: int, what: str, cure: str, tmp_path: Path
) -> None:
    (tmp_path / "customer.json").write_text(text)
    (problem,) = load_schema([tmp_path], Registry())[1]
    assert (problem.code, problem.place.column, problem.message) == ("E140", column, what)
    assert cure in problem.help
