"""Every example in the documentation is what it says: rule files load, tests in them pass, conditions are checked."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from docs_help import (
    GENERATED,
    ROOT,
    Block,
    Table,
    blocks,
    load,
    load_beside_shipped,
    pages,
    registry,
    rule_file,
    schema,
    tables,
    text_of,
)
from retain.config.settings import load_config
from retain.language.checking.expressions import read_condition
from retain.language.environment import Environment
from retain.language.rules import RuleSet
from retain.language.syntax.source import TextSource
from retain.model import Problem
from retain.testing import run_rule_tests
from retain.wire.mapping import read_mapping

ELSEWHERE = {"docs/reference/time.md"}  # test_time_reference.py reads it
OWN = [page for page in pages() if page not in GENERATED | ELSEWHERE]
YAML = [block for page in OWN for block in blocks(page, "yaml")]
FOLLOWED = {  # pages whose files are written, and whose commands are carried out, by the test that is named
    "docs/tutorial/ten-minutes.md": "test_docs_tutorial",
    "docs/how-to/change-a-rule.md": "test_docs_loop",
    "docs/how-to/check-in-ci.md": "test_docs_ci",
    "docs/reference/screens.md": "test_docs_screens",
}
RULES = [block for block in YAML if not block.note.startswith(("example: configuration", "example: mapping", "file: "))]
CONDITIONS = [
    (table, row[0])
    for page in OWN
    for table in tables(page)
    if table.note.startswith("conditions")
    for row in table.rows
]


@pytest.mark.parametrize("block", RULES, ids=lambda block: block.id)
def test_a_rule_file_or_fragment_has_no_error_and_no_warning_that_it_does_not_announce(block: Block) -> None:
    _, warns = rule_file(block)
    _, problems = loaded(block)
    unexpected = [problem.render() for problem in problems if problem.code not in warns]
    assert unexpected == []
    assert warns <= {problem.code for problem in problems}


@pytest.mark.parametrize("block", blocks("docs/reference/actions.md", "yaml"), ids=lambda block: block.id)
def test_the_example_of_an_action_is_a_step(block: Block) -> None:
    _, problems = load(rule_file(replace(block, note="example: steps of order_completed"))[0])
    assert [problem.render() for problem in problems if problem.severity == "error"] == []


def test_no_yaml_example_is_left_out() -> None:
    """Every block is loaded as rules, configuration or mapping, or belongs to a page that is followed as a whole."""
    tried = {block.id for block in YAML if not block.note.startswith("file: ")}
    tried |= {block.id for block in blocks("docs/reference/actions.md", "yaml")}
    tried |= {block.id for page in FOLLOWED | dict.fromkeys(ELSEWHERE) for block in blocks(page, "yaml")}
    fences = {page: len(re.findall(r"^ *`{3,} *ya?ml", text_of(page), re.MULTILINE)) for page in pages()}
    assert fences == {page: sum(one.rpartition(":")[0] == page for one in tried) for page in pages()}
    assert [page for page, test in FOLLOWED.items() if page not in (ROOT / "tests" / f"{test}.py").read_text()] == []


@pytest.mark.parametrize("block", [block for block in RULES if "\ntests:" in block.text], ids=lambda block: block.id)
def test_tests_in_examples_pass(block: Block) -> None:
    ruleset, _ = loaded(block)
    report = run_rule_tests(ruleset, schema(), registry())
    assert report.results
    assert [(result.name, result.failures) for result in report.failed] == []


@pytest.mark.parametrize(
    "block", [block for block in YAML if block.note == "example: configuration"], ids=lambda block: block.id
)
def test_a_configuration_can_be_loaded(block: Block, tmp_path: Path) -> None:
    (tmp_path / "retain.yaml").write_text(block.text if "version:" in block.text else f"version: 1\n{block.text}")
    load_config(tmp_path)


@pytest.mark.parametrize("block", [b for b in YAML if b.note == "example: mapping"], ids=lambda block: block.id)
def test_a_mapping_can_be_read(block: Block) -> None:
    assert read_mapping(block.text, "mapping.yml").messages


@pytest.mark.parametrize(("table", "text"), CONDITIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_condition_in_a_table_means_something(table: Table, text: str) -> None:
    node, problems = read_condition(TextSource(text), environment(table.note))
    assert [problem.render() for problem in problems if not _announced(problem.code, table.note)] == []
    assert node is not None


@pytest.mark.parametrize(
    ("text", "code"),
    [row[:2] for page in OWN for table in tables(page) if table.note == "refused" for row in table.rows],
)
def test_a_condition_that_is_said_to_be_refused_is_refused_so(text: str, code: str) -> None:
    env = environment("")
    if code == "E103":
        env = replace(env, events=None)
    node, problems = read_condition(TextSource(text), env)
    assert node is None
    assert code in {problem.code for problem in problems}


def loaded(block: Block) -> tuple[RuleSet, list[Problem]]:
    """An example, beside the shipped rules where it is a test of one of them."""
    text, _ = rule_file(block)
    return load_beside_shipped(text) if block.note == "example: tests of shipped rules" else load(text)


def environment(note: str) -> Environment:
    """All that a condition of a rule which starts on the table's event may name."""
    event = note.partition(", ")[0].partition(" of ")[2] or "order_completed"
    ruleset, problems = load("version: 1\n")
    assert problems == []
    return replace(
        Environment(schema=schema(), functions=registry().functions, events=(event,), has_start=True),
        segments={name: segment.condition.nodes[0] for name, segment in ruleset.segments.items()},
        metrics={name: metric.expression.node for name, metric in ruleset.metrics.items()},
        named={"tiers": ruleset.tiers, "teams": ruleset.teams},
    )


def _announced(code: str, note: str) -> bool:
    return code in note.partition(", warns ")[2].split()
