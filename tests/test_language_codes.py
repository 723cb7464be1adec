"""Every problem code has its cases, and every case is reported at the very column."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from expression_code_cases import FILES, TEXTS, Case, FileCase
from language_help import RULE, problems_of
from retain.language.checking.expressions import read_value
from retain.language.codes.table import CODES
from retain.language.schemas.fields import load_schema
from retain.language.syntax.source import TextSource
from retain.registry import Registry

# Modules with a list CASES of what has a code.
CASES_ELSEWHERE = ("test_rule_files_codes", "test_lint", "test_project_codes")


@pytest.mark.parametrize("case", TEXTS, ids=str)
def test_a_text_has_this_problem_at_this_column_and_no_other(case: Case) -> None:
    found = problems_of(case.text, case.setting)
    assert [(p.code, p.place.line, p.place.column, p.place.width) for p in found] == [
        (case.code, case.line, case.column, case.width)
    ], "\n".join(p.render() for p in found)


def test_each_name_inside_where_that_asks_the_past_is_told() -> None:
    text = "count(order_completed where total > metrics.spend and total < 3 * metrics.spend) > 1"
    found = problems_of(text, "rule")
    assert [(problem.code, problem.place.column) for problem in found] == [("E115", 37), ("E115", 67)]


@pytest.mark.parametrize("case", TEXTS, ids=str)
def test_every_problem_says_what_and_most_say_how(case: Case) -> None:
    (problem,) = problems_of(case.text, case.setting)
    assert problem.message
    assert problem.help or case.code in ("E002", "E006", "E007", "E009", "E107", "E109", "E114", "E124", "E125")
    assert problem.severity == ("warning" if case.code.startswith("W") else "error")


@pytest.mark.parametrize("case", FILES, ids=str)
def test_a_schema_file_has_this_problem_at_this_place(case: FileCase, tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    for name, text in case.files.items():
        (tmp_path / name).write_text(text)
    _, found = load_schema([tmp_path], Registry())
    assert [(p.code, Path(p.place.file).name, p.place.line, p.place.column) for p in found] == [
        (case.code, case.file, case.line, case.column)
    ]


def test_names_that_name_names_are_bounded_in_number_and_depth() -> None:
    wide, deep = RULE, RULE
    for number in range(12):
        source = f"metrics.m{number - 1} + metrics.m{number - 1}" if number else "customer.age"
        node, wide_problems = read_value(TextSource(source), wide)
        if node is None:
            break
        wide = replace(wide, metrics={**wide.metrics, f"m{number}": node})
    for number in range(60):
        source = f"metrics.m{number - 1} + 1" if number else "customer.age"
        node, deep_problems = read_value(TextSource(source), deep)
        if node is None:
            break
        deep = replace(deep, metrics={**deep.metrics, f"m{number}": node})
    assert [(p.code, p.place.line, p.place.column) for p in [*wide_problems, *deep_problems]] == [("E126", 1, 1)] * 2


def test_every_code_has_two_cases() -> None:
    found = Counter(case.code for case in [*TEXTS, *FILES])
    found["E126"] += 2  # test_names_that_name_names_are_bounded_in_number_and_depth
    for name in CASES_ELSEWHERE:
        if find_spec(name) is not None:
            found.update(case.code for case in import_module(name).CASES)
    assert {code for code in CODES if found[code] < 2} == set()
    assert set(found) <= set(CODES), "a case names a code that is not explained"


def test_every_code_is_explained() -> None:
    for code in CODES.values():
        assert all((code.title, code.explanation, code.example, code.cure)), code.code


def test_all_problems_of_a_text_are_reported_in_its_order() -> None:
    found = problems_of("customer.contry == 'DE' and event.totl > 3\n or customer.age == 'x'")
    assert [(p.code, p.place.line, p.place.column) for p in found] == [("E102", 1, 1), ("E102", 1, 29), ("E107", 2, 21)]


def test_one_mistake_is_reported_once() -> None:
    assert len(problems_of("not (customer.contry + 1 > 3 and default(customer.contry, 5) in [1, 2])")) == 2
