"""SIGKILL with messages outstanding: what was acknowledged is stored once, and no letter is lost or goes out twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from segment.analytics.client import Client

from daemon_help import KEY, Shop, mail_box, running, wait_until
from retain.model import EffectState

CONCURRENCY = 8  # of email.send
QUEUE = 120  # messages that the sender has not been told about


@contextmanager
def sending(client: Client) -> Iterator[list[int]]:
    """Orders of a hundred customers, as fast as the daemon takes them; the numbers of those that were sent."""
    sent: list[int] = []
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            if client.queue.unfinished_tasks >= QUEUE:
                time.sleep(0.005)
                continue
            number = len(sent)
            client.track(f"c{number % 100}", "Order Completed", {"order_id": str(number)}, message_id=f"order-{number}")
            sent.append(number)

    producer = threading.Thread(target=send)
    producer.start()
    try:
        yield sent
    finally:
        done.set()
        producer.join()


@pytest.mark.long
@pytest.mark.parametrize("kills", [20])
def test_nothing_acknowledged_is_lost_and_no_letter_goes_out_twice(tmp_path: Path, kills: int) -> None:
    chance = random.Random(kills)
    failures: list[object] = []
    outstanding = 0
    with mail_box(tmp_path, delay=0.001) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write(more="breaker: 1000000 per 1h\n")
        client = Client(
            KEY, host=f"http://127.0.0.1:{shop.port}", gzip=True, upload_size=15, upload_interval=0.02, thread=6,
            on_error=lambda error, items: failures.extend(items), timeout=5, max_retries=1000,
        )  # fmt: skip
        with running(shop) as daemon:
            for number in range(100):
                client.identify(f"c{number}", {"email": f"c{number}@example.test"})
            client.flush()
            daemon.stop()
        with sending(client) as sent:
            for _ in range(kills):
                with running(shop) as daemon:
                    time.sleep(chance.uniform(0.1, 1.0))
                    wait_until(lambda: client.queue.unfinished_tasks >= 20)
                    outstanding += client.queue.unfinished_tasks
                    daemon.process.kill()
                    daemon.process.wait()
        with running(shop) as daemon:
            client.flush()
            wait_until(lambda: not shop.effects("pending", "sending") and shop.store().counts().undecided == 0, 120)
            assert daemon.stop() == 0
        client.join()
        letters = Counter(letter["subject"] for letter in box.letters())

    assert not failures
    assert outstanding >= 10 * kills
    with shop.store() as store:
        orders = [event for event in store.events_after(0, 10**7) if event.name == "order_completed"]
        effects = store.list_effects(limit=10**7)
        runs = store.runs_by_id([effect.run for effect in effects])
    assert sorted(int(event.fields["order_id"]) for event in orders) == sent
    assert len(effects) == len(sent)
    assert {effect.state for effect in effects} <= {EffectState.DONE, EffectState.IN_DOUBT}
    doubtful = {runs[effect.run].key for effect in effects if effect.state is EffectState.IN_DOUBT}
    assert len(doubtful) <= kills * CONCURRENCY
    for effect in effects:
        order = runs[effect.run].key
        assert letters[f"Order {order}"] == 1 or order in doubtful, order
    assert max(letters.values()) == 1
