"""Every problem of a rule file is told at the very column, and no other beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

import rule_file_cases as table
from decide_help import registry, schema
from retain.language.documents.yaml import MAX_BYTES, MAX_DEPTH
from retain.language.load.files import load_rules
from retain.language.message_templates import read_templates
from retain.language.project import read_project
from retain.model import Problem
from rule_file_cases import Case
from rule_file_help import REGISTRY, SHARED, SHOP, TEMPLATES, load

FILES = [*table.YAML, *table.FILES, *table.RULES, *table.BESIDE, *table.STEPS]


def _placed(problems: list[Problem]) -> list[tuple[str, int, int]]:
    return [(problem.code, problem.place.line, problem.place.column) for problem in problems]


@pytest.mark.parametrize("case", FILES, ids=str)
def test_a_file_has_this_problem_at_this_column_and_no_other(case: Case) -> None:
    _, found = load(case.text)
    assert [(p.code, p.place.line, p.place.column, p.place.width) for p in found] == [
        (case.code, case.line, case.column, case.width)
    ], case.text + "\n".join(p.render() for p in found)


@pytest.mark.parametrize("case", table.NO_POLICY, ids=str)
def test_a_message_on_a_channel_without_a_policy_is_an_error(case: Case) -> None:
    ruleset, found = load_rules([("rules.yaml", case.text)], SHOP, REGISTRY, templates=TEMPLATES)
    assert _placed(found) == [(case.code, case.line, case.column)]
    assert list(ruleset.disabled) == ["r"]


LARGE = [
    Case("E202", "a: " + "x" * MAX_BYTES, 1, 1, 1),
    Case("E202", "version: 1\nrules: " + "[" * (MAX_DEPTH + 5), 2, 7 + MAX_DEPTH, 1),
]
CHARACTERS = [
    Case("E204", "version: 1\nmetrics: {a: 1\x00}", 2, 15, 1),
    Case("E204", "version: 1\nmetrics: {a: '\x1b[31m'}", 2, 15, 1),
]
TEMPLATE_FILES = [
    Case("E405", "Hello\n\nno subject", 1, 1, 5),
    Case("E405", "Subject: Hello\n\nDear {% if customer.email %}", 3, 1, 29),
    Case("E406", "Subject: Hello\n\nDear {{ customer.fist_name }}", 3, 9, 18),
    Case("E406", "Subject: Hello\n\nDear {{ recipient.name }}", 3, 9, 14),
]
SAY_WHAT_MUST_STAND_THERE = ("E307", "E308")
CASES = [*FILES, *table.NO_POLICY, *LARGE, *CHARACTERS, *TEMPLATE_FILES]


@pytest.mark.parametrize("case", [*LARGE, *CHARACTERS], ids=lambda case: case.code)
def test_a_file_that_is_no_text_or_too_much_of_it_is_refused(case: Case) -> None:
    _, found = load(case.text)
    assert _placed(found) == [(case.code, case.line, case.column)]


@pytest.mark.parametrize("case", TEMPLATE_FILES, ids=str)
def test_a_template_file_has_this_problem_at_this_column(case: Case) -> None:
    templates = read_templates({"hello.txt": case.text})
    _, found = load_rules([("shared.yaml", SHARED)], SHOP, REGISTRY, templates=templates)
    assert [(p.code, p.place.file, p.place.line, p.place.column) for p in found] == [
        (case.code, "templates/hello.txt", case.line, case.column)
    ]


def test_bytes_that_are_no_text_are_told_at_their_place(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yaml").write_bytes(b"version: 1\nmetrics: {\xe9: 1}\n")
    assert _placed(list(read_project(tmp_path).problems)) == [("E204", 2, 11)]


@pytest.mark.parametrize("case", FILES, ids=str)
def test_every_problem_says_what_is_wrong_and_what_to_do_and_shows_the_line(case: Case) -> None:
    _, (problem,) = load(case.text)
    assert problem.message
    assert problem.help or problem.code in SAY_WHAT_MUST_STAND_THERE
    assert not problem.message.endswith(".")
    assert problem.line_text == case.text.split("\n")[case.line - 1]


def test_an_input_of_another_pattern_is_told_by_examples() -> None:
    files = [
        ("a.yaml", "version: 1\nrules: {r: {when: {event: a}, then: [{task.create: {title: x, due_in: 1e3d}}]}}\n")
    ]
    _, problems = load_rules(files, schema(), registry())
    assert [one.message for one in problems] == ["due_in must be such as 4h or 2d, not the text '1e3d'"]
