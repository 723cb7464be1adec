"""The daemon comes back after a month, as a process: what came due meanwhile is done in due order, each once."""

from __future__ import annotations

from pathlib import Path

from daemon_help import Shop, running, wait_until
from retain.app.projects.project import open_project
from retain.clock import SystemClock
from retain.instants import DAY
from retain.model import Instant, Run
from retain.pipeline import Pipeline
from retain.store.store import Store
from store_help import message

RULES = """
version: 1
rules:
  long-wait: {when: {event: order_completed}, then: [{wait: 20d}, {stop: over}]}
  short-wait: {when: {event: order_completed}, then: [{wait: 3d}, {stop: over}]}
  lapsed: {when: {becomes: [days_since(order_completed) >= 14]}, then: [{stop: over}]}
  every-week:
    when: {schedule: {cron: "0 12 * * 1", each: [known_days() >= 0], if_missed: run_all}}
    runs: {mode: parallel}
    then: [{stop: over}]
"""
WAITS = {"long-wait": 20 * DAY, "short-wait": 3 * DAY}
PEOPLE = 3


def run_until(shop: Shop, at: Instant) -> None:
    """What a daemon did that stopped at an instant."""
    plan = open_project(shop.folder).plan()
    with Store.open(shop.folder / "retain.db") as store:
        pipeline = Pipeline(store, plan, at)
        orders = [message("order_completed", user_id=f"u{number}", at=at) for number in range(PEOPLE)]
        store.accept(orders, at)
        while pipeline.step(at).more:
            pass


def due_at(run: Run) -> Instant:
    """When what ended a run came due."""
    wait = WAITS.get(run.rule)
    planned_at: Instant = run.context["trigger"]["planned_at"]
    return planned_at if wait is None else run.started_at + wait


def ended(shop: Shop) -> list[Run]:
    """The runs that have ended, in the order in which they did."""
    with shop.store() as store:
        rows = [row for row in reversed(store.decisions_of(limit=10_000)) if row.kind == "end"]
        runs = {run.id: run for run in store.list_runs(limit=10_000)}
        return [runs[row.run] for row in rows]


def test_what_a_month_brought_is_done_at_the_next_start_in_due_order(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(RULES)
    run_until(shop, SystemClock().now() - 31 * DAY)
    with running(shop) as daemon:
        wait_until(lambda: sum(run.rule == "long-wait" for run in ended(shop)) == PEOPLE)
        wait_until(lambda: sum(run.rule == "every-week" for run in ended(shop)) >= 4 * PEOPLE)
        assert daemon.stop() == 0
    runs = ended(shop)
    order = [due_at(run) for run in runs]
    assert order == sorted(order)
    assert len({(run.rule, run.customer, due_at(run)) for run in runs}) == len(runs)
    assert {run.rule for run in runs} == {*WAITS, "lapsed", "every-week"}
    assert len(runs) in (7 * PEOPLE, 8 * PEOPLE), "31 days have four or five Mondays"
