"""YAML as rule files use it: what stays text, what is refused, and where everything stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar, SourceFile, from_plain, plain
from retain.language.documents.yaml import MAX_COPIES, read_yaml

STAYS_TEXT = """
NO no Yes on off y n True FALSE Null ~ 10:30 1:2:3 0123 0x1f 0o17 1_000 1e5 +3 .5 5. .inf .nan 2026-01-01
2026-01-01T10:00:00 12345678901234567890 1.0e999 <<
"""


@pytest.mark.parametrize("text", STAYS_TEXT.split())
def test_what_yaml_1_1_would_change_stays_what_the_author_typed(text: str) -> None:
    root, problems = read_yaml(f"- {text}", "a.yaml")
    assert problems == []
    assert root is not None
    assert plain(root) == [text]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-3", -3),
        ("49.90", 49.9),
        ("1.5e3", 1500.0),
    ],
)
def test_only_true_false_null_and_decimal_numbers_are_more_than_text(text: str, value: object) -> None:
    root, _ = read_yaml(f"- {text}", "a.yaml")
    assert root is not None
    assert plain(root) == [value]
    assert type(plain(root)[0]) is type(value)


def test_quotes_keep_a_number_and_a_word_text() -> None:
    root, _ = read_yaml("""["5", 'true', "null"]""", "a.yaml")
    assert root is not None
    assert plain(root) == ["5", "true", "null"]


POSITIONS = r"""
plain: one two
folded plain: one two
  three four
single: 'it''s
  on two lines'
double: "a \"quote\", a \u00e9, a\
  continued line"
literal: |
  first
    second, further in

  third
stripped: |-   # a comment
  kept # this is text
folded: >
  one
  two

  three
indented: |2
   one more blank
  none
flow: {key: [one, "two"], other: 'three'}
"""


def _scalars(node: Node) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, ListNode):
        return [scalar for item in node.items for scalar in _scalars(item)]
    return [*node.keys.values(), *(scalar for value in node.entries.values() for scalar in _scalars(value))]


def test_every_character_of_a_text_is_found_in_its_line_and_column() -> None:
    root, problems = read_yaml(POSITIONS, "a.yaml")
    assert problems == []
    assert root is not None
    for scalar in _scalars(root):
        for offset, character in enumerate(scalar.text):
            if character.isspace():
                continue
            problem = scalar.problem("E101", "", offset, offset + 1)
            found = problem.line_text[problem.place.column - 1]
            assert found == character or (found == "\\" and character in '"é'), (scalar.text, offset)


def test_a_place_in_a_block_scalar_is_a_line_and_column_of_the_file() -> None:
    root, _ = read_yaml("version: 1\nif:\n  - |\n    customer.age > 3\n      and customer.contry == 'DE'\n", "a.yaml")
    (text,) = [scalar for scalar in _scalars(root or MapNode(SourceFile("", ""), 0, 0)) if "contry" in scalar.text]
    start = text.text.index("customer.contry")
    problem = text.problem("E102", "unknown", start, start + len("customer.contry"))
    assert (problem.place.line, problem.place.column, problem.place.width) == (5, 11, 15)
    assert problem.line_text == "      and customer.contry == 'DE'"


def test_a_byte_order_mark_and_line_ends_of_windows_change_no_place() -> None:
    root, problems = read_yaml("\ufeffa: 1\r\nb: {c: two}\r\n", "a.yaml")
    assert problems == []
    assert isinstance(root, MapNode)
    value = root.entries["b"]
    assert isinstance(value, MapNode)
    assert str(value.entries["c"].place) == "a.yaml:2:8"
    assert value.complain("E210", "").line_text == "b: {c: two}"


def test_an_alias_stands_for_its_anchor_within_bounds() -> None:
    root, problems = read_yaml("a: &x {b: [1, 2]}\nc: *x\n", "a.yaml")
    assert problems == []
    assert root is not None
    assert plain(root) == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    root, (problem,) = read_yaml("\n".join(lines), "a.yaml")
    assert root is None
    assert problem.code == "E207"
    assert str(MAX_COPIES) in problem.message


def test_unquoted_braces_are_told_to_be_quoted_and_read_as_the_text_that_was_meant() -> None:
    root, (problem,) = read_yaml("data: {code: {{ steps.coupon.code }}}", "a.yaml")
    assert root is not None
    assert plain(root) == {"data": {"code": "{{ steps.coupon.code }}"}}
    assert (problem.code, problem.place.column) == ("E206", 14)
    assert '"{{ … }}"' in problem.help


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("- 'vip' in customer.tags", "second quote"),
        ("- a: b: c", "': ' needs quotes"),
        ("if: [customer.country in [DE, AT], b", "close what opens here"),
        ("if: [customer.country not in [DE, AT], b]", "quotes"),
        ("- @x", "quotes"),
        ("a:\n  b: 1\n c: 2", "same column"),
        ("a: 'b", "close the quote"),
    ],
)
def test_the_usual_ways_to_break_yaml_have_their_cure(text: str, cure: str) -> None:
    root, (problem,) = read_yaml(text, "a.yaml")
    assert root is None
    assert problem.code == "E201"
    assert cure in problem.help


LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_plain_json_goes_through_nodes_unchanged(value: object) -> None:
    assert plain(from_plain(value, SourceFile("stored", ""))) == value


@given(st.text(alphabet="ab:-[]{}'\"|>#&*!%@ \n\t,?\\x0", max_size=80))
def test_no_text_makes_reading_fail(text: str) -> None:
    root, problems = read_yaml(text, "a.yaml")
    assert root is not None or problems or not text.strip() or text.lstrip().startswith(("#", "%", "-", "."))
    for problem in problems:
        assert problem.place.line >= 1
        assert problem.place.column >= 1
        assert problem.render()
