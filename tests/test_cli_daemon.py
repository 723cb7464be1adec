"""Commands beside a running daemon: it carries them out, and what it does is seen at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_help import events_file, here, identify, retain, too_wide, track
from daemon_help import Shop, running, wait_until

RULES = """
version: 1
rules:
  waits:
    when: {event: signed_up}
    then:
      - wait: 30d
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project that is not running yet."""
    found = Shop(tmp_path / "shop")
    found.write(RULES)
    return found


def all_decided(shop: Shop) -> bool:
    """Whether every accepted event is decided."""
    with shop.store() as store:
        return store.watermark() > 0 and not store.has_undecided()


def test_an_import_goes_through_the_daemon_that_holds_the_store(shop: Shop, tmp_path: Path) -> None:
    past = events_file(
        tmp_path / "past.jsonl",
        [identify("1", "2026-01-01T10:00:00Z", 1, city="Rome"), track("1", "Signed Up", "2026-01-01T10:00:00Z", 2)],
    )
    with running(shop):
        answer = here("-C", shop.folder, "import", past, "--json")
        assert (answer.code, answer.json["stored"]) == (0, 2)
        wait_until(lambda: all_decided(shop))
        assert here("-C", shop.folder, "customers", "show", "1", "--json").json["fields"] == {"city": "Rome"}
        assert here("-C", shop.folder, "runs", "list", "--json").json == []


def test_status_says_that_the_daemon_runs_and_simulate_reads_beside_it(shop: Shop, tmp_path: Path) -> None:
    with running(shop) as daemon:
        told = here("-C", shop.folder, "status", "--json").json
        assert told["writer"] == told["daemon"]["pid"] == daemon.pid
        past = events_file(tmp_path / "past.jsonl", [track("1", "Signed Up", "2026-01-01T10:00:00Z", 2)])
        here("-C", shop.folder, "import", past)
        assert here("-C", shop.folder, "simulate", "--json").json["rules"]["waits"]["started"] == 1
    assert here("-C", shop.folder, "status", "--json").json["daemon"] is None


def test_status_says_once_that_a_reload_was_refused_and_why(shop: Shop) -> None:
    with running(shop):
        shop.change("when: {event:", "whne: {event:")
        assert here("-C", shop.folder, "reload").code == 1
        answer = here("-C", shop.folder, "status")
        assert "refused; the daemon goes on with the rules of before\n" in answer.out
        assert answer.out.count("error[E211]") == 1
        assert "in files" in answer.out, "the counts are those of the files, which the daemon did not take"
        assert "\ndisabled" not in answer.out
        assert too_wide(answer.out.split("\n", 1)[1]) == []


def test_a_pause_and_a_stop_reach_the_daemon(shop: Shop, tmp_path: Path) -> None:
    now = events_file(tmp_path / "now.jsonl", [{**track("1", "Signed Up", "", 3), "timestamp": None}])
    with running(shop):
        here("-C", shop.folder, "import", now, "--live")
        wait_until(lambda: all_decided(shop))
        [run] = here("-C", shop.folder, "runs", "list", "--json").json
        assert here("-C", shop.folder, "runs", "stop", run["id"], "--json").json["stopped"] is True
        assert here("-C", shop.folder, "pause", "--rule", "waits", "--by", "ada", "--json").json["paused"] is True
        assert here("-C", shop.folder, "status", "--json").json["paused"][0]["by"] == "ada"
        assert here("-C", shop.folder, "resume", "--rule", "waits", "--json").json["resumed"] is True


def test_a_reload_takes_the_changed_rules_or_says_why_not(shop: Shop) -> None:
    with running(shop):
        shop.change("waits:", "rests:")
        taken = here("-C", shop.folder, "reload")
        assert (taken.code, taken.out.splitlines()[0]) == (0, "reloaded  1 rule")
        shop.change("signed_up", "singed_up")
        refused = here("-C", shop.folder, "reload")
        assert (refused.code, refused.out.splitlines()[0]) == (1, "refused  the rules of before stay in force")
        assert "did you mean signed_up?" in refused.err
        assert here("-C", shop.folder, "reload", "--json").json["ok"] is False


def test_a_reload_without_a_daemon_says_how_to_start_it(shop: Shop) -> None:
    answer = here("-C", shop.folder, "reload")
    assert (answer.code, "start it with: retain run" in answer.err) == (2, True)


def test_an_error_of_the_daemon_is_told_as_if_it_had_happened_here(shop: Shop) -> None:
    with running(shop):
        there = retain("runs", "stop", "nothing", cwd=shop.folder)
    at_rest = retain("runs", "stop", "nothing", cwd=shop.folder)
    assert (there.code, there.err) == (at_rest.code, at_rest.err)
    assert there.code == 2


def test_a_store_whose_writer_does_not_answer_is_left_alone(shop: Shop) -> None:
    with running(shop) as daemon:
        (shop.folder / "retain.sock").rename(shop.folder / "elsewhere")
        answer = here("-C", shop.folder, "pause", "--all")
        (shop.folder / "elsewhere").rename(shop.folder / "retain.sock")
        assert answer.code == 2
        assert f"process {daemon.pid} has the store open" in answer.err
