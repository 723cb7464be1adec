"""Segments answered by the database: who is in them, what each line costs, and by which index they are found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from sqlalchemy import text

from condition_generator import Conditions
from condition_world import ZONES, checked, environment
from postgres_help import database
from retain.language.condition import Clause, Condition
from retain.language.sql import statements
from retain.language.sql import zones as zones_module
from retain.language.sql.conditions import SqlCompiler
from retain.language.sql.cost import cost_of
from retain.language.sql.indexes import index_name, index_statement
from retain.language.syntax.ast import Node
from retain.model import Place
from retain.pipeline import members as members_module
from retain.pipeline.members import Members
from retain.store.store import Store
from sql_world import World, fill, people_at_one_instant, stored

DATABASES = ("sqlite", "postgresql")
FEW_AND_MANY = pytest.mark.parametrize("count", [8, pytest.param(25, marks=pytest.mark.long)])


@pytest.fixture(scope="module", autouse=True)
def few_zones() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones_module, "_every_zone", lambda: {str(zone): zone for zone in ZONES})
        patch.setattr(members_module, "SPAN", 7)
        patch.setattr(members_module, "OPEN", 7)
        yield


@pytest.fixture(scope="module", params=DATABASES)
def shop(request: pytest.FixtureRequest) -> Iterator[tuple[World, Store]]:
    """A store with customers at one instant, none of them with an event of its own being decided."""
    world = people_at_one_instant(12, 50, with_event=False)
    if request.param == "sqlite":
        with Store.in_memory() as store:
            fill(store, world)
            yield world, store
    else:
        with database() as url:
            with Store.open(url) as store:
                fill(store, world)
            with Store.open(url, read_only=True) as store:
                yield world, store


def condition(*nodes: Node) -> Condition:
    return Condition(tuple(Clause(f"if[{n}]", "", Place("a.yaml", 1, 1), node) for n, node in enumerate(nodes)))


def segments(seed: int, count: int) -> list[list[Node]]:
    """Lists of one to three random lines that do not look at the event being decided."""
    env, writer = environment(), Conditions(Random(seed))
    found: list[list[Node]] = []
    while len(found) < count:
        found.append([checked(writer.condition(1), env) for _ in range(writer.random.randint(1, 3))])
    return found


@FEW_AND_MANY
def test_members_and_their_number_are_those_of_the_interpreter(shop: tuple[World, Store], count: int) -> None:
    world, store = shop
    for nodes in segments(1, count):
        asked = Members(store, condition(*nodes), world.setting.zone, world.setting.now)
        meant = set.intersection(*(world.whom(node, True) for node in nodes))
        assert [customer for page in asked.pages() for customer in page] == sorted(meant)
        assert asked.count() == len(meant)


@FEW_AND_MANY
def test_what_each_line_costs_is_counted_by_one_query(shop: tuple[World, Store], count: int) -> None:
    world, store = shop
    unknown = 0
    for nodes in segments(2, count):
        total, lines = Members(store, condition(*nodes), world.setting.zone, world.setting.now).losses()
        held, false = ([world.whom(node, want) for node in nodes] for want in (True, False))
        everybody = set(range(1, len(world.people) + 1))
        assert total == len(everybody)
        for index, line in enumerate(lines):
            before = set.intersection(everybody, *held[:index])
            others = set.intersection(before, *held[index + 1 :])
            assert line.held == len(held[index])
            assert line.lost == len(before - held[index])
            assert line.unknown == len(before - held[index] - false[index])
            assert line.alone == len(others - held[index])
            unknown += line.unknown
    assert unknown > 100


INDEXED = {
    "customer.country == 'DE' and customer.consent": "country",
    "customer.address.city in ['Bonn', Ulm]": "address.city",
    "customer.points between 3 and 5": "points",
    "exists(order) and customer.ltv > 1000": "ltv",
    "customer.balance >= 49.9": "balance",
}


@pytest.mark.parametrize("written", INDEXED)
@pytest.mark.parametrize("name", DATABASES)
def test_the_index_that_check_names_is_the_one_that_the_database_uses(name: str, written: str) -> None:
    node = checked(written, environment())
    cost = cost_of([node])
    assert (cost.kind, cost.field) == ("index", INDEXED[written])
    assert cost.type is not None
    world = people_at_one_instant(3, 20)
    with database(empty=True) as url:
        where = "sqlite://" if name == "sqlite" else url.replace("postgresql://", "postgresql+psycopg://")
        with stored(world, where) as connection:
            connection.execute(text(index_statement(name, cost.field, cost.type)))
            compiler = SqlCompiler(name, world.setting, indexed=cost.field)
            query = statements.members(compiler, compiler.search([node]))
            if name == "sqlite":
                compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
                values = tuple(compiled.params[key] for key in compiled.positiontup or ())
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
            else:
                plan = generic_plan(connection, query)
    assert index_name(cost.field, cost.type) in str(plan)


def test_the_planner_of_postgresql_expects_a_yes_or_no_of_many() -> None:
    world = people_at_one_instant(3, 200)
    with (
        database(empty=True) as url,
        stored(world, url.replace("postgresql://", "postgresql+psycopg://")) as connection,
    ):
        compiler = SqlCompiler("postgresql", world.setting)
        query = statements.members(compiler, compiler.search([checked("customer.consent", environment())]))
        written = query.compile(connection, compile_kwargs={"literal_binds": True})
        connection.exec_driver_sql("ANALYZE")
        [[plan]] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {written}".replace("%", "%%"))
    assert plan[0]["Plan"]["Plan Rows"] >= 200 // 3, "else it asks for the events of each customer, one by one"


def generic_plan(connection, query) -> list[object]:
    """The plan of a prepared statement that serves all values."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    marks = {key: f"${number}" for number, key in enumerate(compiled.params, 1)}
    connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
    connection.exec_driver_sql("SET enable_seqscan = off")  # twenty rows are read faster without any index
    connection.exec_driver_sql("SET enable_indexscan = on")
    prepared = str(compiled) % marks
    connection.exec_driver_sql(f"PREPARE asked AS {prepared}".replace("%", "%%"))
    values = ", ".join(_written(value) for value in compiled.params.values())
    return connection.exec_driver_sql(f"EXPLAIN EXECUTE asked({values})".replace("%", "%%")).all()


def _written(value: object) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


COSTS = {
    "customer.consent and exists(order)": "customers",
    "exists(order in last 30d)": "history",
    "distinct(order.products.category) >= 2": "each",
    "customer.consent and distinct(order.products.category) >= 2": "customers",
    "customer in segment german": "index",
    "customer.country != 'DE'": "customers",
    "customer.country == 'DE' or customer.consent": "customers",
}


@pytest.mark.parametrize("written", COSTS)
def test_the_cost_of_a_condition_is_told_from_its_text(written: str) -> None:
    assert cost_of([checked(written, environment())]).kind == COSTS[written]
