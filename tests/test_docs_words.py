"""`retain docs NAME` explains every word that a rule file may hold, and its examples are valid."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest

import retain.wire
from cli_help import here
from docs_help import load, registry, schema
from retain.app.reference.grammar import EXAMPLES, FILE, STEP, grammar
from retain.app.reports.words import WORDS
from retain.language.schemas.rule_files import rules_json_schema
from retain.language.types import Schema
from retain.model import Json
from retain.registry import Registry

JOINS = {"any", "all", "none"}  # words of conditions, not keys


def keys_of(shape: Json) -> Iterator[str]:
    """Every key that a JSON Schema allows, however deep."""
    if isinstance(shape, dict):
        yield from shape.get("properties", {})
        for part in shape.values():
            yield from keys_of(part)


def rule_file(kind: str, text: str) -> str:
    """An example where its kind belongs, in a rule file that is whole."""
    if kind == FILE:
        return f"version: 1\n{text}\n"
    keys = {"when": "when: {event: order_completed}", "then": "then:\n  - log.write: {message: hello}"}
    if kind == STEP:
        keys["then"] = f"then:\n{indent(text, '  ')}"
    else:
        keys[text.partition(":")[0]] = text
    body = "\n".join(keys.values())
    return f"version: 1\nrules:\n  one:\n{indent(body, '    ')}\n"


@pytest.mark.parametrize(("kind", "name"), EXAMPLES)
def test_the_example_of_a_key_loads(kind: str, name: str) -> None:
    _, problems = load(rule_file(kind, EXAMPLES[kind, name]))
    assert [problem.render() for problem in problems if problem.severity == "error"] == []


def test_every_key_of_rule_files_is_explained() -> None:
    whole = rules_json_schema(registry(), schema())
    shapes = whole["$defs"]
    rule = shapes["rule"]["properties"]
    wanted = {*whole["properties"], *rule, *shapes["goal"]["properties"], *shapes["step"]["properties"]}
    wanted |= set(keys_of(rule["runs"])) | set(keys_of(rule["when"]))
    explained = {article.name for article in grammar(registry(), schema())}
    assert wanted - explained - set(registry().actions) - JOINS == set()


def test_every_key_says_what_it_means() -> None:
    assert [article.name for article in grammar(registry(), schema()) if not article.summary] == []


def test_words_are_explained_without_any_plugin_too() -> None:
    assert "wait" in {article.name for article in grammar(Registry(), Schema())}


@pytest.mark.parametrize("name", ["wait", "becomes", "at_most", "per", "policies", "if", "customer.email", "same"])
def test_the_command_explains_the_words_of_rule_files(name: str) -> None:
    answer = here("docs", name)
    assert (answer.code, answer.out.startswith(name)) == (0, True)


def reasons_of(path: Path, maker: str, place: int) -> set[str]:
    """The reasons for which a module refuses a message: the argument at this place of what makes the refusal."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == maker]
    return {part.value for call in made if isinstance(part := call.args[place], ast.Constant)}


def test_every_reason_of_a_rejected_message_is_explained() -> None:
    room = Path(retain.wire.__file__).parent
    reasons = reasons_of(room / "calls.py", "Rejection", 1)
    for module in ("message", "ids", "fields"):
        reasons |= reasons_of(room / f"{module}.py", "IngestError", 0)
    assert reasons - {word for word, _ in WORDS["reason of a rejected message"]} == set()
    assert len(reasons) > 5
