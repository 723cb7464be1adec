"""The one function that looks at the conditions of many rules says of each what its own function says."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from condition_generator import Conditions
from condition_world import checked, environment, population
from retain.language.codegen.conditions import compile_condition, compile_screen
from retain.language.scope import Scope
from retain.language.syntax.ast import Node


def conditions(seed: int, count: int) -> list[list[Node]]:
    """Lists of one to three clauses, and some without any."""
    env, random = environment(), Random(seed)
    writer = Conditions(random)
    return [[checked(writer.condition(), env) for _ in range(random.randrange(4))] for _ in range(count)]


def places(every: list[list[Node]]) -> list[range]:
    """The answer for a clause is its place."""
    return [range(len(nodes)) for nodes in every]


def or_none(failing: int) -> int | None:
    """None where nothing fails."""
    return failing if failing >= 0 else None


@pytest.mark.parametrize("seed", range(4))
def test_a_screen_gives_for_each_condition_its_first_failing_clause(seed: int) -> None:
    every = conditions(seed, 30)
    screen, alone = compile_screen(every, places(every)), [compile_condition(nodes) for nodes in every]
    for scope in population(Random(seed), 60):
        expected = [or_none(first_failing(replace(scope, metrics={}))) for first_failing in alone]
        assert screen(replace(scope, metrics={})) == expected


def test_a_number_too_large_for_a_double_leaves_the_others_as_they_are() -> None:
    env = environment()
    every = [[checked(text, env)] for text in ("customer.ltv > 3", "customer.points * 0.5 > 1", "customer.ltv < 3")]
    screen = compile_screen(every, places(every))
    scope = Scope(
        now=0, customer={"points": 10**400, "ltv": 5}, history=population(Random(1), 1)[0].history, first_seen=0
    )
    assert screen(scope) == [or_none(compile_condition(nodes)(scope)) for nodes in every]
    assert screen(scope)[::2] == [None, 0]


def test_no_condition_at_all_never_fails() -> None:
    scope = population(Random(1), 1)[0]
    assert compile_screen([[], []], [[], []])(scope) == [None, None]
    assert compile_screen([], [])(scope) == []
