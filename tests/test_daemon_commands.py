"""What people do to a running daemon: pause and resume, stop, retry, drop, import."""

from __future__ import annotations

import time
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from daemon_help import GREET, Daemon, MailBox, Shop, mail_box, running, wait_until
from patience import shortest
from retain.errors import AdminError

NOTE = """
  note:
    when: {event: order_completed}
    runs: {per: event.order_id}
    then: [{log.write: {message: "{{ event.coupon }}"}}]
"""


SCOPES: list[dict[str, str]] = [
    {"scope": "all"},
    {"scope": "rule", "name": "greet"},
    {"scope": "channel", "name": "email"},
]


def test_a_pause_holds_across_a_restart_and_a_resume_lets_everything_go_within_a_second(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in count())
    assert shortest(lambda: longest_way_on(next(folders)), 1.0) < 1.0


def longest_way_on(folder: Path) -> float:
    """Pause everything, the rule and the channel, each across a restart; the most seconds until all letters are out."""
    folder.mkdir()
    times = []
    with mail_box(folder) as box:
        shop = Shop(folder / "shop", box.port)
        shop.write()
        with running(shop) as daemon:
            daemon.order("0")
            wait_until(box.letters)
            pause_and_stop(daemon, SCOPES[0])
        for number, (what, following) in enumerate(zip(SCOPES, [*SCOPES[1:], None], strict=True)):
            with running(shop) as daemon:
                times.append(resume(daemon, box, what, before=1 + 2 * number))
                if following is not None:
                    pause_and_stop(daemon, following)
        with shop.store() as store:
            assert Counter((row.who, row.what) for row in store.list_audit() if row.what != "start") == {
                ("a test", "pause"): 3,
                ("a test", "resume"): 3,
            }
    return max(times)


def pause_and_stop(daemon: Daemon, what: dict[str, str]) -> None:
    """Pause, send an order at once, and end the daemon."""
    assert daemon.command("pause", reason="a test", **what)["paused"]
    daemon.order(f"{what['scope']}-1")
    wait_until(daemon.decided)
    time.sleep(0.5)
    assert daemon.stop() == 0


def resume(daemon: Daemon, box: MailBox, what: dict[str, str], before: int) -> float:
    """Send another order, see that no letter has gone out since the pause, resume, and see how soon both go out."""
    daemon.order(f"{what['scope']}-2")
    wait_until(daemon.decided)
    time.sleep(0.5)
    assert len(box.letters()) == before
    began = time.monotonic()
    daemon.command("resume", **what)
    wait_until(lambda: len(box.letters()) == before + 2)
    took = time.monotonic() - began
    assert set(box.subjects()[before:]) == {f"Order {what['scope']}-{number}" for number in (1, 2)}
    return took


def test_parked_runs_can_be_dropped(tmp_path: Path) -> None:
    with mail_box(tmp_path) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write()
        with running(shop) as daemon:
            daemon.command("pause", scope="rule", name="greet")
            daemon.order(1)
            wait_until(daemon.decided)
            answer = daemon.command("resume", scope="rule", name="greet", parked="drop")
            assert (answer["released"], [run["reason"] for run in answer["dropped"]]) == (0, ["dropped"])
            daemon.order(2)
            wait_until(box.letters)
            daemon.stop()
        assert box.subjects() == ["Order 2"]


def test_a_name_that_is_none_is_refused_with_the_nearest(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    with running(shop) as daemon:
        with pytest.raises(AdminError, match="did you mean greet"):
            daemon.command("pause", scope="rule", name="geet")
        with pytest.raises(AdminError, match="did you mean email"):
            daemon.command("pause", scope="channel", name="emial")


def test_a_dead_letter_is_retried_and_another_dropped(tmp_path: Path) -> None:
    with mail_box(tmp_path, start=False) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write(GREET + NOTE)
        shop.change("email.send: {template: hello}", 'email.send: {template: hello, subject: "{{ event.coupon }}"}')
        with running(shop) as daemon:
            box.start()
            daemon.order(1, coupon="a\nb")  # no header may hold a line break
            daemon.order(2)  # the note has no text
            wait_until(lambda: len(shop.effects("dead")) == 2)
            one, two = sorted(shop.effects("dead"), key=lambda effect: effect.attempt, reverse=True)
            assert daemon.command("retry_effects", ids=[one.id, "nothing"]) == {
                "retried": 1,
                "refused": {"nothing": "there is no such effect"},
            }
            wait_until(lambda: [effect.id for effect in shop.effects("dead") if effect.attempt > 1] == [one.id])
            assert daemon.command("drop_effects", ids=[one.id, two.id])["dropped"] == 2
            daemon.stop()
        with shop.store() as store:
            assert sorted(run.ended_by for run in store.list_runs()) == ["done", "done", "failed", "failed"]


def test_a_run_is_stopped_and_consents_and_suppressions_are_imported(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(GREET.replace("- email.send", "- wait: 1h\n      - email.send"))
    with running(shop) as daemon:
        daemon.order(1)
        wait_until(daemon.decided)
        with shop.store() as store:
            (run,) = store.list_runs()
        assert daemon.command("stop_run", run=run.id) == {"run": run.id, "stopped": True}
        assert daemon.command("stop_run", run=run.id) == {"run": run.id, "stopped": False}
        rows = [{"customer": "user:ann", "purpose": "news", "granted": True}]
        assert daemon.command("import_consents", rows=rows) == {"imported": 1}
        rows = [{"channel": "email", "address": "Ann@Example.test"}]
        assert daemon.command("import_suppressions", rows=rows) == {"imported": 1}
        with shop.store() as store:
            assert store.suppressed("email", ["ann@example.test"])
            assert list(store.consents([run.customer]).values()) == [True]


def test_messages_can_be_limited_and_redirected(tmp_path: Path) -> None:
    with mail_box(tmp_path) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write(more="only_to: {allow: [bob@example.test], redirect: staging@example.test}\n")
        with running(shop) as daemon:
            daemon.order(1, "ann")
            daemon.order(2, "bob")
            wait_until(lambda: len(box.letters()) == 2)
            daemon.stop()
        assert sorted(letter["to"][0] for letter in box.letters()) == ["bob@example.test", "staging@example.test"]
