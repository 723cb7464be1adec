"""Two daemons on one database, one of them stopped and killed: nothing is missing, nothing is double, order is kept.

All is judged from outside: by SQL over what is stored, and by the book of those who were sent something. With `-s` the
figures of each trial are shown.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daemon_help import Daemon, Shop, running, wait_until
from postgres_help import database
from retain.store.store import Store

LEASE_S = 2
LEDGER = """
import asyncio
import os

from retain.hookspecs import hookimpl
from retain.registry import Action, ActionRequest, ActionResult, CustomerField, EventType, Example

NUMBER = {"type": ["number", "null"]}

async def write(request: ActionRequest) -> ActionResult:
    with open(os.environ["LEDGER"], "a") as file:
        file.write(f"{request.effect_id} {os.getpid()}\\n")
    await asyncio.sleep(0.02)  # so that some are always under way, and in doubt for whoever takes over
    return ActionResult()

@hookimpl
def register_actions():
    example = Example(inputs={})
    yield Action(name="ledger.write", summary="Note a payment.", inputs={"type": "object"}, run=write, example=example)

@hookimpl
def register_event_types():
    yield EventType(name="tick", summary="", schema={"type": "object", "properties": {"n": NUMBER, "pay": NUMBER}})

@hookimpl
def register_fields():
    yield CustomerField(name="last_n", schema=NUMBER)
"""
RULES = """
version: 1
teams:
  sales:
    members:
      - {email: ada@example.test, weight: 5}
      - {email: ben@example.test, weight: 3}
      - {email: cem@example.test, weight: 2, capacity: CAPACITY}
rules:
  chain:
    when: {event: tick}
    if: ["event.n == default(customer.last_n, 0) + 1"]
    runs: {mode: parallel}
    then: [{set: {last_n: "{{ event.n }}"}}]
  pay: {when: {event: tick}, if: [event.pay == 1], runs: {mode: parallel}, then: [{ledger.write: {}}]}
  leads: {when: {event: signed_up}, then: [{lead.assign: {team: sales, strategy: weighted, on_nobody: queue}}]}
"""


@dataclass
class Sender:
    """Sends events of many customers to whichever daemon answers, each customer's in order, and knows what it sent."""

    shops: list[Shop]
    ids: set[str] = field(default_factory=set)
    reachable: list[int] = field(default_factory=lambda: [0, 1])

    def send(self, daemons: list[Daemon | None], calls: list[dict[str, Any]]) -> None:
        """Send calls in batches, half to each daemon that is reachable, until all are acknowledged."""
        for start in range(0, len(calls), 200):
            batch = calls[start : start + 200]
            for attempt in range(200):
                daemon = daemons[self.reachable[(start // 200 + attempt) % len(self.reachable)]]
                assert daemon is not None
                if daemon.ask("POST", "/v1/batch", {"batch": batch})[0] == 200:
                    break
                time.sleep(0.1)
            else:
                raise AssertionError("never acknowledged")
            self.ids.update(call["messageId"] for call in batch)


def ticks(customers: int, number: int, joined: bool) -> list[dict[str, Any]]:
    """Everybody's next event; one in ten is paid for."""
    return [
        {
            "type": "track", "event": "Tick", "messageId": f"t-{customer}-{number}",
            "properties": {"n": number, "pay": int((customer + number) % 10 == 0)},
        } | ({"anonymousId": f"v{customer}"} if customer % 10 == 0 and not joined else {"userId": f"u{customer}"})
        for customer in range(customers)
    ]  # fmt: skip


def joins(customers: int) -> list[dict[str, Any]]:
    """One in ten, who came as a visitor first and has an account of its own by now, turns out to be one person."""
    return [
        {"type": "identify", "userId": f"u{customer}", "anonymousId": f"v{customer}", "messageId": f"j-{customer}"}
        for customer in range(0, customers, 10)
    ]


def leads(count: int) -> list[dict[str, Any]]:
    """People to be shared out."""
    return [{"type": "track", "event": "Signed Up", "userId": f"l{number}", "messageId": f"l-{number}"}
            for number in range(count)]  # fmt: skip


@pytest.mark.parametrize(("customers", "rounds", "people"), [
    pytest.param(60, 10, 100, id="few"),
    pytest.param(5_000, 20, 10_000, id="many"),  # takes some minutes
])  # fmt: skip
@pytest.mark.long
def test_two_workers_of_which_one_is_stopped_and_one_killed(
    tmp_path: Path, customers: int, rounds: int, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger"
    monkeypatch.setenv("LEDGER", str(ledger))
    with database() as url, ExitStack() as stack:
        began = time.monotonic()
        shops = [_shop(tmp_path / name, url, people // 10) for name in ("a", "b")]
        daemons: list[Daemon | None] = [stack.enter_context(running(shop)) for shop in shops]
        sender, news = Sender(shops), leads(people)
        accounts = [
            {"type": "track", "event": "Page Opened", "userId": f"u{customer}", "messageId": f"o-{customer}"}
            for customer in range(0, customers, 10)
        ]
        sender.send(daemons, accounts)
        first, second = daemons
        assert first is not None
        assert second is not None
        for number in range(1, rounds + 1):
            if number == rounds // 3:  # one worker stands still for longer than its lease
                pairs = wait_until(lambda: _pairs_of_different_workers(url))
                second.process.send_signal(signal.SIGSTOP)
                sender.reachable = [0]
                stopped = time.monotonic()
            if number == rounds // 2:
                time.sleep(max(0.0, LEASE_S * 1.5 - (time.monotonic() - stopped)))
                second.process.send_signal(signal.SIGCONT)
                sender.reachable = [0, 1]
            if number == rounds * 3 // 4:  # and one is killed, and another takes its place
                second.process.kill()
                second.process.wait()
                daemons[1] = stack.enter_context(running(shops[1]))
            sender.send(daemons, ticks(customers, number, number > rounds // 3))
            if number == rounds // 3:
                sender.send(daemons, joins(customers))
            part = people // rounds
            sender.send(daemons, news[(number - 1) * part : people if number == rounds else number * part])
        wait_until(lambda: _is_done(url), 60 + customers * rounds / 50)
        for daemon in daemons:
            assert daemon is not None
            assert daemon.stop() == 0
        _check(url, sender, customers, rounds, people)
        in_doubt = _check_payments(url, ledger)
        print(
            f"\n{len(sender.ids):,} events of {customers + people:,} people, {people:,} leads, {customers // 10} joined"
            f" ({pairs} of different workers); {in_doubt} effects in doubt; {time.monotonic() - began:.0f} s"
        )


def _pairs_of_different_workers(url: str) -> int:
    """How many visitors and accounts, who will turn out to be one person each, are decided by different workers now."""
    who = "SELECT value, owner FROM identities i JOIN partitions ON number = mod(i.customer, 64) WHERE value LIKE %s"
    with psycopg.connect(url) as base:
        visitors, accounts = (dict(base.execute(who, (start + "%",)).fetchall()) for start in "vu")
    return sum(owner != accounts["u" + visitor[1:]] for visitor, owner in visitors.items())


def _shop(folder: Path, url: str, capacity: int) -> Shop:
    shop = Shop(folder / "shop")
    more = f"store: {url}\nlease: {LEASE_S}s\nbreaker: 100000000 per 1h\n"
    shop.write(RULES.replace("CAPACITY", str(capacity)), more)
    shop.install("ledger", LEDGER)
    return shop


def _is_done(url: str) -> bool:
    with Store.open(url, read_only=True) as store:
        counts = store.counts()
    return counts.undecided == 0 and not {"pending", "sending"} & counts.effects.keys()


def _check(url: str, sender: Sender, customers: int, rounds: int, people: int) -> None:
    """The history from outside: SQL alone."""
    with psycopg.connect(url) as base:
        ask = base.execute
        stored = {row[0] for row in ask("SELECT message_id FROM events WHERE cause_seq IS NULL")}
        assert stored == sender.ids, "every acknowledged event is stored once"
        undecided = "SELECT count(*) FROM events e LEFT JOIN summaries s ON s.event_seq = e.seq WHERE s.at IS NULL"
        assert ask(undecided).fetchone() == (0,), "and decided"
        assert ask("SELECT count(*) FROM failed_events").fetchone() == (0,)
        chain = "SELECT count(*), count(DISTINCT cause) FROM runs WHERE rule = 'chain'"
        assert ask(chain).fetchone() == (customers * rounds, customers * rounds), "each in its customer's order"
        last = "SELECT fields::json ->> 'last_n', count(*) FROM customers WHERE fields LIKE '%last_n%' GROUP BY 1"
        assert ask(last).fetchall() == [(str(rounds), customers)]
        double = "SELECT run FROM decisions WHERE kind = 'start' GROUP BY run HAVING count(*) > 1"
        assert ask(double).fetchall() == [], "no decision is double"
        joined = "SELECT count(*) FROM customers WHERE merged_into IS NOT NULL"
        assert ask(joined).fetchone() == (customers // 10,)
        had = Counter(
            dict(ask("SELECT split_part(owner, '@', 1), count(*) FROM records WHERE kind = 'lead' GROUP BY 1"))
        )
        capacity = people // 10
        before = capacity * 5  # leads by the time that Cem is full: two in ten are his
        assert had["cem"] == capacity, "capacity is never exceeded, and is used up"
        assert had["ada"] == pytest.approx(before / 2 + (people - before) * 5 / 8, abs=1), "and the rest is as written"
        assert sum(had.values()) == people


def _check_payments(url: str, ledger: Path) -> int:
    """What went out, by the receiver's book; how many are in doubt."""
    sent = Counter(line.split()[0] for line in ledger.read_text().splitlines())
    with psycopg.connect(url) as base:
        states = dict(base.execute("SELECT id, state FROM effects").fetchall())
        paid = base.execute("SELECT count(*) FROM runs WHERE rule = 'pay'").fetchone()
    assert paid == (len(states),)
    assert set(states.values()) <= {"done", "in_doubt"}
    assert sent.keys() <= states.keys()
    twice = [effect for effect, count in sent.items() if count > 1 and states[effect] != "in_doubt"]
    never = [effect for effect, state in states.items() if state == "done" and not sent[effect]]
    assert (twice, never) == ([], []), "only what is in doubt may have gone out twice, or not"
    return sum(state == "in_doubt" for state in states.values())
