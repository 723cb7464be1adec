"""Plugins that hang or raise: at import, in an action, in a pure function, at the end. Nobody else waits for them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from daemon_help import GREET, Daemon, MailBox, Shop, mail_box, running, wait_until
from patience import shortest

ORDERS = 20
ACTION = """
import time
from retain.hookspecs import hookimpl
from retain.registry import Action, ActionResult, Example, StoreChanges

SHAPE = {"type": "object", "properties": {"id": {"type": "string"}}}

"""
BLOCKS = (
    ACTION
    + """
async def run(request):
    time.sleep(3600)

@hookimpl
def register_actions():
    return [Action(name="blocks.act", summary="x", inputs=SHAPE, example=Example(inputs={}), run=run, timeout_s=1.0)]
"""
)
ENDS_SLOWLY = """
import threading, time
from retain.hookspecs import hookimpl

@hookimpl
def engine_started():
    threading.Thread(target=time.sleep, args=(3600,)).start()

@hookimpl
def engine_stopping():
    time.sleep(3600)
"""
LISTENS = """
import os
from retain.hookspecs import hookimpl

def note(text):
    with open(os.environ["NOTES"], "a") as file:
        file.write(text + "\\n")

@hookimpl
def engine_started():
    note("engine_started")

@hookimpl
def run_started(run):
    note(f"run_started {run.rule}")

@hookimpl
def run_finished(run):
    note(f"run_finished {run.ended_by}")

@hookimpl
def effect_finished(effect, result):
    note(f"effect_finished {effect.state.value} {bool(result)}")

@hookimpl
def event_rejected(reason, message):
    note(f"event_rejected {reason} {message['event']}")
    raise RuntimeError("an observer's fault is logged, nothing more")

@hookimpl
def engine_stopping():
    note("engine_stopping")
"""
RAISES = (
    ACTION
    + """
def apply(view, inputs):
    if inputs["id"] == "bad":
        raise ValueError("a bug")
    if inputs["id"] == "hang":
        time.sleep(3600)
    return StoreChanges(fields={"last": inputs["id"]})

@hookimpl
def register_actions():
    return [Action(name="notes.keep", summary="x", inputs=SHAPE, example=Example(inputs={}), apply=apply)]
"""
)
BLOCK = """
  block:
    when: {event: order_completed}
    runs: {per: event.order_id}
    then: [{blocks.act: {}}]
"""
KEEP = """
version: 1
rules:
  keep:
    when: {event: order_completed}
    runs: {per: event.order_id}
    then: [{notes.keep: {id: "{{ event.order_id }}"}}]
"""


def time_to_deliver(daemon: Daemon, box: MailBox) -> float:
    """How long it takes until a number of orders have become letters, in seconds."""
    before = len(box.letters())
    began = time.monotonic()
    for number in range(ORDERS):
        daemon.order(f"{began}-{number}", f"c{number}")
    wait_until(lambda: len(box.letters()) == before + ORDERS)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long that takes where no plugin hangs."""
    folder = tmp_path_factory.mktemp("normal")
    with mail_box(folder) as box:
        shop = Shop(folder / "shop", box.port)
        shop.write()
        with running(shop) as daemon:
            return time_to_deliver(daemon, box)


def test_a_plugin_that_hangs_in_an_action_and_at_the_end_delays_nobody_else(tmp_path: Path, normal: float) -> None:
    with mail_box(tmp_path) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.install("blocks", BLOCKS)
        shop.install("ends_slowly", ENDS_SLOWLY)
        shop.write(GREET + BLOCK)
        bound = 2 * max(normal, 0.5)
        with running(shop) as daemon:
            assert shortest(lambda: time_to_deliver(daemon, box), bound) <= bound
            time.sleep(2.5)  # the first attempts are let go of, and their plugin gets a new thread
            assert shortest(lambda: time_to_deliver(daemon, box), bound) <= bound
            began = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - began < 25


@pytest.mark.long
def test_a_plugin_that_hangs_at_import_is_left_out(tmp_path: Path, normal: float) -> None:
    with mail_box(tmp_path) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.install("sleeps", "import time\ntime.sleep(3600)\n")
        shop.write()
        bound = 2 * max(normal, 0.5)
        with running(shop) as daemon:
            assert shortest(lambda: time_to_deliver(daemon, box), bound) <= bound
            assert "plugin sleeps is disabled" in daemon.command("status")["reasons"][0]
            assert daemon.stop() == 0


def test_an_event_that_cannot_be_decided_is_put_aside_and_the_next_ones_go_on(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.install("notes", RAISES)
    shop.write(KEEP)
    with running(shop) as daemon:
        for order in ("1", "bad", "2"):
            daemon.order(order)
        wait_until(lambda: daemon.metric("retain_quarantined_total") == 1)
        wait_until(lambda: shop.store().find_customer("ann").fields.get("last") == "2")
        with shop.store() as store:
            (failed,) = store.failed_events()
        assert failed.event.fields["order_id"] == "bad"
        assert failed.reason == "ValueError: a bug"
        assert daemon.command("retry_events")["retried"] == 1
        wait_until(lambda: daemon.metric("retain_quarantined_total") == 2)


@pytest.mark.long
def test_an_event_whose_decision_never_ends_is_put_aside_after_it_has_ended_the_process_twice(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.install("notes", RAISES)
    shop.write(KEEP)
    for life in range(2):
        with running(shop) as daemon:
            if life == 0:
                daemon.order("hang")
            assert daemon.process.wait(20) == 2
            assert daemon.said("decision_hangs")
            assert daemon.said("plugin=notes")
    with running(shop) as daemon:
        daemon.order("2")
        wait_until(lambda: shop.store().find_customer("ann").fields.get("last") == "2")
        with shop.store() as store:
            (failed,) = store.failed_events()
        assert failed.event.fields["order_id"] == "hang"
        assert "the process ended 2 times while this was decided" in failed.reason
        daemon.stop()


def test_observers_are_told_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / "notes"
    monkeypatch.setenv("NOTES", str(notes))
    with mail_box(tmp_path) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.install("listens", LISTENS)
        shop.write()
        with running(shop) as daemon:
            daemon.order(1)
            daemon.ask("POST", "/v1/track", {"event": "Nobody's"})
            wait_until(lambda: shop.effects("done"))
            assert daemon.stop() == 0
    told = notes.read_text().splitlines()
    assert (told[0], told[-1]) == ("engine_started", "engine_stopping")
    assert set(told[1:-1]) == {
        "run_started greet",
        "run_finished done",
        "effect_finished done True",
        "event_rejected no_identity Nobody's",
    }
