"""Texts that are no YAML: which line is wrong, what is wrong with it, and what to write instead."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from retain.language.documents.yaml import read_yaml
from retain.model import Problem

RULE = """\
version: 1
rules:
  greet:
    when: {event: signed_up}
    if:
      - customer.email is present
    then:
      - wait: 1h
      - email.send: {template: hello}
        on_error: continue
"""
PARSERS = {"the parser in C": getattr(yaml, "CSafeLoader", yaml.SafeLoader), "the parser in Python": yaml.SafeLoader}


@pytest.fixture(params=list(PARSERS))
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both parsers that may be at hand; what is told must not depend on which one is."""
    monkeypatch.setattr("retain.language.documents.yaml._LOADER", PARSERS[request.param])


def fault(text: str) -> Problem:
    """The one problem of a text that cannot be read."""
    root, (problem,) = read_yaml(text, "a.yaml")
    assert root is None
    return problem


def edited(old: str, new: str) -> Problem:
    """The one problem of the rule above with an edit."""
    assert RULE.count(old) == 1
    return fault(RULE.replace(old, new))


def told(problem: Problem) -> tuple[int, str, str]:
    """The line, what is wrong there, and the cure."""
    return problem.place.line, problem.message, problem.help


def test_the_rule_that_is_broken_here_is_whole_before() -> None:
    _, problems = read_yaml(RULE, "a.yaml")
    assert problems == []


SAME_COLUMN = "lines of one list or map begin in the same column; indent it "
QUOTES = "put the whole text in quotes, or in a | block on the next line"


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "help"),
    [
        ("    if:", "   if:", 5, "indented by 3 spaces, this line belongs to nothing above it",
         f"{SAME_COLUMN}by 2, as line 3, or by 4, as line 4"),
        ("    if:", "      if:", 5, "indented by 6 spaces, this line belongs to nothing above it",
         f"{SAME_COLUMN}by 4, as line 4"),
        ("      - email", "     - email", 9, "indented by 5 spaces, this line belongs to nothing above it",
         f"{SAME_COLUMN}by 6, as line 8"),
        ("        on_error", "          on_error", 10, "indented by 10 spaces, this line belongs to nothing above it",
         f"{SAME_COLUMN}by 8, as line 9"),
        ("        on_error", "      on_error", 10, "this line begins where the list of line 9 has its -",
         "begin it with - too, or indent it further to go on with the item above"),
        ("- wait", "wait", 9, "this item of a list stands among the keys of a map, as in line 8",
         "begin line 8 with - too, or take the - out here"),
        ("- wait: 1h", "- wait: 1h\n          with: x", 9, "line 8 has its value already, and this one is indented "
         "further", f"{SAME_COLUMN}by 8, as line 8; or take out the value above"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("parser")
def test_a_line_in_a_wrong_column_is_told_with_the_columns_that_fit(
    old: str, new: str, line: int, message: str, help: str
) -> None:
    problem = edited(old, new)
    assert (problem.code, *told(problem)) == ("E201", line, message, help)


ELSE_TEXT = "; or, if it goes on with the text above, indent it further than that"


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "help"),
    [
        ("greet:", "greet", 3, "this line has no ': '", f"write greet:{ELSE_TEXT}"),
        ("version: 1", "version 1", 1, "this line has no ': '", f"write version: 1{ELSE_TEXT}"),
        ("version: 1", "version 1   # the grammar", 1, "this line has no ': '", f"write version: 1{ELSE_TEXT}"),
        ("  greet:", "  greet  # says hello", 3, "this line has no ': '", f"write greet:{ELSE_TEXT}"),
        ("version: 1", "version:1", 1, "no space follows the colon", "write version: 1"),
        ("    then:", "    more words\n    then:", 7, "this line has no ': '", f"write more: words{ELSE_TEXT}"),
        ("present\n", "present\n      -customer.age > 3\n", 7, "no space follows the - of this item",
         "write - customer.age > 3"),
        ("- email", "-email", 9, "no space follows the - of this item", "write - email.send: {template: hello}"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("parser")
def test_a_line_without_colon_or_space_is_told_where_it_stands_and_not_in_the_next_one(
    old: str, new: str, line: int, message: str, help: str
) -> None:
    problem = edited(old, new)
    assert (problem.code, *told(problem)) == ("E201", line, message, help)


@pytest.mark.parametrize(
    ("text", "column", "message", "help"),
    [
        ("a: {b: c", 4, "this { is not closed", f"close what opens here, or {QUOTES}"),
        ("a: {b: c\nd: []", 4, "this { is not closed", f"close what opens here, or {QUOTES}"),
        ("a: {b: c}}", 10, "this } closes nothing", "take it out"),
        ("a: ]", 4, "this ] closes nothing", "take it out"),
        ("a: 1\n]", 1, "this ] closes nothing", "take it out"),
        ('a: "b", c', 7, "a comma stands outside of [ ] and { }", f"take it out, or {QUOTES}"),
        ("a: 1\n-\n", 1, "this item of a list stands among the keys of a map, as in line 1",
         "begin line 1 with - too, or take the - out here"),
        ("a: {b: c]", 9, "this ] does not close the { before it", "write }"),
        ("a: [{b: 1} {c: 2}]", 12, "a comma is missing before this", f"write a comma between two parts; else {QUOTES}"),
        ("a: {\n  b: 1\n  c: 2\n}", 4, "a comma is missing before this",
         f"write a comma between two parts; else {QUOTES}"),
        ("a: [b in [c, d]]", 10, "a text between [ and ] cannot hold [ unless it is in quotes", QUOTES),
        ("a: {b: 1} {c: 2}", 11, "the map has ended here, at the }", "write several as a list: [ …, … ]"),
        ("a: [b, c] contains d", 11, "the list has ended here, at the ]", QUOTES),
        ('a: "b\nc: "d"', 4, "this quote is closed only in line 2", "close the quote"),
        ('a: "b', 4, "this quote is not closed", "close the quote"),
        ("a: 'it's'", 8, "the text has ended here", f"YAML ends the text at the second quote; {QUOTES}"),
        ('a: "C:\\dir"', 7, "\\d means nothing here between double quotes",
         "write \\\\ for a backslash, or put the text in single quotes"),
        ("a: @b", 4, "a text cannot begin with @ unless it is in quotes", QUOTES),
        ("a: *b*", 4, "a text cannot begin with * unless it is in quotes", QUOTES),
        ("a: & b", 4, "a text cannot begin with & unless it is in quotes", QUOTES),
        ("a: >= 3", 4, "a text cannot begin with > unless it is in quotes", QUOTES),
        ("a: | b", 4, "a text cannot begin with | unless it is in quotes", QUOTES),
        ("a: ? b", 4, "a text cannot begin with ? unless it is in quotes", QUOTES),
        ("%B\na: 1", 1, "a text cannot begin with % unless it is in quotes", QUOTES),
        ("a: - b", 4, "a list with - cannot begin here",
         "begin each item on a line of its own, or write [ …, … ]"),
        ("a: b c: d", 7, "a second ': ' stands in this line", f"a text that holds ': ' needs quotes; {QUOTES}"),
        ("a: b: c", 5, "a second ': ' stands in this line",
         "begin b: on the next line, indented further; or, a text that holds ': ' needs quotes"),
        ("a: “b: c”", 6, "a second ': ' stands in this line",
         """write " or ' instead of “, which is no quote to YAML"""),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("parser")
def test_a_sign_that_yaml_reads_otherwise_than_it_was_meant_is_told_with_its_cure(
    text: str, column: int, message: str, help: str
) -> None:
    problem = fault(text)
    assert (problem.code, problem.place.column, problem.message, problem.help) == ("E201", column, message, help)


def test_what_git_left_in_a_file_is_told_as_that() -> None:
    problem = fault("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n")
    assert (problem.place.line, problem.message) == (2, "git could not merge this file")


@pytest.mark.parametrize("text", ["\ta: 1", "a:\n\tb: 1", "a:\n  -\tb"])
def test_a_tab_is_told_as_a_tab(text: str) -> None:
    assert fault(text).code == "E203"


def test_a_space_that_is_none_to_yaml_is_no_part_of_a_key() -> None:
    _, problems = read_yaml("rules:\n  greet:\n\xa0\xa0\xa0\xa0when: {event: a}\n", "a.yaml")
    assert [(problem.code, problem.place.line, problem.help) for problem in problems] == [
        ("E204", 3, "write plain spaces instead")
    ]
    assert problems[0].message == "the space before 'when' is U+00A0, which indents nothing"


def test_braces_without_quotes_are_told_once_where_the_parser_gives_up_behind_them() -> None:
    problem = fault(
        dedent("""\
        a:
          b: {{ customer.name }} is here
        """)
    )
    assert (problem.code, problem.message) == ("E206", "YAML reads {{ }} without quotes as a map in a map")


WORDS_OF_A_PARSER = ("while ", "scalar", "token", "indicator", "mapping", "sequence", "stream", "block ")


@given(
    at=st.integers(0, len(RULE)),
    gone=st.integers(0, 3),
    new=st.sampled_from(["", " ", "  ", "\t", "-", "- ", ":", ": ", "'", '"', "{", "}", "[", "]", ",", "*", "\n", "x"]),
)
def test_no_slip_of_the_hand_is_answered_in_the_words_of_a_parser(at: int, gone: int, new: str) -> None:
    text = RULE[:at] + new + RULE[at + gone :]
    for problem in read_yaml(text, "a.yaml")[1]:
        assert problem.help
        assert not any(word in problem.message for word in WORDS_OF_A_PARSER), (text, problem.message)
