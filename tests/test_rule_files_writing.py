"""Plain values as canonical YAML: what is written reads back the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retain.language.documents.nodes import plain
from retain.language.documents.writing import write_yaml
from retain.language.documents.yaml import read_yaml
from retain.resources import resource
from retain.testing.flow import flow

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    [
        "NO",
        "on",
        "10:30",
        "0123",
        "1_000",
        "true",
        "null",
        "",
        " x",
        "x ",
        "- a",
        "a: b",
        "a #b",
        "{{ x }}",
        "*",
        "1.50",
    ]
)
_NUMBERS = st.integers(-(10**15), 10**15) | st.floats(
    allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS.filter(bool), inner, max_size=3),
    max_leaves=12,
)


def read(text: str) -> Any:
    """What a text says, without a problem in it."""
    root, problems = read_yaml(text, "written.yaml")
    assert not problems, (text, [problem.render() for problem in problems])
    assert root is not None
    return plain(root)


@example({"a": "x\u2028y", "b": ["\x85"], "c": "x\x7fy"})
@given(st.dictionaries(_TEXTS.filter(bool), _VALUES, min_size=1, max_size=4))
def test_whatever_is_written_reads_back_as_the_same_values(value: dict[str, Any]) -> None:
    assert read(write_yaml(value)) == value


@example(1e-07)
@example(1e20)
@given(_VALUES)
def test_the_short_form_of_recorded_tests_reads_back_as_the_same_values(value: Any) -> None:
    assert read(f"a: {flow(value)}\n") == {"a": value}


@pytest.mark.parametrize("pack", sorted(resource("rules").glob("*.yaml")), ids=lambda path: str(path.stem))
def test_the_shipped_rules_read_back_the_same(pack: Any) -> None:
    value = read(pack.read_text())
    assert read(write_yaml(value)) == value


def test_it_looks_as_people_write_it() -> None:
    value = {"when": {"event": "a"}, "if": ["customer.score >= 5"], "then": [{"wait": "1h"}, {"stop": "done"}]}
    assert write_yaml(value) == "when:\n  event: a\nif:\n  - customer.score >= 5\nthen:\n  - wait: 1h\n  - stop: done\n"
