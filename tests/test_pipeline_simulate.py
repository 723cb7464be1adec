"""A simulation says the same every time: whatever the size of a batch and the seed of Python's hashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from decide_help import NOON, plan
from postgres_help import database
from retain.app.commands.messages import stored_messages
from retain.app.simulation.feeding import receipt
from retain.app.simulation.ordering import Ordered
from retain.app.simulation.page import simulation_page
from retain.app.simulation.simulate import simulate
from retain.app.simulation.telling import csv_rows, simulation_json
from retain.decide.facts import Performed
from retain.instants import DAY, HOUR
from retain.model import Message, MessageKind
from retain.store.store import Store
from store_help import message

RULES = """
policies: {email: {consent: marketing, unknown: allow, caps: [1 per 2d], quiet: "22:00-06:00"}}
rules:
  cart:
    when: {event: cart_updated}
    runs: {per: event.cart_id, mode: restart, at_most: 1 per 7d}
    exit_when: {event: order_completed, same: [cart_id]}
    holdout: 20%
    then: [{wait: 1h}, {email.send: {template: one}}, {wait: 1d}, {email.send: {template: two}}]
  quiet: {when: {becomes: [days_since(order_completed) >= 2]}, then: [{turn.take: {}}, {set: {stage: 1}}]}
  daily: {when: {schedule: {cron: "0 9 * * *", each: [exists(order_completed)]}}, then: [{turn.take: {}}]}
  staged: {when: {event: customer_updated, if: [customer.stage changed]}, then: [{emit: {event: x, data: {k: staged}}}]}
"""


def messages() -> list[Message]:
    """Twelve days of 40 customers who fill carts and order, several at the same instant."""
    found = []
    for number in range(600):
        at = NOON + number // 3 * DAY // 15
        name = ("cart_updated", "cart_updated", "order_completed")[number * 7 % 3]
        fields = {"cart_id": f"k{number % 4}", "total": number % 90, "order_id": f"o{number}"}
        user = f"c{number * 13 % 40}"
        found.append(
            Message(
                kind=MessageKind.TRACK, name=name, fields=fields, occurred_at=at - number % 5 * HOUR, received_at=at,
                source="file", message_id=f"m{number}", user_id=user,
            )
        )  # fmt: skip
    for number in range(40):
        traits = {"email": f"c{number}@example.test", "timezone": ("Asia/Tokyo", "America/New_York")[number % 2]}
        found.append(
            Message(
                kind=MessageKind.IDENTIFY, name="customer_updated", fields=traits, occurred_at=NOON, received_at=NOON,
                source="file", message_id=f"i{number}", user_id=f"c{number}",
            )
        )  # fmt: skip
    return found


def told(batch: int, past: Iterable[Message] | None = None) -> str:
    """Everything that a simulation says but how long it took, and every action in order."""
    actions: list[str] = []
    past = messages() if past is None else past
    result = simulate(plan(RULES), past, batch=batch, observe=lambda performed: actions.append(repr(performed)))
    told = simulation_json(result) | {"seconds": 0}
    page = simulation_page(replace(result, seconds=0), plan(RULES).rules, UTC)
    return json.dumps([told, list(csv_rows(result)), page, actions])


@pytest.mark.long
def test_the_size_of_a_batch_changes_nothing() -> None:
    whole = told(500)
    assert json.loads(whole)[0]["rules"]["cart"]["effects"]["email.send"] > 20
    assert told(1) == told(7) == whole


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_a_schedule_finds_nobody_of_whom_nothing_was_received_yet(batch: int) -> None:
    rules = 'rules: {r: {when: {schedule: {cron: "0 18 * * *", each: [known_days() >= 0]}}, then: [{turn.take: {}}]}}'
    told = [
        message(user_id="early", at=NOON),
        message(user_id="late", at=NOON - DAY, received=NOON + 2 * DAY),
        message(user_id="end", at=NOON + 3 * DAY),
    ]
    found: list[Performed] = []
    simulate(plan(rules), told, processes=1, batch=batch, observe=found.append)
    assert [one.at for one in found if one.customer == "user:late"] == [NOON + 2 * DAY + 6 * HOUR]


def test_what_is_simulated_is_no_single_rule_alone() -> None:
    rules = json.loads(told(500))[0]["rules"]
    assert all(rules[name]["started"] > 0 for name in ("cart", "quiet", "daily", "staged"))
    assert {"at_most", "cap"} <= set(rules["cart"]["refused"])
    assert {"order_completed", "done"} <= set(rules["cart"]["ended"])


def test_a_past_that_is_stored_in_either_database_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = told(500)
    past = sorted(messages(), key=receipt)
    with database() as server:
        for location in (tmp_path / "past.db", server):
            with Store.open(location) as store:
                store.accept(past, NOON + 30 * DAY)
                stored = (message._replace(historical=False) for message in stored_messages(store))
                assert told(500, stored) == whole


@pytest.mark.long
@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_seed_of_pythons_hashes_and_the_machines_zone_change_nothing(seed: str) -> None:
    zone = {"0": "UTC", "1": "Asia/Kolkata", "4711": "America/New_York"}[seed]
    code = "import test_pipeline_simulate as t; print(t.told(7))"
    env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told(500)


@pytest.mark.parametrize("piece", [1, 7, 640, 10_000])
def test_messages_are_ordered_on_disk_as_they_would_be_in_memory(tmp_path: Path, piece: int) -> None:
    ordered = Ordered(tmp_path, piece)
    ordered.take(messages())
    whole = sorted(messages(), key=receipt)
    assert list(ordered) == whole
    assert (ordered.first, ordered.last, ordered.count) == (whole[0].received_at, whole[-1].received_at, 640)


def test_what_is_held_back_delayed_and_reached_is_counted() -> None:
    rule = simulate(plan(RULES), messages()).rules["cart"]
    assert rule.held_back["cap"] > 0
    assert rule.delayed["quiet_hours"] > 0
    assert set(rule.arms) == {"live", "holdout"}
    assert rule.steps["then[1]"] == rule.effects["email.send"] + rule.held_back.total() - rule.steps["then[3]"]
    assert rule.messages == rule.effects["email.send"] - rule.shadow["email.send"]


def test_the_counts_of_days_add_up_to_those_of_the_whole() -> None:
    for rule in simulate(plan(RULES), messages()).rules.values():
        by_day = {
            what: sum(count for (_, name), count in rule.days.items() if name == what)
            for what in ("started", "effects")
        }
        assert by_day == {"started": rule.started, "effects": (rule.effects - rule.shadow).total()}


def test_customers_who_would_get_too_much_are_named_with_the_rules_that_it_comes_from() -> None:
    text = RULES.replace("caps: [1 per 2d], ", "")
    sent: dict[str, list[int]] = {}

    def observe(performed: Performed) -> None:
        if performed.action == "email.send" and performed.arm == "live":
            sent.setdefault(performed.customer, []).append(performed.at)

    outcome = simulate(plan(text), messages(), observe=observe, most_a_week=1)
    fullest = {
        customer: max(sum(1 for other in times if at - 7 * DAY < other <= at) for at in times)
        for customer, times in sent.items()
    }
    expected = {customer: count for customer, count in fullest.items() if count > 1}
    assert expected
    assert {customer: week.messages for customer, week in outcome.pressure.weeks.items()} == expected
    assert set(outcome.pressure.rules) == {"cart"}


def test_what_an_action_costs_is_added_up() -> None:
    base = plan(RULES)
    action = replace(base.registry.actions["email.send"], cost=0.05)
    registry = replace(base.registry, actions={**base.registry.actions, "email.send": action})
    outcome = simulate(replace(base, registry=registry), messages())
    assert outcome.cost == pytest.approx(0.05 * outcome.messages)
    assert list(outcome.action_costs) == ["email.send"]
