"""However many processes share the customers of a simulation out, it says the same to the byte."""

from __future__ import annotations

import json
import pickle
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import pytest

from decide_help import NOON, plan
from retain.app.simulation.beside import Beside, can_copy
from retain.app.simulation.sharing import MessageIds, Shares, can_be_shared_out, is_twice
from retain.errors import ConditionError, IngestError, NotFoundError, RetainError, TemporaryError
from retain.instants import DAY, HOUR
from retain.model import Message, MessageKind, Place, Problem
from shares_help import simulated_twice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="this system makes no copies of a process")

RULES = """
policies: {email: {consent: marketing, unknown: allow, caps: [1 per 2d], quiet: "22:00-06:00"}}
rules:
  cart:
    when: {event: cart_updated}
    runs: {per: event.cart_id, mode: restart, at_most: 1 per 7d}
    exit_when: {event: order_completed, same: [cart_id]}
    holdout: 20%
    then: [{wait: 1h}, {email.send: {template: one}}, {wait: 1d}, {email.send: {template: two}}]
  quiet: {when: {becomes: [days_since(order_completed) >= 2]}, then: [{set: {stage: 1}}]}
  daily: {when: {schedule: {cron: "0 9 * * *", each: [exists(order_completed)]}}, then: [{log.write: {message: x}}]}
  staged: {when: {event: customer_updated, if: [customer.stage changed]}, then: [{emit: {event: x, data: {k: staged}}}]}
  chained: {when: {event: x}, if: [count(x) < 3], runs: {mode: queue}, then: [{wait: 5h}, {log.write: {message: y}}]}
"""
ALIKE = "rules: {one: {when: {event: order_completed}, then: [{log.write: {message: x}}]}}"


def people(seed: int) -> list[Message]:
    """Visitors who become known, under one id or two, by address, by alias; some ids of messages come twice."""
    chance = random.Random(seed)
    found = []
    for number in range(900):
        who, at = chance.randrange(60), NOON + number * DAY // 60
        kind, name, fields = MessageKind.TRACK, chance.choice(("cart_updated", "order_completed", "viewed")), {}
        user, visitor, address, previous = f"c{who}", "", "", ""
        match chance.randrange(12):
            case 0 | 1:
                user, visitor = "", f"v{chance.randrange(40)}"
            case 2:
                kind, name, visitor = MessageKind.IDENTIFY, "customer_updated", f"v{chance.randrange(40)}"
            case 3:
                kind, name, fields = MessageKind.IDENTIFY, "customer_updated", {"email": f"P{who % 50}@example.com"}
            case 4:
                user, address = "", f" p{chance.randrange(50)}@Example.com"
            case 5:
                kind, name, previous = (
                    MessageKind.ALIAS,
                    "",
                    chance.choice((f"v{who}", f"c{who % 7}", f"p{who}@example.com")),
                )
        if kind is MessageKind.TRACK:
            fields = {"cart_id": f"k{number % 4}", "total": number % 90}
        found.append(
            Message(
                kind=kind, name=name, fields=fields, occurred_at=at - number % 5 * HOUR, received_at=at, source="file",
                message_id=f"m{number}", user_id=user, anonymous_id=visitor,
                email=address, previous_id=previous,
            )
        )  # fmt: skip
    return found


Both: TypeAlias = Callable[[str, Iterable[Message]], tuple[str, str, int]]


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    """What one process says, what three say where they can, and how many it then were.

    In a process of its own: a process with threads, such as those that tests of hanging plugins leave, is not copied.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clean:
        yield lambda text, past: clean.submit(simulated_twice, text, list(past)).result()


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))]


@pytest.mark.parametrize("seed", SEEDS)
def test_three_processes_say_what_one_says_of_people_who_become_known_and_are_merged(both: Both, seed: int) -> None:
    assert can_be_shared_out(plan(RULES))
    alone, shared, processes = both(RULES, people(seed))
    assert alone == shared
    assert processes == 3
    counts = json.loads(alone)[0]
    assert all(rule["started"] for rule in counts["rules"].values())
    assert counts["customers"] < 100
    assert counts["too_many"]["customers"] > 0


def orders(count: int, **fields: str) -> list[Message]:
    """One order of each customer, an hour after the other."""
    return [
        Message(
            kind=MessageKind.TRACK, name="order_completed", fields={"order_id": f"o{number}"},
            occurred_at=NOON + number * HOUR, received_at=NOON + number * HOUR, source="file",
            message_id=fields.get("message_id", f"m{number}"), user_id=f"c{number}",
        )
        for number in range(count)
    ]  # fmt: skip


def test_a_breaker_that_all_fill_together_opens_as_in_one_process(both: Both) -> None:
    text = ALIKE.replace("{when", "{breaker: 20 per 1d, when")
    alone, shared, processes = both(text, orders(60))
    assert json.loads(alone)[0]["rules"]["one"]["started"] == 20
    assert (alone, processes) == (shared, 1)


def test_an_id_that_two_people_use_counts_once(both: Both) -> None:
    alone, shared, processes = both(ALIKE, orders(60, message_id="same"))
    assert json.loads(alone)[0]["events"] == 1
    assert (alone, processes) == (shared, 1)


def test_what_is_shared_out_in_turn_is_decided_by_one_process(both: Both) -> None:
    text = "rules: {one: {when: {event: order_completed}, then: [{turn.take: {}}]}}"
    assert not can_be_shared_out(plan(text))
    alone, shared, processes = both(text, orders(20))
    assert (alone, processes) == (shared, 1)


def test_a_rule_for_nobody_in_particular_is_decided_by_one_process() -> None:
    text = 'rules: {one: {when: {schedule: {cron: "0 9 * * *"}}, then: [{log.write: {message: x}}]}}'
    assert not can_be_shared_out(plan(text))


def test_whoever_is_named_together_is_in_one_share() -> None:
    shares = Shares(5)
    past = people(7)
    assert list(shares.watch(past)) == past
    assert len({shares.of(message) for message in past}) > 1
    for message in past:
        if message.anonymous_id and message.user_id:
            twins = message._replace(anonymous_id=""), message._replace(user_id="")
            assert len({shares.of(twin) for twin in twins}) == 1


def test_an_id_in_two_shares_is_noticed(tmp_path: Path) -> None:
    past = people(1)[:40]
    for share, own in enumerate((past[:20], past[20:])):
        assert list(MessageIds(tmp_path, share).watch(own)) == own
    assert not is_twice(tmp_path, 2)
    list(MessageIds(tmp_path, 2).watch(past[3:4]))
    assert is_twice(tmp_path, 3)


def test_what_is_raised_beside_is_raised_where_the_result_is_asked_for() -> None:
    def fail() -> None:
        raise RetainError("no", where="here", cure="do otherwise")

    with pytest.raises(RetainError, match="here: no"):
        Beside(fail).result()


@pytest.mark.parametrize(
    "error",
    [
        RetainError("no", where="here", cure="do otherwise"),
        NotFoundError("rule", "greet", ["greeting"]),
        IngestError("too_large", "it is too large"),
        TemporaryError("busy", after=3.0),
        ConditionError(Problem(Place("a.yaml", 1, 2), "E101", "no", "yes")),
    ],
)
def test_an_error_comes_whole_out_of_another_process(error: RetainError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_a_process_that_may_start_none_does_the_work_itself() -> None:
    with get_context("spawn").Pool(1) as workers:  # as those of job queues, its processes may not start others
        assert workers.apply(can_copy) is False
