"""A project's folders, the JSON Schema of its rule files, and texts that nobody meant to write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retain.deliver.loading import load_plugins
from retain.language.documents.nodes import plain
from retain.language.documents.yaml import read_yaml
from retain.language.load import schedules as load_schedules
from retain.language.load import sets as load_sets
from retain.language.load import steps as load_steps
from retain.language.load import triggers as load_triggers
from retain.language.load.files import KINDS, load_rules
from retain.language.load.rule import KEYS, RUNS_KEYS
from retain.language.project import read_project
from retain.language.schemas.fields import load_schema
from retain.language.schemas.rule_files import rules_json_schema
from retain.resources import resource
from rule_file_help import REGISTRY, SHARED, SHOP, load
from test_rule_files_load import ABANDONED_CART, PINNED

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = rules_json_schema(REGISTRY, SHOP)


def test_rules_tests_and_templates_are_read_with_names_relative_to_the_project(tmp_path: Path) -> None:
    for name in ("rules/b.yaml", "rules/more/a.yaml", "tests/t.yaml", "templates/hello.txt", "rules/.hidden.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Subject: x\n\ny" if name.endswith("txt") else "version: 1\n")
    project = read_project(tmp_path)
    assert [name for name, _ in project.files] == ["rules/b.yaml", "rules/more/a.yaml", "tests/t.yaml"]
    assert list(project.templates.templates) == ["hello"]
    assert project.problems == ()


def test_a_folder_of_rules_is_a_project_too(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "templates").mkdir(parents=True)
    (folder / "a.yaml").write_text("version: 1\n")
    (folder / "templates" / "hello.txt").write_text("Subject: x\n\ny")
    project = read_project(folder)
    assert [name for name, _ in project.files] == ["mine/a.yaml"]
    assert list(project.templates.templates) == ["hello"]


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("# " + "x" * 1_000_001)
    project = read_project(tmp_path)
    assert project.files == ()
    assert [problem.code for problem in project.problems] == ["E202"]


def test_the_shipped_rules_load_without_an_error() -> None:
    registry = load_plugins({}).registry
    schema, _ = load_schema([], registry)
    project = read_project(resource("rules"))
    ruleset, problems = load_rules(project.files, schema, registry, templates=project.templates)
    assert [problem.render() for problem in problems if problem.severity == "error"] == []
    assert len(ruleset.rules) >= 8


def test_the_json_schema_is_one_and_takes_rule_files() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for text in (ABANDONED_CART, PINNED, SHARED):
        root, _ = read_yaml(text, "a.yaml")
        assert root is not None
        assert list(Draft202012Validator(SCHEMA).iter_errors(plain(root))) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{version: 1, rule: {}}", []),
        ("{version: 1, rules: {r: {when: {evnt: a}, then: []}}}", ["rules", "r", "when"]),
        ("{version: 1, rules: {r: {when: {event: a}, then: [{wiat: 1h}]}}}", ["rules", "r", "then", 0]),
        ("{version: 1, rules: {r: {when: {event: a}, then: [{task.create: {titel: a}}]}}}", None),
    ],
)
def test_the_json_schema_tells_a_mistake_at_its_place(text: str, path: list[str | int] | None) -> None:
    root, _ = read_yaml(text, "a.yaml")
    assert root is not None
    found = [list(error.absolute_path) for error in Draft202012Validator(SCHEMA).iter_errors(plain(root))]
    assert found
    assert path is None or found == [path]


def test_the_json_schema_knows_the_keys_that_the_loader_knows() -> None:
    parts = SCHEMA["$defs"]
    rule, step = parts["rule"]["properties"], parts["step"]["properties"]
    assert set(SCHEMA["properties"]) == {"version", *KINDS}
    assert set(rule) == set(KEYS)
    assert set(rule["runs"]["properties"]) == set(RUNS_KEYS)
    siblings = {key for keys in load_steps.SIBLINGS.values() for key in keys}
    assert set(step) == {*load_steps.SIBLINGS, *siblings, *load_steps.ACTION_SIBLINGS, *REGISTRY.actions}
    trigger = rule["when"]["properties"]
    assert set(trigger) == {key for keys in load_triggers.START_KEYS.values() for key in keys}
    assert set(trigger["schedule"]["properties"]) == set(load_schedules.KEYS)
    assert set(parts["awaited"]["properties"]) == {key for keys in load_triggers.AWAITED_KEYS.values() for key in keys}
    kinds = SCHEMA["properties"]
    assert set(kinds["teams"]["additionalProperties"]["properties"]) == set(load_sets.TEAM_KEYS)
    assert set(kinds["tiers"]["additionalProperties"]["properties"]) == set(load_sets.TIER_KEYS)
    assert set(kinds["calendars"]["additionalProperties"]["properties"]) == set(load_sets.CALENDAR_KEYS)
    assert set(kinds["policies"]["properties"]["email"]["properties"]) == set(load_sets.POLICY_KEYS)


WHOLE = ABANDONED_CART.replace("\n    ", "\n") + "\n" + SHARED.replace("version: 1\n", "")
PIECES = [
    "{{",
    "}}",
    ": ",
    "- ",
    "\n",
    "  ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "#",
    "&a ",
    "*a",
    "null",
    "1",
    "|",
    "\t",
    "é",
    "",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A rule file with a few pieces cut out, doubled, moved or replaced."""
    text = WHOLE
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 1, 2, 5, 40])))
        new = draw(st.sampled_from([*PIECES, text[start:end] * 2]))
        text = text[:start] + new + text[end:]
    return text


def _survives(text: str) -> None:
    ruleset, problems = load(text)
    for problem in problems:
        assert problem.render()
        assert problem.place.column <= len(problem.line_text) + 1
    errors = any(problem.severity == "error" for problem in problems)
    assert errors or not ruleset.disabled
    assert not ruleset.rules.keys() & ruleset.disabled.keys()


@settings(max_examples=100)
@given(mutated())
def test_no_rule_file_makes_loading_fail(text: str) -> None:
    _survives(text)


@pytest.mark.long
@settings(max_examples=20_000)
@given(mutated())
def test_no_rule_file_of_twenty_thousand_makes_loading_fail(text: str) -> None:
    _survives(text)


NAMES = st.sampled_from([*KEYS, *load_steps.SIBLINGS, "event", "becomes", "schedule", "id"])
LEAVES = st.none() | st.booleans() | st.integers(-3, 100) | st.sampled_from(["1h", "event", "{{ event.total }}", ""])
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
ENTRIES = st.dictionaries(st.sampled_from(["a", "b", "email"]), TREES, max_size=2)


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(KINDS), ENTRIES))
def test_no_shape_of_a_rule_file_makes_loading_fail(tree: dict[str, object]) -> None:
    _survives(json.dumps({"version": 1, **tree}, indent=1))
