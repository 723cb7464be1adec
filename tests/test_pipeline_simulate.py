"""A simulation says the same every time: whatever the size of a batch and the seed of Python's hashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from decide_help import NOON, plan
from retain.app.simulation.simulate import simulate
from retain.instants import DAY, HOUR
from retain.model import Message, MessageKind

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


def told(batch: int) -> str:
    """Everything that a simulation says but how long it took, and every action in order."""
    actions: list[str] = []
    result = simulate(plan(RULES), messages(), batch=batch, observe=lambda performed: actions.append(repr(performed)))
    rules = {
        name: {"started": rule.started, "refused": rule.refused, "effects": rule.effects, "ended": rule.ended}
        for name, rule in result.rules.items()
    }
    return json.dumps([{"events": result.events, "customers": result.customers, "rules": rules}, actions])


def test_the_size_of_a_batch_changes_nothing() -> None:
    whole = told(500)
    assert json.loads(whole)[0]["rules"]["cart"]["effects"]["email.send"] > 20
    assert told(1) == told(7) == whole


def test_what_is_simulated_is_no_single_rule_alone() -> None:
    rules = json.loads(told(500))[0]["rules"]
    assert all(rules[name]["started"] > 0 for name in ("cart", "quiet", "daily", "staged"))
    assert {"at_most", "cap"} <= set(rules["cart"]["refused"])
    assert {"order_completed", "done"} <= set(rules["cart"]["ended"])


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_the_seed_of_pythons_hashes_and_the_machines_zone_change_nothing(seed: str) -> None:
    zone = {"0": "UTC", "1": "Asia/Kolkata", "4711": "America/New_York"}[seed]
    code = "import test_pipeline_simulate as t; print(t.told(7))"
    env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told(500)
