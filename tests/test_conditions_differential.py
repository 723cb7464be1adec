"""The generated code means what the reference interpreter means, on random conditions and customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest

from condition_coverage import EXPECTED_LABELS, coverage
from condition_generator import Conditions
from condition_world import checked, environment, population
from retain.language.codegen import history as codegen_history
from retain.language.codegen.body import Body, Operand
from retain.language.codegen.conditions import compile_condition, compile_test, compile_value
from retain.language.codegen.fields import _FITS
from retain.language.codegen.history import _PARTS
from retain.language.codegen.tests import TESTS, between_operands
from retain.language.codegen.values import OPERANDS
from retain.language.evaluation.interpreter import evaluate
from retain.language.scope import History, Scope, Series
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Json

Verdicts = list[list[bool | None]]


def fresh(scope: Scope) -> Scope:
    return replace(scope, metrics={})


def meant(nodes: Sequence[Node], people: Sequence[Scope]) -> Verdicts:
    return [[evaluate(node, fresh(scope)) for scope in people] for node in nodes]


def differing(nodes: Sequence[Node], people: Sequence[Scope], expected: Verdicts) -> list[Node]:
    """The conditions whose generated code comes to anything else for anybody, or fails."""
    return [node for node, verdicts in zip(nodes, expected, strict=True) if not agrees(node, people, verdicts)]


def agrees(node: Node, people: Sequence[Scope], verdicts: Sequence[bool | None]) -> bool:
    is_true, value = compile_test(node), compile_value(node)
    is_false = compile_test(ast.Not(start=0, end=0, type=node.type, part=node))
    try:
        return all(
            is_true(fresh(scope)) is (verdict is True)
            and is_false(fresh(scope)) is (verdict is False)
            and value(fresh(scope)) is verdict
            for scope, verdict in zip(people, verdicts, strict=True)
        )
    except (TypeError, ValueError, AttributeError):
        return False


def material(seed: int, conditions: int, customers: int) -> tuple[list[Node], list[Scope]]:
    env, writer = environment(), Conditions(Random(seed))
    nodes = [checked(writer.condition(), env) for _ in range(conditions)]
    return nodes, population(Random(seed + 1), customers)


def shares(expected: Verdicts) -> tuple[float, float]:
    every = [verdict for verdicts in expected for verdict in verdicts]
    return every.count(True) / len(every), every.count(None) / len(every)


@pytest.fixture(scope="module")
def sample() -> tuple[list[Node], list[Scope], Verdicts]:
    nodes, people = material(2026, 150, 60)
    return nodes, people, meant(nodes, people)


def test_generated_code_agrees_with_the_interpreter(sample: tuple[list[Node], list[Scope], Verdicts]) -> None:
    nodes, people, expected = sample
    assert differing(nodes, people, expected) == []
    share_true, share_unknown = shares(expected)
    assert share_true > 0.1
    assert share_unknown > 0.1


def test_the_index_of_the_first_clause_that_is_not_true_is_found(
    sample: tuple[list[Node], list[Scope], Verdicts],
) -> None:
    nodes, people, expected = sample
    for start in range(0, 60, 4):
        found = compile_condition(nodes[start : start + 4])
        for person, scope in enumerate(people):
            column = [verdicts[person] for verdicts in expected[start : start + 4]]
            assert found(fresh(scope)) == next((i for i, verdict in enumerate(column) if verdict is not True), -1)


def test_no_clauses_at_all_are_true() -> None:
    assert compile_condition([])(population(Random(1), 1)[0]) == -1


@pytest.mark.long
def test_generated_code_agrees_over_every_part_of_the_language() -> None:
    nodes, people = material(7, 2_500, 200)
    expected = meant(nodes, people)
    assert differing(nodes, people, expected) == []
    counts = coverage(nodes)
    share_true, share_unknown = shares(expected)
    print(f"{len(nodes)} conditions x {len(people)} customers: {share_true:.0%} true, {share_unknown:.0%} unknown")
    for label in EXPECTED_LABELS:
        print(f"{counts[label]:6} {label}")
    assert [label for label in EXPECTED_LABELS if counts[label] < 50] == []
    assert share_true > 0.1
    assert share_unknown > 0.1


# Errors planted in the product's own code, each of a kind that has been made somewhere.


def closed_at_now(patch: pytest.MonkeyPatch) -> None:
    bounds, count = Series.bounds, History.count
    patch.setattr(Series, "bounds", lambda self, low, high: bounds(self, low, high + 1))
    patch.setattr(History, "count", lambda self, name, low, high: count(self, name, low, high + 1))


def open_at_start(patch: pytest.MonkeyPatch) -> None:
    bounds, count = Series.bounds, History.count
    patch.setattr(Series, "bounds", lambda self, low, high: bounds(self, None if low is None else low + 1, high))
    patch.setattr(
        History, "count", lambda self, name, low, high: count(self, name, None if low is None else low + 1, high)
    )


def not_in_takes_missing_as_outside(patch: pytest.MonkeyPatch) -> None:
    def wrong(body: Body, node: ast.In, want: bool) -> str:
        return body.test_operand(body.operand(node), True) if want else f"(not {body.test(node, True)})"

    patch.setitem(TESTS, ast.In, wrong)


def not_is_pythons_not(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(TESTS, ast.Not, lambda body, node, want: f"({'not ' if want else ''}{body.test(node.part, True)})")


def ends_with_ignores_case(patch: pytest.MonkeyPatch) -> None:
    def wrong(body: Body, node: ast.TextTest) -> Operand:
        value, part = body.operand(node.value), body.operand(node.part)
        text = f"{value.text}.lower().{node.op}with({part.text}.lower())"
        return Operand((*value.guards, *part.guards), text)

    patch.setitem(OPERANDS, ast.TextTest, wrong)


def average_counts_events_without_the_field(patch: pytest.MonkeyPatch) -> None:
    def wrong(body: Body, node: ast.History) -> tuple[list[str], list[str], str]:
        begin, each, _ = _PARTS["sum"](body, node)
        return [*begin, "m = 0"], ["m += 1", *each], "n / m if m else None"

    patch.setitem(_PARTS, "avg", wrong)


def sum_forgets_to_skip_missing(patch: pytest.MonkeyPatch) -> None:
    def wrong(body: Body, node: ast.History) -> tuple[list[str], list[str], str]:
        return ["n = 0"], [f"n += {codegen_history._value(body, node).optional()}"], "n"

    patch.setitem(_PARTS, "sum", wrong)


def between_needs_both_ends(patch: pytest.MonkeyPatch) -> None:
    def wrong(body: Body, node: ast.Between, want: bool) -> str:
        value, low, high = between_operands(body, node)
        inside = f"({low.text} <= {value.text} <= {high.text})"
        return body.test_operand(Operand((*value.guards, *low.guards, *high.guards), inside), want)

    patch.setitem(TESTS, ast.Between, wrong)


def segment_lets_unknown_through(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(TESTS, ast.InSegment, lambda body, node, want: body.test(node.body, want))


def money_is_cut_off(patch: pytest.MonkeyPatch) -> None:
    def wrong(body: Body, raw: str, name: str, type_: Json) -> tuple[tuple[str, ...], str]:
        return (f"(type({name} := {raw}) is float or type({name}) is int)",), f"int({name} * {type_.scale})"

    patch.setitem(_FITS, "money", wrong)


MISTAKES = (
    closed_at_now,
    open_at_start,
    not_in_takes_missing_as_outside,
    not_is_pythons_not,
    ends_with_ignores_case,
    average_counts_events_without_the_field,
    sum_forgets_to_skip_missing,
    between_needs_both_ends,
    segment_lets_unknown_through,
    money_is_cut_off,
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_is_caught(
    mistake: Callable[[pytest.MonkeyPatch], None],
    sample: tuple[list[Node], list[Scope], Verdicts],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mistake(monkeypatch)
    nodes, people, expected = sample
    assert not all(map(agrees, nodes, [people] * len(nodes), expected))
