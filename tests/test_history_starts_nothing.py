"""Imported history starts nothing, neither by its events nor by what time would have turned between them and today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from cli_help import bare, events_file, here, identify, track
from decide_help import NOON, engine, plan, said
from retain.app.reports.explaining import explain_rule
from retain.instants import DAY, HOUR
from retain.model import Instant, Json, Message, MessageKind
from retain.testing.virtual import VirtualEngine

RULES = """
rules:
  lapsed: {when: {becomes: [days_since(a) >= 30]}, then: [{note.write: {text: lapsed}}]}
  quiet: {when: {becomes: [not exists(a in last 10d)], for: 2d}, then: [{note.write: {text: quiet}}]}
  often: {when: {becomes: [count(a) >= 2]}, then: [{note.write: {text: often}}]}
  renewal: {when: {schedule: {date: customer.renews_at, at: "13:00"}}, then: [{note.write: {text: renewal}}]}
  daily:
    when: {schedule: {cron: "0 9 * * *", timezone: customer.home_zone, each: [customer.score is present]}}
    then: [{note.write: {text: daily}}]
"""

NOTED = "true already when history was imported"


def imported(world: VirtualEngine, days_ago: int, kind: MessageKind, fields: dict[str, Json] | None = None) -> Message:
    """A row of a file: it counts as received when it occurred."""
    at: Instant = world.now - days_ago * DAY
    name = "a" if kind is MessageKind.TRACK else "customer_updated"
    made = world.message("c1", kind, name, fields or {})
    return made._replace(occurred_at=at, received_at=at, historical=True)


@pytest.fixture(params=[1, 50], ids="batch_{}".format)
def world(request: pytest.FixtureRequest) -> VirtualEngine:
    """A live engine, as the daemon's."""
    found = engine(RULES, batch=request.param)
    found.pipeline.options = replace(found.pipeline.options, virtual=False)
    return found


def history(world: VirtualEngine, *days_ago: int) -> None:
    """An import of a customer's past."""
    traits: dict[str, Json] = {"renews_at": "2025-12-20", "home_zone": "Europe/Berlin", "score": 1}
    rows = [imported(world, max(days_ago) + 1, MessageKind.IDENTIFY, traits)]
    world.send(*rows, *(imported(world, days, MessageKind.TRACK) for days in days_ago))


@pytest.mark.parametrize("days_ago", [(400, 200, 40), (400, 5), (40, 20), (31,)])
def test_an_import_starts_nothing(world: VirtualEngine, days_ago: tuple[int, ...]) -> None:
    history(world, *days_ago)
    assert said(world) == []


def test_a_second_import_starts_nothing_either(world: VirtualEngine) -> None:
    history(world, 400)
    history(world, 300, 100)
    assert said(world) == []


def test_what_time_turns_after_an_import_starts(world: VirtualEngine) -> None:
    history(world, 400, 5)
    for day in range(1, 27):
        world.move_to(NOON + day * DAY)
    assert [text for text in said(world) if text != "daily"] == ["quiet", "lapsed"]
    assert said(world).count("daily") == 26


def test_an_event_after_an_import_is_an_edge(world: VirtualEngine) -> None:
    history(world, 400)
    world.event("c1", "a")
    assert said(world) == ["often"]


@pytest.mark.parametrize("away", [31 * DAY, 31 * DAY + 1, 90 * DAY])
def test_what_came_due_before_an_import_starts_still(world: VirtualEngine, away: int) -> None:
    world.event("c1", "a")
    world.identify("c1", {"renews_at": "2026-01-20"})
    world.now += away  # nobody decided meanwhile
    world.send(imported(world, 400, MessageKind.IDENTIFY, {"timezone": "Europe/London"}))
    assert sorted(said(world)) == ["lapsed", "quiet", "renewal"]


def test_what_comes_due_while_an_import_is_decided_starts_still(world: VirtualEngine) -> None:
    world.event("c1", "a")
    world.now += 30 * DAY
    world.send(*(imported(world, 400 - day, MessageKind.TRACK) for day in range(60)))
    assert sorted(said(world)) == ["lapsed", "quiet"]


def test_history_of_a_customer_whom_a_backfill_has_not_reached_starts_nothing() -> None:
    world = engine("rules: {other: {when: {event: z}, then: [{wait: 1d}]}}", batch=1)
    world.pipeline.options = replace(world.pipeline.options, virtual=False)
    for number in range(5, 0, -1):
        world.event(f"c{number}", "z")
    world.plan = plan(RULES)
    world.pipeline.use(world.plan, world.now)
    history(world, 400, 40)
    assert said(world) == []


@pytest.mark.parametrize("rule", ["lapsed", "quiet", "often", "renewal", "daily"])
def test_explain_says_that_nothing_was_started_for_what_was_imported(world: VirtualEngine, rule: str) -> None:
    world.move_to(NOON + 40 * DAY)
    traits: dict[str, Json] = {"renews_at": "2026-01-20", "home_zone": "Europe/Berlin", "score": 1}
    past = imported(world, 39, MessageKind.IDENTIFY, traits)
    world.send(past, *(imported(world, days, MessageKind.TRACK) for days in (38, 36)))
    world.move_to(world.now + HOUR)
    told = explain_rule(world.plan, world.store, rule, "c1", world.now)
    assert (told.outcome, told.run) == ("no_trigger", None)
    assert [(line.text, line.detail) for line in told.lines] == [
        (told.lines[0].text, "not planned by then" if rule in ("renewal", "daily") else NOTED),
        ("imported 2026-02-14T12:00:00Z", "starts nothing, nor does what turned before"),
    ]


def test_explain_tells_what_time_turned_after_an_import_as_ever(world: VirtualEngine) -> None:
    world.move_to(NOON + 40 * DAY)
    history(world, 20)
    world.move_to(NOON + 51 * DAY)
    told = explain_rule(world.plan, world.store, "lapsed", "c1", world.now)
    assert told.run is not None
    assert (told.outcome, told.decided_at) == ("started", NOON + 50 * DAY)
    assert "history" not in [line.label for line in told.lines]


def test_of_a_rule_that_came_after_an_import_explain_says_nothing_of_it(world: VirtualEngine) -> None:
    history(world, 400, 40)
    world.now += DAY
    world.use(plan(RULES.replace(">= 30", ">= 35")))
    told = explain_rule(world.plan, world.store, "lapsed", "c1", world.now)
    assert [(line.label, line.detail) for line in told.lines] == [("when", "true already when it began")]


def lived(seed: int) -> VirtualEngine:
    """A live engine that was never down: events, imports, and days that pass in between."""
    found, random = engine(RULES), Random(seed)
    found.pipeline.options = replace(found.pipeline.options, virtual=False)
    for _ in range(15):
        until = found.now + random.choice((0, DAY, 12 * DAY))
        while (due := found.pipeline.next_due()) is not None and due <= until:
            found.move_to(due)
        found.move_to(until)
        traits: dict[str, Json] = {
            "renews_at": f"2026-0{random.randint(1, 5)}-20",
            "home_zone": "Asia/Tokyo",
            "score": 1,
        }
        kind, fields = random.choice(((MessageKind.TRACK, {}), (MessageKind.TRACK, {}), (MessageKind.IDENTIFY, traits)))
        past = imported(found, random.choice((1, 3, 20, 50)), kind, fields)
        now = past._replace(occurred_at=found.now, received_at=found.now, historical=False)
        found.send(random.choice((past, now)))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_explain_says_started_of_those_rules_of_which_a_run_began(seed: int) -> None:
    world = lived(seed)
    began = {run.rule for run in world.store.list_runs(limit=1_000)}
    told = {rule: explain_rule(world.plan, world.store, rule, "c1", world.now) for rule in world.plan.rules}
    assert {rule for rule, one in told.items() if one.outcome == "started" and one.run is not None} == began
    assert {rule for rule, one in told.items() if one.outcome != "started"} == told.keys() - began


def test_the_command_starts_nothing_either(tmp_path: Path) -> None:
    rules = (
        "version: 1\nrules:\n  lapsed: {when: {becomes: [days_since(order_completed) >= 30]}, then: [{stop: over}]}\n"
    )
    shop = bare(tmp_path / "shop", rules)
    days = ("2024-01-10", "2024-06-10", "2025-01-10")
    calls = [track("u1", "Order Completed", f"{day}T10:00:00Z", day, order_id=day) for day in days]
    file = events_file(tmp_path / "past.jsonl", [identify("u1", "2024-01-01T10:00:00Z", "i", plan="pro"), *calls])
    assert here("--project", shop, "import", file).code == 0
    assert here("--project", shop, "runs", "list", "--json").json == []
    assert here("--project", shop, "rules", "stats", "lapsed", "--json").json["started"] == {}
