"""A condition as SQL finds whom the reference interpreter finds, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, and_, func, not_, true
from sqlalchemy.exc import DBAPIError

from condition_coverage import EXPECTED_LABELS, coverage
from condition_generator import Conditions
from condition_world import ZONES, checked, environment
from postgres_help import database
from retain.instants import from_datetime
from retain.language.codegen.conditions import compile_test
from retain.language.scope import History, Scope
from retain.language.sql import grouping
from retain.language.sql import zones as zones_module
from retain.language.sql.conditions import SqlCompiler
from retain.language.sql.dialect import Dialect
from retain.language.sql.fields import FieldReading
from retain.language.sql.history import HistoryReading
from retain.language.sql.logic import Logic
from retain.language.sql.operand import Operand, bound, constant
from retain.language.sql.setting import Setting
from retain.language.sql.source import Sql
from retain.language.sql.sqlite import Sqlite
from retain.language.sql.zones import Zones
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from sql_world import World, ask, people_at_one_instant, stored

DATABASES = ("sqlite", "postgresql")


# Amounts that rounding makes, halves of the last digit, and dates on which one gets older.
CHOSEN = (
    "max(order.total) == 19.99",
    "sum(order.total where channel is present) in [19.99, 39.98, 49.9]",
    "min(order.total) - 0.01 <= 19.98 and exists(order)",
    "round(customer.balance - event.total, 1) != 0",
    "customer.balance + 0 == 75.25 or customer.balance + 0 == 75.26",
    "age(customer.birth_date) in [18, 29, 30, 35, 36, 37]",
    "round(customer.ltv) == 20 or round(customer.ltv, 1) == 0.3",
    "count(order in last 7d) >= 1 and count(order) >= 2",
    "count(order) < 2 and days_since(order) > 1",
    "sum(order.total where channel == 'web' in last 365d) >= 20 and customer.points >= 1",
    "not exists(order in last 30d) and max(order.total) > 10",
)


def conditions(seed: int, size: int) -> list[Node]:
    """The chosen ones and random ones."""
    env, writer = environment(), Conditions(Random(seed))
    return [checked(text, env) for text in (*CHOSEN, *(writer.condition() for _ in range(size)))]


@pytest.fixture(scope="module", autouse=True)
def few_zones() -> Iterator[None]:
    """Only the zones of the world, so that statements stay small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones_module, "_every_zone", lambda: {str(zone): zone for zone in ZONES})
        yield


def opened(stack: ExitStack, name: str, world: World) -> Connection:
    if name == "sqlite":
        return stack.enter_context(stored(world))
    url = stack.enter_context(database(empty=True)).replace("postgresql://", "postgresql+psycopg://")
    return stack.enter_context(stored(world, url))


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_finds_whom_the_interpreter_finds(name: str) -> None:
    nodes = conditions(2026, 50)
    with ExitStack() as stack:
        world = people_at_one_instant(1, 40)
        connection = opened(stack, name, world)
        wrong = [node for node in nodes if not ask(connection, world, node).agrees(world.whom(node, True))]
    assert wrong == []


def test_a_database_finds_for_whom_a_condition_is_false() -> None:
    world = people_at_one_instant(2, 60)
    with stored(world) as connection:
        wrong = [
            node
            for node in conditions(3, 40)
            if not ask(connection, world, node, False).agrees(world.whom(node, False))
        ]
    assert wrong == []


@pytest.mark.parametrize("name", DATABASES)
def test_a_zero_byte_in_a_text_spoils_no_question(name: str) -> None:
    world = people_at_one_instant(7, 5)
    people = [replace(scope, customer={**scope.customer, "email": "a\0b", "country": "DE"}) for scope in world.people]
    with ExitStack() as stack:
        connection = opened(stack, name, replace(world, people=people))
        answer = ask(connection, world, checked("customer.country == 'DE'", environment()))
    assert answer.surely == {1, 2, 3, 4, 5}


def test_few_customers_are_left_for_python() -> None:
    world = people_at_one_instant(4, 60)
    nodes = conditions(5, 80)
    with stored(world) as connection:
        answers = [ask(connection, world, node) for node in nodes]
    assert sum(answer.is_exact for answer in answers) > len(answers) * 0.4
    assert sum(len(answer.perhaps) for answer in answers) < len(answers) * len(world.people) * 0.15


def test_beginning_with_events_finds_the_same() -> None:
    world, found = people_at_one_instant(8, 60), 0
    with ExitStack() as stack:
        connections = [opened(stack, name, world) for name in DATABASES]
        for node in conditions(13, 250):
            answers = [ask(connection, world, node) for connection in connections if begins(connection, world, node)]
            assert all(answer.agrees(world.whom(node, True)) for answer in answers), node
            found += len(answers)
    assert found > 30


@pytest.mark.parametrize("name", DATABASES)
def test_who_has_no_events_is_found_where_the_answer_differs_between_zones(name: str) -> None:
    now = from_datetime(datetime(2026, 5, 1, 2, tzinfo=UTC))  # in New York it is still April
    event = {"shipped_at": "2026-05-01T00:00:00"}
    people = [Scope(now, {"timezone": str(zone)}, History(), now, event, zone=zone) for zone in ZONES]
    env = environment()
    may = checked("not exists(order) and days_since(event.shipped_at) >= 0", env)
    node = checked("not (customer in segment may)", replace(env, segments={"may": may}))
    world = World(people, Setting(now=now, watermark=0, event=event))
    assert world.whom(node, True) == {ZONES.index(ZoneInfo("America/New_York")) + 1}
    with ExitStack() as stack:
        assert ask(opened(stack, name, world), world, node).agrees(world.whom(node, True))


def begins(connection: Connection, world: World, node: Node) -> bool:
    return bool(SqlCompiler(connection.dialect.name, world.setting).search([node], from_events=True).begun)


@pytest.mark.long
def test_one_meaning_in_four_places() -> None:
    """Interpreter, generated code, SQLite and PostgreSQL on 1,500 conditions and 500 customers."""
    nodes, true_in_all, unsure, wrong = conditions(99, 1_500), 0, 0, []
    for part in range(5):
        world = people_at_one_instant(part, 100)
        with ExitStack() as stack:
            open_ = [opened(stack, name, world) for name in DATABASES]
            for node in nodes:
                whom = world.whom(node, True)
                compiled = compile_test(node)
                code = {number for number, scope in enumerate(world.people, 1) if compiled(scope.at(scope.now))}
                answers = [ask(connection, world, node) for connection in open_]
                if code != whom or not all(answer.agrees(whom) for answer in answers):
                    wrong.append((node, part))
                true_in_all += len(whom)
                unsure += len(answers[0].perhaps)
    counts = coverage(nodes)
    print(f"{len(nodes)} conditions x 500 customers: {true_in_all / 7_500:.1f}% true, {unsure / 7_500:.1f}% by Python")
    for label in EXPECTED_LABELS:
        print(f"{counts[label]:6} {label}")
    assert wrong == []
    assert [label for label in EXPECTED_LABELS if counts[label] < 20] == []


# Errors planted in the compiler, each of a kind that has been made somewhere.

Patch = pytest.MonkeyPatch


def closed_at_now(patch: Patch) -> None:
    original = HistoryReading.bounds
    patch.setattr(HistoryReading, "bounds", lambda self, window: (original(self, window)[0], self.setting.now + 1))


def open_at_start(patch: Patch) -> None:
    original = HistoryReading.bounds

    def wrong(self: HistoryReading, window: ast.Window | None) -> tuple[Sql | None, int]:
        low, high = original(self, window)
        return (None if low is None else low + bound(1)), high

    patch.setattr(HistoryReading, "bounds", wrong)


def not_is_two_valued(patch: Patch) -> None:
    original = Logic._test

    def wrong(self: Logic, node: Node, want: bool) -> Sql:
        if isinstance(node, ast.Not) and want:
            return self.test(node.part, True).is_not(true())
        return original(self, node, want)

    patch.setattr(Logic, "_test", wrong)


def not_in_takes_missing_as_outside(patch: Patch) -> None:
    original = Logic._in

    def wrong(self: Logic, node: ast.In, want: bool) -> Sql:
        return original(self, node, True) if want else original(self, node, True).is_not(true())

    patch.setattr(Logic, "_in", wrong)


def ends_with_is_like(patch: Patch) -> None:
    patch.setattr(Sqlite, "ends", lambda self, value, part: value.like(bound("%").op("||")(part)))


def starts_with_is_like(patch: Patch) -> None:
    patch.setattr(Sqlite, "starts", lambda self, value, part: value.like(part.op("||")(bound("%"))))


def whole_numbers_divide_to_whole_numbers(patch: Patch) -> None:
    patch.setattr(Sqlite, "real", lambda self, value: value)


def values_that_do_not_fit_are_taken(patch: Patch) -> None:
    original = FieldReading.stored

    def wrong(self: FieldReading, doc: Sql, path: str, type_: ast.Type) -> Operand:
        found = original(self, doc, path, type_)
        return Operand(found.value, (), found.high, found.doubt)

    patch.setattr(FieldReading, "stored", wrong)


def between_needs_both_ends(patch: Patch) -> None:
    original = Logic._between

    def wrong(self: Logic, node: ast.Between, want: bool) -> Sql:
        present = [self.operand(part).whole().is_not(None) for part in (node.low, node.high)]
        return and_(original(self, node, want), *present)

    patch.setattr(Logic, "_between", wrong)


def segment_lets_unknown_through(patch: Patch) -> None:
    original = Logic._test

    def wrong(self: Logic, node: Node, want: bool) -> Sql:
        if isinstance(node, ast.InSegment) and not want:
            assert node.body is not None
            return self.test(node.body, False)
        return original(self, node, want)

    patch.setattr(Logic, "_test", wrong)


def amounts_are_cut_off(patch: Patch) -> None:
    patch.setattr(Sqlite, "_half_even", lambda self, value: value)


def the_sum_of_nothing_is_missing(patch: Patch) -> None:
    original = HistoryReading._one

    def wrong(self: HistoryReading, node: ast.History, value: Sql) -> Sql:
        is_sum = node.function == "sum" and getattr(value, "name", "") == "coalesce"
        return original(self, node, next(iter(value.clauses)) if is_sum else value)

    patch.setattr(HistoryReading, "_one", wrong)


def everybody_lives_in_one_zone(patch: Patch) -> None:
    patch.setattr(Zones, "local", lambda self, key, of: constant(of(self._default)))


def the_last_event_is_the_first(patch: Patch) -> None:
    original = HistoryReading._first_row

    def wrong(self: HistoryReading, node: ast.History, value: Sql) -> Sql:
        return original(self, node, value) if node.function == "first" else self._one(node, func.min(value))

    patch.setattr(HistoryReading, "_first_row", wrong)


def undecided_events_count(patch: Patch) -> None:
    patch.setattr(HistoryReading, "decided", lambda self: [])


def failed_events_count(patch: Patch) -> None:
    patch.setattr(HistoryReading, "not_failed", lambda self: [])


def missing_and_not_missing_are_swapped_where_unknown(patch: Patch) -> None:
    patch.setattr(Logic, "_is_not", lambda self, node, verdict: not_(self.test(node, verdict)))


def everybody_has_events(patch: Patch) -> None:
    patch.setattr(grouping, "_needs_events", lambda node, setting: True)


def groups_hold_all_events(patch: Patch) -> None:
    patch.setattr(grouping, "_only", lambda value, test: value)


def sets_are_compared_as_texts(patch: Patch) -> None:
    def wrong(self: Dialect, doc: Sql, path: str, item: Sql, *, text: bool) -> Sql:
        return func.instr(func.json_extract(doc, f"$.{path}"), item).op(">")(bound(0))

    patch.setattr(Sqlite, "has_member", wrong)


MISTAKES = (
    closed_at_now,
    open_at_start,
    not_is_two_valued,
    not_in_takes_missing_as_outside,
    ends_with_is_like,
    starts_with_is_like,
    whole_numbers_divide_to_whole_numbers,
    values_that_do_not_fit_are_taken,
    between_needs_both_ends,
    segment_lets_unknown_through,
    amounts_are_cut_off,
    the_sum_of_nothing_is_missing,
    everybody_lives_in_one_zone,
    the_last_event_is_the_first,
    undecided_events_count,
    failed_events_count,
    missing_and_not_missing_are_swapped_where_unknown,
    sets_are_compared_as_texts,
    everybody_has_events,
    groups_hold_all_events,
)


@pytest.fixture(scope="module")
def trial() -> Iterator[tuple[World, Connection, list[tuple[Node, set[int]]]]]:
    world = people_at_one_instant(6, 80)
    with stored(world) as connection:
        yield world, connection, [(node, world.whom(node, True)) for node in conditions(11, 200)]


@pytest.mark.long
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_planted_mistake_is_caught(
    mistake: Callable[[Patch], None],
    trial: tuple[World, Connection, list[tuple[Node, set[int]]]],
    monkeypatch: Patch,
) -> None:
    world, connection, meant = trial
    mistake(monkeypatch)

    def is_right(node: Node, whom: set[int]) -> bool:
        try:
            return ask(connection, world, node).agrees(whom)
        except DBAPIError:
            return False

    assert not all(is_right(node, whom) for node, whom in meant)
