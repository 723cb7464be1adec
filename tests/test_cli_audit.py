"""The audit trail on the screen, and runs that are held: what people ask about the day after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli_help import bare, events_file, here, project, retain, too_wide, track
from daemon_help import Shop, running, wait_until
from retain.app.reports.audit import deeds_of
from retain.decide.operations import hold
from retain.model import RunState
from retain.store.rows import AuditRow, Batch
from retain.store.store import Store
from store_help import run

CART = [track("1", "Product Added", "", 1, cart_id="k")]
WAITS = """\
version: 1
rules:
  waits:
    when: {event: signed_up}
    then:
      - wait: 1s
      - log.write: {message: hello}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which people did this and that."""
    folder = project(tmp_path_factory.mktemp("audit") / "shop")
    calls = [{key: value for key, value in call.items() if key != "timestamp"} for call in CART]
    here("-C", folder, "import", events_file(folder / "e.jsonl", calls), "--live", "--by", "ben")
    here("-C", folder, "pause", "--rule", "abandoned-cart", "--by", "ada", "--reason", "the letter is wrong")
    here("-C", folder, "resume", "--rule", "abandoned-cart", "--by", "ada")
    here("-C", folder, "export", "--out", folder / "s.jsonl", "--by", "ben")
    return folder


def test_the_audit_trail_is_read_newest_first_in_80_columns(shop: Path) -> None:
    answer = retain("audit", cwd=shop)
    assert (answer.code, answer.err, too_wide(answer.out)) == (0, "", [])
    told = [line[18:] for line in answer.out.splitlines()]
    assert [line for line in told if line.startswith(("who", "ada", "ben"))] == [
        "who  what",
        "ben  export  1 event of 1 customer, with pseudonyms, to",
        "ada  resume  rule abandoned-cart",
        "ada  pause  rule abandoned-cart: the letter is wrong",
        "ben  import  1 message",
    ]
    assert answer.out.splitlines()[-1] == "4 lines; times in UTC"


def test_the_audit_trail_can_be_narrowed_to_a_person_and_a_time(shop: Path) -> None:
    assert [line["what"] for line in here("-C", shop, "audit", "--who", "ada", "--json").json] == ["resume", "pause"]
    assert here("-C", shop, "audit", "--until", "yesterday").out == "nothing was done\n"
    assert len(here("-C", shop, "audit", "--since", "-1h", "--limit", "2", "--json").json) == 2


def test_an_import_in_many_parts_is_one_line() -> None:
    parts = [AuditRow(9 - n, 9 - n, "ben", "accept", {"messages": 1000, "sources": ["f"]}) for n in range(3)]
    (deed,) = deeds_of(parts)
    assert (deed.told(), deed.parts) == ("3,000 messages", 3)


def test_starts_reloads_and_steps_back_are_in_the_audit_trail(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(WAITS)
    with running(shop) as daemon:
        shop.change("wait: 1s", "wait: 2s")
        daemon.command("reload")
        shop.change("wait: 2s", "wait: 1s")
        daemon.command("reload")
    with running(shop):
        pass
    lines = here("-C", shop.folder, "audit", "--json").json[::-1]
    told = [(line["what"], line["details"].get("changed"), line["details"].get("back")) for line in lines]
    assert told == [
        ("start", None, None),
        ("reload", ["waits"], None),
        ("reload", ["waits"], ["waits"]),
        ("start", None, None),
    ]
    assert [line["details"].get("as_before") for line in lines if line["what"] == "start"] == [None, True]
    screen = " ".join(here("-C", shop.folder, "audit").out.split())
    assert "reload 1 rule; changed: waits; back to an older text: waits" in screen


def test_a_run_that_is_held_can_be_let_try_again_by_a_command(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(WAITS.replace("1s", "1h"))
    with running(shop) as daemon:
        call = {"type": "track", "userId": "ann", "event": "Signed Up", "messageId": "m1"}
        daemon.ask("POST", "/v1/batch", {"batch": [call]})
        wait_until(daemon.decided)
    hold_all(shop)
    assert "held runs" in here("-C", shop.folder, "doctor").out
    run = here("-C", shop.folder, "runs", "list", "--json").json[0]["id"]
    assert f"retain runs retry {run}" in here("-C", shop.folder, "runs", "show", run).out
    answer = retain("runs", "retry", "--all", "--by", "ada", "--json", cwd=shop.folder)
    assert (answer.code, json.loads(answer.out)) == (0, {"retried": 1, "refused": {}})
    again = retain("runs", "retry", run, cwd=shop.folder)
    assert (again.code, again.out.splitlines()[0]) == (1, "retried  0 runs")
    assert "held" not in here("-C", shop.folder, "runs", "list").out
    assert "runs retry  1 run" in here("-C", shop.folder, "audit", "--who", "ada").out


def test_many_runs_are_let_try_again_a_part_at_a_time(tmp_path: Path) -> None:
    folder = bare(tmp_path / "shop", WAITS)
    with Store.open(folder / "retain.db") as store:
        store.commit(Batch(runs=[run(f"r{number}", rule="waits", state=RunState.HELD) for number in range(501)]))
    here("-C", folder, "runs", "retry", "--all")
    asked = [line["details"]["ids"] for line in here("-C", folder, "audit", "--json").json]
    assert [len(ids) for ids in asked] == [1, 500]
    assert len({name for ids in asked for name in ids}) == 501


def hold_all(shop: Shop) -> None:
    """Hold every run, as a fault does when its time has come."""
    with Store.open(shop.folder / "retain.db") as store:
        runs = store.list_runs()
        for run in runs:
            hold(run, "RuntimeError: a fault")
        store.commit(Batch(runs=runs))


BREAKS = """\
version: 1
rules:
  welcome:
    description: Says hello.
    when: {event: signed_up}
    then: [log.write: {message: hello}]
"""


def test_a_breaker_of_the_whole_project_pauses_a_rule_and_every_screen_says_how_it_goes_on(tmp_path: Path) -> None:
    folder = bare(tmp_path / "shop", BREAKS, "version: 1\nbreaker: 3 per 1h\n")
    calls = [{"type": "track", "userId": f"u{number}", "event": "Signed Up"} for number in range(6)]
    here("-C", folder, "import", events_file(tmp_path / "e.jsonl", calls), "--live")
    why = "breaker: more than 3 starts in 1h"
    listed = here("-C", folder, "rules", "list").out
    assert (why in listed, "Says hello." in listed) == (True, True)
    status = here("-C", folder, "status").out
    assert (f"rule welcome, {why}" in status, status.endswith("next  retain rules resume welcome\n")) == (True, True)
    refused = retain("rules", "resume", "welcome", cwd=folder)
    assert (refused.code, refused.out.splitlines()[0]) == (130, f"paused  welcome, {why}")
    assert here("-C", folder, "rules", "resume", "welcome", "--yes").out == (
        "resumed  rule welcome\n3 parked runs started\n"
    )
    told = here("-C", folder, "audit").out
    assert ("breaker  pause  rule welcome: more than 3 starts in 1h" in told, "resume  rule welcome" in told) == (
        True,
        True,
    )
