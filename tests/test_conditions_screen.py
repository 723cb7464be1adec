"""A screen says of many conditions what the function of each says of it alone."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from condition_generator import Conditions
from condition_world import checked, environment, population
from retain.language.codegen.conditions import compile_condition
from retain.language.index import Index
from retain.language.scope import History, Scope
from retain.language.screening.atoms import atoms_of, parts_of
from retain.language.screening.screen import Screen, clauses_of
from retain.language.syntax.ast import Node

ATOMS = (
    "event.channel == 'web'", "event.channel != 'web'", "not (event.channel in ['app', 'web'])",
    "event.channel is present", "event.channel is missing", "event.items is missing", "event.gift", "not event.gift",
    "customer.tags contains 'vip'", "not (customer.tags contains any of ['vip', 'new'])", "not exists(order)",
    "customer.sizes contains 2", "count(order) >= 1", "count(order) < 3", "3 > count(order)", "metrics.spend > 40",
    "default(event.channel, 'web') == 'web'", "event.items * 2 >= 4", "customer.renews_at is missing",
    "sum(order.total) between 10 and 90", "customer in segment quiet", "customer.email ends with 'test'",
    "customer.balance > 10", "customer.country == 'DE'", "spent(90d) > 20",
)  # fmt: skip


def numbers(random: Random) -> str:
    """A test of a number, with bounds that often meet those of others."""
    name, scale = random.choice(
        (("event.items", 1), ("customer.points", 10), ("event.total", 9.95), ("customer.rate", 0.25))
    )
    first, second = sorted(random.choice(range(-1, 6)) * scale for _ in range(2))
    return random.choice(
        (
            f"{name} > {first:g}", f"{name} >= {first:g}", f"{name} < {first:g}", f"{name} <= {first:g}",
            f"{name} == {first:g}", f"{name} != {first:g}", f"{name} between {first:g} and {second:g}",
            f"{name} between {second:g} and {first:g}", f"{name} not in [{first:g}, {second:g}]",
            f"not ({name} > {first:g})", f"not ({name} < {first:g})", f"{second:g} >= {name}",
            f"({name} > {first:g} and {name} < {second:g})",
        )
    )  # fmt: skip


def clause(random: Random, writer: Conditions) -> str:
    """One clause: mostly what tables answer, also as parts of `or` and `and`."""
    word = random.choice((" or ", " or ", " and "))
    parts = [numbers(random) if random.random() < 0.5 else random.choice(ATOMS) for _ in range(random.randint(1, 3))]
    return writer.condition() if random.random() < 0.2 else word.join(parts)


def worlds(seed: int, count: int) -> tuple[list[list[str]], list[list[Node]]]:
    """Lists of clauses, some of them empty, as texts and as trees."""
    env, random = environment(), Random(seed)
    writer = Conditions(random)
    texts = [[clause(random, writer) for _ in range(random.randrange(6))] for _ in range(count)]
    return texts, [[checked(text, env) for text in clauses] for clauses in texts]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [1, 12, 70])
def test_a_screen_gives_for_each_condition_its_first_failing_clause(seed: int, count: int) -> None:
    texts, nodes = worlds(seed, count)
    alone = [compile_condition(clauses) for clauses in nodes]
    screen = Screen(Index([()] * count).filed, nodes)
    for scope in population(Random(seed), 60):
        expected = [first_failing(replace(scope, metrics={})) for first_failing in alone]
        look = screen.look(replace(scope, metrics={}))
        assert look.looked_at == (1 << count) - 1
        found = dict(clauses_of(look.failing, look.digits))
        wrong = [(texts[place], found.get(place, -1), number) for place, number in enumerate(expected)
                 if found.get(place, -1) != number]  # fmt: skip
        assert wrong == []


@pytest.mark.parametrize("seed", range(4))
def test_what_the_index_leaves_out_is_not_asked_and_the_rest_is_as_it_is_without(seed: int) -> None:
    _, nodes = worlds(seed, 60)
    index = Index(nodes)
    some, every = Screen(index.filed, nodes), Screen(Index([()] * len(nodes)).filed, nodes)
    for scope in population(Random(seed), 40):
        look, full = some.look(replace(scope, metrics={})), every.look(replace(scope, metrics={}))
        places = set(index.places(replace(scope, metrics={})))
        expected = [found for found in clauses_of(full.failing, full.digits) if found[0] in places]
        assert clauses_of(look.failing, look.digits) == expected
        assert look.looked_at & ~look.failing == full.looked_at & ~full.failing, "none that is true is left out"


@pytest.mark.parametrize("seed", range(4))
def test_what_is_asked_beside_others_fails_as_it_does_alone(seed: int) -> None:
    _, nodes = worlds(seed, 60)
    first, second = Index(nodes[:40]).filed, Index(nodes[40:]).filed
    parts = Screen(first, nodes[:40]), Screen(second, nodes[40:])
    together = Screen([*first, *second], nodes)
    for scope in population(Random(seed), 40):
        look = together.look(replace(scope, metrics={}))
        one, other = (part.look(replace(scope, metrics={})) for part in parts)
        assert look.looked_at == one.looked_at | other.looked_at << 40
        assert look.failing == one.failing | other.failing << 40


@pytest.mark.parametrize("text", ATOMS[:-7])
def test_a_comparison_with_constants_is_answered_by_its_value(text: str) -> None:
    assert atoms_of(checked(text, environment()))


@pytest.mark.parametrize(
    "text",
    [
        "event.items > customer.points",
        "event.channel starts with customer.country",
        "customer.renews_at > '2026-01-01'",
    ],
)
def test_what_compares_two_values_is_not(text: str) -> None:
    node = checked(text, environment())
    assert atoms_of(node) is None
    assert not parts_of(node)


def test_the_parts_of_an_or_are_answered_by_their_values() -> None:
    node = checked("not (event.items > 3 and event.channel == 'web')", environment())
    assert [(type(part).__name__, want) for part, want in parts_of(node)] == [("Compare", False), ("Compare", False)]


def test_a_number_too_large_for_a_double_leaves_the_others_as_they_are() -> None:
    env = environment()
    texts = ("customer.ltv > 3", "customer.points * 0.5 > 1", "customer.ltv < 3", "customer.points * 0.5 > 2")
    nodes = [[checked(text, env)] for text in texts]
    scope = Scope(now=0, customer={"points": 10**400, "ltv": 5}, history=History(), first_seen=0)
    look = Screen(Index([()] * 4).filed, nodes).look(scope)
    expected = [place for place, clauses in enumerate(nodes) if compile_condition(clauses)(scope) >= 0]
    assert [place for place, _ in clauses_of(look.failing, look.digits)] == expected
    assert 2 in expected
    assert 0 not in expected


def test_no_condition_at_all_never_fails() -> None:
    scope = population(Random(1), 1)[0]
    assert Screen(Index([(), ()]).filed, [[], []]).look(scope).failing == 0
    assert Screen(Index([]).filed, []).look(scope).looked_at == 0


def test_more_answers_than_are_kept_are_made_anew() -> None:
    env = environment()
    nodes = [[checked(f"event.items >= {number}", env), checked("event.total > 3", env)] for number in range(3_000)]
    screen = Screen(Index([()] * 3_000).filed, nodes)
    for items in (*range(-1, 3_001, 7), 5, 2_999):
        scope = Scope(now=0, customer={}, history=History(), first_seen=0, event={"items": items, "total": 4})
        look = screen.look(scope)
        assert look.looked_at & ~look.failing == (1 << max(items + 1, 0)) - 1 & look.looked_at
