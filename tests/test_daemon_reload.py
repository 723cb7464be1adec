"""Reloads, starts with bad files, and signals."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path

from cli_help import here
from daemon_help import GREET, Shop, mail_box, running, wait_until
from retain.app.reports.audit import deeds_of
from retain.serve.watching import changes_of, look_at

WAITS = """
version: 1
policies:
  email: {unknown: allow}
rules:
  later:
    when: {event: order_completed}
    on_change: ON_CHANGE
    then:
      - wait: 1h
        id: pause
      - log.write: {message: done}
"""


def test_a_reload_takes_the_new_rules(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    with running(shop) as daemon:
        shop.rules(GREET.replace("greet:", "hello:"))
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: daemon.said(" reloaded "))
        daemon.order(1)
        wait_until(daemon.decided)
        assert 'retain_runs_started_total{rule="hello"} 1.0' in daemon.ask("GET", "/metrics")[1]


def test_a_reload_with_an_error_keeps_the_running_rules_and_says_why(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    with running(shop) as daemon:
        shop.change("customer.email", "customer.emial")
        answer = daemon.command("reload")
        assert answer["ok"] is False
        assert "shop.yaml:8:" in answer["problems"][0]
        assert "did you mean customer.email?" in answer["problems"][0]
        daemon.order(1)
        wait_until(daemon.decided)
        assert 'retain_runs_started_total{rule="greet"} 1.0' in daemon.ask("GET", "/metrics")[1]
        status, body = daemon.ask("GET", "/readyz")
        assert status == 200
        assert "the last reload was refused" in body["reasons"][0]


def test_changed_files_are_taken_once_they_are_quiet(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(more="reload: watch\n")
    with running(shop) as daemon:
        shop.rules("version: 1\nrules: {broken")  # half of what is being written
        shop.rules(GREET.replace("greet:", "hello:"))
        wait_until(lambda: daemon.said(" reloaded "))
        assert not daemon.said("reload_refused")


async def test_a_file_that_changes_while_the_daemon_starts_is_not_overlooked(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    seen = look_at(shop.folder)
    shop.rules(GREET.replace("greet:", "hello:"))
    changes = changes_of(shop.folder, seen, quiet_s=0.0)
    await asyncio.wait_for(anext(changes), 30)
    await changes.aclose()


def test_runs_that_wait_follow_an_edit_as_the_rule_says(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    head, rule = WAITS.split("  later:\n")
    rules = (f"  {kind}:\n{rule.replace('ON_CHANGE', kind)}" for kind in ("move", "finish", "exit"))
    shop.write(head + "".join(rules))
    with running(shop) as daemon:
        daemon.order(1)
        wait_until(daemon.decided)
        shop.change("then:\n", "then:\n      - log.write: {message: new}\n")
        assert daemon.command("reload")["ok"]
        daemon.stop()
    with shop.store() as store:
        runs = {run.rule: run for run in store.list_runs()}
    assert len(runs) == 3
    assert (runs["move"].step, runs["finish"].step) == ("then[1]", "then[0]")
    assert {rule: run.ended_by == "edited" for rule, run in runs.items()} == {
        "move": False,
        "finish": False,
        "exit": True,
    }


def test_a_reload_says_who_asked_and_which_runs_it_could_not_move(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(WAITS.replace("ON_CHANGE", "move"))
    with running(shop) as daemon:
        daemon.order(1)
        wait_until(daemon.decided)
        shop.change("        id: pause\n", "")
        shop.change("wait: 1h", "wait: 2h")
        answer = daemon.command("reload")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sum(" reloaded " in line for line in daemon.lines()) == 2)
        shop.change("wait: 2h", "wiat: 2h")
        assert not daemon.command("reload")["ok"]
        daemon.stop()
    with shop.store() as store:
        (run,) = store.list_runs()
        audit = [(row.who, row.what, row.details.get("cannot_move")) for row in store.list_audit()]
    assert audit.pop()[1] == "start"
    assert (answer["moved"], answer["cannot_move"]) == ({"stayed": 1}, [run.id])
    assert audit == [
        ("a test", "reload_refused", None),
        ("SIGHUP", "reload", [run.id]),
        ("a test", "reload", [run.id]),
    ]


def test_a_reload_names_the_keys_that_only_a_restart_applies(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(more="log: {level: info}\n")
    with running(shop) as daemon:
        path = shop.folder / "retain.yaml"
        path.write_text(path.read_text().replace("level: info", "level: debug") + "strict_events: true\nzone: UTC\n")
        answer = daemon.command("reload")
        assert (answer["ok"], answer["restart"]) == (True, ["strict_events", "log.level"])
        assert any("strict_events has changed" in reason for reason in daemon.command("status")["reasons"])
        path.write_text(path.read_text().replace("level: debug", "level: info").replace("strict_events: true\n", ""))
        assert daemon.command("reload")["restart"] == []


def test_a_broken_rule_is_left_out_at_a_start_and_the_others_run(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(GREET + "  bad:\n    when: {event: order_completed}\n    then: [{log.wirte: {message: x}}]\n")
    with running(shop) as daemon:
        status = daemon.command("status")
        assert (status["ready"], status["degraded"], status["rules"]) == (True, True, 1)
        assert "rule bad is disabled" in status["reasons"][0]


def test_a_reload_says_what_could_not_follow_the_rules_that_are_in_force(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(WAITS.replace("ON_CHANGE", "move"))
    with running(shop) as daemon:
        daemon.order(1)
        wait_until(daemon.decided)
        with sqlite3.connect(shop.folder / "retain.db") as store:  # as a careless restore might leave it
            store.execute("DELETE FROM rule_revisions")
        store.close()
        shop.change("wait: 1h", "wait: 2h")
        answer = here("-C", shop.folder, "reload")
        assert answer.code == 1
        assert "in force, but not all that waits follows them yet: revision " in " ".join(answer.out.split())
        status = daemon.command("status")
        assert status["degraded"]
        assert "in force, but not all" in status["reasons"][0]
        daemon.order(2, "ben")
        wait_until(daemon.decided)
        with shop.store() as opened:
            assert len({run.revision for run in opened.list_runs(limit=9)}) == 2, "who comes now follows the new text"
            (deed,) = deeds_of(opened.list_audit(what=["reload"]))
            assert "changed: later; the new rules are in force, but not all" in deed.told()


def test_a_section_that_no_plugin_reads_is_told_at_a_start(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(WAITS.replace("ON_CHANGE", "move"), more="plugins: {emial: {host: h}}\n")
    with running(shop) as daemon:
        (reason,) = daemon.command("status")["reasons"]
        assert "no plugin 'emial' with a configuration is loaded; did you mean email?" in reason
        assert daemon.said("no plugin 'emial'")


def test_a_plugin_without_its_section_is_told_at_a_start_once_until_a_reload_finds_the_section(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(GREET + GREET.partition("rules:\n")[2].replace("greet", "again"), more="plugins: {}\n")
    with running(shop) as daemon:
        (reason,) = daemon.command("status")["reasons"]
        assert reason.startswith("rules/shop.yaml:11:9: retain.yaml has no section plugins.email, which must say host")
        assert reason.endswith(
            "add to retain.yaml: plugins: {email: {host: ..., from: ...}}, as retain docs email says"
        )
        assert not daemon.command("reload")["ok"], "what would fail for everybody is not put in force while others run"
        shop.write()
        assert daemon.command("reload")["ok"]
        assert daemon.command("status")["reasons"] == []


def test_a_file_that_cannot_be_read_refuses_the_first_start(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write("version: 1\nrules: {broken")
    with running(shop, ready=False) as daemon:
        assert daemon.process.wait(20) == 2
        assert "rules/shop.yaml:2:" in daemon.log.read_text()


def test_a_file_that_cannot_be_read_later_leaves_the_last_good_rules(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    with running(shop) as daemon:
        daemon.stop()
    shop.rules("version: 1\nrules: {broken")
    with running(shop) as daemon:
        status = daemon.command("status")
        assert (status["degraded"], status["rules"]) == (True, 1)
        assert "the last good rules are used" in status["reasons"][0]


def test_it_does_not_listen_to_others_without_a_key(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    path = shop.folder / "retain.yaml"
    path.write_text(path.read_text().replace("127.0.0.1", "0.0.0.0"))
    with running(shop, ready=False) as daemon:
        assert daemon.process.wait(20) == 2
        assert "no write keys" in daemon.log.read_text()
    assert not (shop.folder / "retain.db").exists()


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write()
    with running(shop) as daemon:
        with running(shop, ready=False) as same:
            assert same.process.wait(20) == 2
            assert "a daemon of this project is running already" in same.log.read_text()
        twin = Shop(shop.folder)
        path = shop.folder / "retain.yaml"
        path.write_text(path.read_text().replace(str(shop.port), str(twin.port)))
        with running(twin, ready=False) as second:
            assert second.process.wait(20) == 2
            assert f"process {daemon.pid} has the store open" in second.log.read_text()
        assert daemon.order(1) == 200


def test_sigterm_finishes_the_letters_that_are_under_way(tmp_path: Path) -> None:
    with mail_box(tmp_path, delay=1.0) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write()
        with running(shop) as daemon:
            daemon.order(17)
            wait_until(lambda: shop.effects("sending"))
            assert daemon.stop() == 0
            assert daemon.said("left_in_flight=0")
        assert box.subjects() == ["Order 17"]
        assert [effect.state for effect in shop.effects("done", "in_doubt", "sending")] == ["done"]


def test_a_second_sigterm_ends_it_at_once_and_the_letter_is_in_doubt(tmp_path: Path) -> None:
    with mail_box(tmp_path, delay=60.0) as box:
        shop = Shop(tmp_path / "shop", box.port)
        shop.write()
        with running(shop) as daemon:
            daemon.order(17)
            wait_until(lambda: shop.effects("sending"))
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: daemon.said("stopping"))
            assert daemon.stop(timeout=10) == 0, "a stop in order waits longer than that"
        with running(shop) as daemon:
            assert [effect.state for effect in shop.effects("sending", "in_doubt")] == ["in_doubt"]
            daemon.stop()
