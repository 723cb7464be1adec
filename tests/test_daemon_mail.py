"""The daemon from end to end: an event over HTTP becomes a letter over SMTP."""

from __future__ import annotations

from pathlib import Path

from daemon_help import Shop, mail_box, running, wait_until


def test_a_live_event_becomes_a_letter(tmp_path: Path) -> None:
    with mail_box(tmp_path) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write()
        with running(shop) as daemon:
            assert daemon.order(17) == 200
            wait_until(box.letters)
            assert daemon.stop() == 0
        assert [(letter["subject"], letter["to"]) for letter in box.letters()] == [("Order 17", ["ann@example.test"])]


def test_a_letter_waits_for_a_mail_server_that_is_down(tmp_path: Path) -> None:
    patient = "email.send: {template: hello}\n        retry: {first: 1s, most: 1s}"
    with mail_box(tmp_path, start=False) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write()
        shop.change("email.send: {template: hello}", patient)
        with running(shop) as daemon:
            daemon.order(17)
            wait_until(lambda: any(effect.attempt for effect in shop.effects("pending")))
            box.start()
            wait_until(box.letters)
            assert daemon.stop() == 0
        assert box.subjects() == ["Order 17"]
