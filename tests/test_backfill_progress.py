"""How far a backfill has come is told: in the log, by `status` and `rules show`, by a reload, and as a metric."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import process_time

import pytest
import structlog
from structlog.testing import capture_logs

from cli_help import bare, here
from daemon_help import Shop, running, wait_until
from decide_help import NOON, engine, plan
from patience import shortest
from retain.app.live.backfilling import EVERY_S, BackfillLog
from retain.app.projects.project import open_project
from retain.app.reports.describing import how_far
from retain.clock import SystemClock
from retain.instants import DAY, MINUTE
from retain.model import MessageKind
from retain.pipeline import Options, Pipeline
from retain.pipeline.backfills import Backfill, backfills_of
from retain.store.store import Store
from store_help import identify

OTHER = "rules: {other: {when: {event: z}, then: [{wait: 1d}]}}"
LOW = "rules: {low: {when: {becomes: [customer.score < 40]}, then: [{wait: 1d}]}}"
PACED = """
version: 1
rules:
  low: {when: {becomes: [customer.score < 40], backfill: true}, breaker: 2 per 1h, then: [{stop: over}]}
"""
SCORE = {"type": "object", "properties": {"score": {"type": "number"}}}


@pytest.fixture
def every_level() -> Iterator[None]:
    """The log takes all levels, whatever a command before has set."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


def backfill(looked_at: int, *, done: bool = False, paced: bool = False) -> Backfill:
    """One that has come so far among a thousand customers."""
    return Backfill(
        rule="low", path="when[0]", since=NOON, looked_at=looked_at, customers=1_000, done=done, paced=paced
    )


def test_each_chunk_tells_how_far_it_is_and_the_last_one_that_it_is_done() -> None:
    told: list[Backfill] = []
    world = engine(OTHER)
    for number in range(10):
        world.identify(f"c{number}", {"score": 50})
    pipeline = Pipeline(world.store, plan(LOW), NOON, Options(batch=4, backfilled=told.append))
    assert [one.looked_at for one in backfills_of(world.store, plan(LOW))] == [0]
    pipeline.step(NOON)
    assert backfills_of(world.store, plan(LOW)) == told
    while pipeline.step(NOON).more:
        pass
    assert [(one.looked_at, one.left, one.done) for one in told] == [(4, 6, False), (8, 2, False), (10, 0, True)]
    assert backfills_of(world.store, plan(LOW)) == []
    assert backfills_of(world.store, plan(LOW), done=True) == told[-1:]


def test_one_that_waits_for_its_breaker_says_so() -> None:
    told: list[Backfill] = []
    world = engine(OTHER)
    for number in range(5):
        world.identify(f"c{number}", {"score": 30})
    paced = plan(PACED.removeprefix("\nversion: 1"))
    pipeline = Pipeline(world.store, paced, NOON, Options(backfilled=told.append))
    while pipeline.step(NOON).more:
        pass
    pipeline.step(NOON + MINUTE)
    assert {(one.looked_at, one.paced) for one in told} == {(2, True)}


def cpu_of_steps(text: str) -> float:
    """What steps take in which nothing is to be done, among customers of whom all are to be looked at."""
    world = engine(OTHER, batch=200)
    world.send(*(world.message(f"c{n}", MessageKind.IDENTIFY, "customer_updated", {"score": 30}) for n in range(400)))
    pipeline = Pipeline(world.store, plan(text.removeprefix("\nversion: 1")), NOON)
    while pipeline.step(NOON).more:
        pass
    began = process_time()
    for _ in range(50):
        pipeline.step(NOON)
    return process_time() - began


def test_one_that_waits_for_its_breaker_costs_the_others_no_time() -> None:
    bound = 10 * cpu_of_steps(OTHER)
    assert shortest(partial(cpu_of_steps, PACED), bound) < bound


def test_a_rule_that_is_gone_has_no_backfill() -> None:
    world = engine(OTHER)
    world.identify("c1", {"score": 30})
    Pipeline(world.store, plan(LOW), NOON)
    assert len(backfills_of(world.store, plan(LOW))) == 1
    Pipeline(world.store, plan(OTHER), NOON)
    assert backfills_of(world.store, plan(OTHER)) == []


@pytest.mark.usefixtures("every_level")
def test_the_log_tells_of_the_beginning_of_every_ten_seconds_and_of_the_end() -> None:
    seconds = iter((0.0, 1.0, EVERY_S, EVERY_S + 1, 2 * EVERY_S + 5))
    log = BackfillLog(clock=lambda: next(seconds))
    with capture_logs() as lines:
        for looked_at in (200, 400, 600, 800):
            log.note(backfill(looked_at, paced=looked_at == 600))
        log.note(backfill(1_000, done=True))
    assert [(line["event"], line.get("looked_at"), line.get("seconds")) for line in lines] == [
        ("backfill_began", 200, None),
        ("backfill", 600, None),
        ("backfill_ended", None, 25.0),
    ]
    assert [line["waits_for_breaker"] for line in lines[:2]] == [False, True]
    assert {(line["rule"], line["trigger"], line["customers"]) for line in lines} == {("low", "when[0]", 1_000)}


@pytest.mark.usefixtures("every_level")
def test_the_log_tells_of_a_short_one_only_that_it_ended() -> None:
    with capture_logs() as lines:
        BackfillLog().note(backfill(1_000, done=True))
    assert [line["event"] for line in lines] == ["backfill_ended"]


def test_people_read_how_far_it_is() -> None:
    assert how_far(backfill(350)) == "350 of 1,000 customers looked at (35 %)"
    assert how_far(backfill(1_000, done=True)) == "all customers looked at"


def half_done(folder: Path) -> Path:
    """A project whose daemon stopped in the middle of a backfill."""
    shop = bare(folder, PACED)
    (shop / "schemas").mkdir()
    (shop / "schemas" / "customer.json").write_text(json.dumps(SCORE))
    now = SystemClock().now()
    with Store.open(shop / "retain.db") as store:
        store.accept([identify(user_id=f"u{number}", fields={"score": 3}) for number in range(5)], now)
        empty = Pipeline(store, plan(OTHER), now)
        while empty.step(now).more:
            pass
        pipeline = Pipeline(store, open_project(shop).plan(), now)
        while pipeline.step(now).more:
            pass
    return shop


def test_status_and_rules_show_tell_how_far_it_is(tmp_path: Path) -> None:
    shop = half_done(tmp_path / "shop")
    status = here("--project", shop, "status")
    assert "low: 2 of 5 customers looked at (40 %), since 20" in status.out
    (found,) = here("--project", shop, "status", "--json").json["backfills"]
    assert {**found, "since": ""} == {
        "rule": "low", "trigger": "when[0]", "since": "", "looked_at": 2, "customers": 5, "done": False,
    }  # fmt: skip
    assert "2 of 5 customers looked at (40 %), since 20" in here("--project", shop, "rules", "show", "low").out
    assert here("--project", shop, "rules", "show", "low", "--json").json["backfills"] == [found]


def test_a_daemon_tells_how_far_it_is(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    event = PACED.replace("becomes: [customer.score < 40], backfill: true", "event: order_completed")
    shop.write(event.replace("low:", "other:"))
    (shop.folder / "schemas").mkdir()
    (shop.folder / "schemas" / "customer.json").write_text(json.dumps(SCORE))
    people = [{"type": "identify", "userId": f"u{number}", "traits": {"score": 3}} for number in range(5)]
    with running(shop) as daemon:
        assert daemon.ask("POST", "/v1/batch", {"batch": people})[0] == 200
        wait_until(daemon.decided)
        shop.rules(PACED)
        (begun,) = daemon.command("reload")["backfills"]
        assert (begun["rule"], begun["looked_at"], begun["customers"], begun["done"]) == ("low", 0, 5, False)
        wait_until(lambda: 'retain_backfill_customers_left{rule="low"} 3.0' in daemon.ask("GET", "/metrics")[1])
        wait_until(lambda: any("backfill_began" in line and "low" in line for line in daemon.lines()))
        assert daemon.stop() == 0


def test_one_that_nobody_waits_for_is_not_told_of(tmp_path: Path) -> None:
    world = engine(OTHER)
    world.use(plan(LOW))
    world.move_to(NOON + DAY)
    assert backfills_of(world.store, plan(LOW)) == []
