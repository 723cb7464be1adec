"""The index of rules leaves out nothing that could start, and decisions are the same as without it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings

from condition_generator import Conditions
from condition_world import checked, environment, population
from decide_help import NOON, plan
from decide_worlds import SLOW, decided, rule_texts, streams, well
from retain.app.projects.finding import how_found
from retain.language.access import accesses
from retain.language.codegen.conditions import compile_condition
from retain.language.index import Index
from retain.language.scope import History, Scope
from retain.model import Json, Message, MessageKind

SINGLE = (
    "event.channel == 'web'", "event.channel in ['app', 'shop']", "customer.country == 'DE'", "event.gift",
    "not event.gift", "customer.consent == true", "event.items == 2", "customer.balance == 10",
    "customer.points in [1, 2]", "customer.tags contains 'vip'", "customer.sizes contains any of [1, 2]",
    "event.products.category contains 'shoes'",
    "not (event.channel != 'web')", "customer.address.city == 'Berlin' or customer.country == 'AT'",
    "not (event.channel != 'web' or not event.gift)", "customer.rate == 0.25", "event.total == 19.90",
    "'web' == event.channel",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_every_condition_that_is_true_is_found(seed: int) -> None:
    env, random = environment(), Random(seed)
    writer = Conditions(random)
    texts = [[random.choice(SINGLE), writer.condition()][:: random.choice((1, -1))] for _ in range(40)]
    texts += [[writer.condition()] for _ in range(40)] + [[text] for text in SINGLE]
    nodes = [[checked(text, env) for text in clauses] for clauses in texts]
    index, alone = Index(nodes), [compile_condition(clauses) for clauses in nodes]
    found_true = left_out = 0
    for scope in population(Random(seed), 80):
        looked_at = set(index.places(scope))
        true = {place for place, condition in enumerate(alone) if condition(replace(scope, metrics={})) < 0}
        assert true <= looked_at, [texts[place] for place in true - looked_at]
        found_true += len(true)
        left_out += len(nodes) - len(looked_at)
    assert found_true > 100, "or nothing was shown"
    assert left_out > 1_000


@pytest.mark.parametrize("text", SINGLE)
def test_a_condition_on_one_value_of_a_field_has_an_access(text: str) -> None:
    assert accesses([checked(text, environment())])


@pytest.mark.parametrize(
    "text",
    [
        "event.channel != 'web'", "not (event.channel == 'web')", "event.channel == 'web' or event.items > 3",
        "event.channel is missing", "default(event.channel, 'web') == 'web'", "event.total > 20",
        "count(order where channel == 'web') > 1", "last(order.channel) == 'web'", "event.channel starts with 'w'",
    ],
)  # fmt: skip
def test_what_other_values_may_satisfy_has_none(text: str) -> None:
    assert not accesses([checked(text, environment())])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("event.channel == 'web' and event.total > 3", "event.channel == 'web'"),
        ("event.channel in ['web', 'app']", "event.channel in ['app', 'web']"),
        ("event.channel == 'web' or customer.country == 'DE'", "event.channel == 'web' or customer.country == 'DE'"),
        ("customer.tags contains any of ['a', 'b']", "customer.tags contains any of ['a', 'b']"),
        ("not event.gift", "event.gift == false"),
        ("event.gift and event.items == 3", "event.items == 3"),
        ("event.gift and (event.items == 3 or customer.consent)", "event.gift == true"),
        ("event.total == 19.9", "event.total == 19.90"),
        ("event.total > 3", ""),
    ],
)
def test_the_rarest_access_is_chosen_and_told_as_it_is_written(text: str, told: str) -> None:
    assert Index([[checked(text, environment())]]).text(0) == told


@pytest.mark.parametrize("value", [None, 1, 1.0, True, [], ["web"], {"a": 1}, "Web", " web", "web\0"])
def test_a_value_that_is_not_the_text_finds_nothing_and_harms_nothing(value: object) -> None:
    index = Index([[checked("event.channel == 'web'", environment())]])
    assert index.places(Scope(now=0, customer={}, history=History(), first_seen=0, event={"channel": value})) == []


@given(rule_texts(), streams())
@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
def test_decisions_are_the_same_as_if_every_rule_were_looked_at(text: str, messages: list[Message]) -> None:
    rules = plan(text)
    found, every = decided(rules, messages, 7), decided(rules, messages, 7, every=True)
    for table, rows in every.items():
        if table != "summaries":  # which name the rules that were looked at
            assert found[table] == rows, table


def test_a_rule_that_an_earlier_one_makes_true_is_found_behind_it() -> None:
    text = """
        rules:
          a: {when: {event: a}, then: [{set: {stage: 2}}]}
          b: {when: {event: a}, if: [customer.stage == 2], then: [{"note.write": {text: two}}]}
          c: {when: {event: a}, if: [customer.stage == 3], then: [{"note.write": {text: three}}]}
    """
    message = Message(
        kind=MessageKind.TRACK, name="a", fields={}, occurred_at=NOON, received_at=NOON, source="web",
        message_id="m", user_id="u1",
    )  # fmt: skip
    started = [row[1] for row in decided(plan(text), [message], 1)["runs"]]
    assert sorted(started) == ["a", "b"]


@given(rule_texts(), streams())
@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
def test_edges_are_the_same_as_of_a_condition_that_no_index_can_find(text: str, messages: list[Message]) -> None:
    hidden = text.replace("customer.activated", "default(customer.activated, false)")
    hidden = hidden.replace("customer.stage == 2", "default(customer.stage, 0) == 2")
    runs = [decided(plan(each), messages, 7, respond=well)["runs"] for each in (text, hidden)]
    assert told(runs[0]) == told(runs[1])


def told(runs: list[tuple[Json, ...]]) -> list[tuple[Json, ...]]:
    """Of each run its rule, customer, key, arm, state, instants and end; an edge's identity tells the text too."""
    return sorted((*row[1:2], *row[3:7], row[9], *row[15:]) for row in map(_printable, runs))


def _printable(row: tuple[Json, ...]) -> tuple[str, ...]:
    return tuple(map(str, row))


def test_every_trigger_is_told_how_it_is_found() -> None:
    text = """
        rules:
          a: {when: {event: a, if: [event.k == 'x']}, if: [customer.score < 3], then: [{stop: ok}]}
          b: {when: {event: a}, if: [event.n > 3], then: [{stop: ok}]}
          c: {when: {becomes: [customer.stage == 2, exists(a)]}, then: [{stop: ok}]}
          d: {when: {schedule: {cron: "0 9 * * *", each: [customer.stage == 2]}}, then: [{stop: ok}]}
    """
    made = plan(text)
    assert {name: how_found(made, rule) for name, rule in made.rules.items()} == {
        "a": "indexed by event.k == 'x'",
        "b": "looked at on every a",
        "c": "indexed by customer.stage == 2, when a field or event that it reads changes",
        "d": "looked at when it is planned, for those found by an index of customer.stage",
    }
