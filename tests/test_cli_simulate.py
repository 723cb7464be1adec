"""`retain simulate` and `retain import`: past events, from files and from the store."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import socket
from itertools import islice
from pathlib import Path

import pytest

from cli_help import bare, events_file, here, identify, project, retain, too_wide, track
from retain.app.commands.messages import BadRow, read_messages
from retain.errors import RetainError
from retain.language.types import Schema
from retain.resources import resource

RULES = """\
version: 1
rules:
  greet:
    when: {event: signed_up}
    if:
      - customer.email is present
    exit_when:
      - {event: signed_out}
    then:
      - wait: 1h
      - log.write: {message: "hello {{ customer.email }}"}
  count:
    when: {event: order_completed}
    if:
      - count(order_completed) >= 2
    then:
      - log.write: {message: again}
"""
CALLS = [
    identify("1", "2026-01-01T10:00:00Z", 1, email="a@example.com"),
    track("1", "Signed Up", "2026-01-01T10:00:01Z", 2),
    track("2", "Signed Up", "2026-01-01T10:30:00Z", 3),
    track("1", "Order Completed", "2026-01-02T10:00:00Z", 4, order_id="o1"),
    track("1", "Order Completed", "2026-01-03T10:00:00Z", 5, order_id="o2"),
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with two rules."""
    return bare(tmp_path / "shop", RULES)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Five calls of two customers."""
    return events_file(tmp_path / "events.jsonl", CALLS)


def test_json_has_the_promised_keys(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "simulate", "--events", events, "--json")
    assert answer.code == 0
    told = answer.json
    assert isinstance(told["seconds"], float)
    assert {key: told[key] for key in ("events", "customers", "from", "to")} == {
        "events": 5,
        "customers": 2,
        "from": "2026-01-01T10:00:00Z",
        "to": "2026-01-03T10:00:00Z",
    }
    kept = ("started", "refused", "effects", "ended")
    assert {name: {key: rule[key] for key in kept} for name, rule in told["rules"].items()} == {
        "count": {"started": 1, "refused": {"if": 1}, "effects": {"log.write": 1}, "ended": {"done": 1}},
        "greet": {"started": 1, "refused": {"if": 1}, "effects": {"log.write": 1}, "ended": {"done": 1}},
    }
    assert told["rules"]["count"]["days"] == {"2026-01-03": {"effects": 1, "started": 1}}
    assert told["rules"]["greet"]["steps"] == {"then[1]": 1}
    assert told["rules"]["greet"]["arms"] == {"live": {"started": 1, "goal": 0}}
    assert (told["messages"], told["busiest_hour"], told["cost"]) == (0, None, 0)
    assert told["too_many"] == {"more_than": 3, "customers": 0, "rules": {}, "most": []}


def test_a_table_has_a_row_for_each_day_and_rule(shop: Path, events: Path, tmp_path: Path) -> None:
    table = tmp_path / "report.csv"
    here("-C", shop, "simulate", "--events", events, "--csv", table)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["day"], row["rule"], row["started"], row["effects"]) for row in rows] == [
        ("2026-01-01", "greet", "1", "1"),
        ("2026-01-03", "count", "1", "1"),
    ]


def test_one_rule_alone_shows_how_far_its_runs_came(shop: Path, events: Path) -> None:
    told = here("-C", shop, "simulate", "--events", events, "--rule", "greet").out
    assert re.search(r"log\.write +1 +█+", told)


def test_a_live_rule_is_compared_with_what_it_really_did(shop: Path, tmp_path: Path) -> None:
    calls = [{key: value for key, value in call.items() if key != "timestamp"} for call in CALLS]
    here("-C", shop, "import", events_file(tmp_path / "now.jsonl", calls), "--live")
    told = here("-C", shop, "simulate", "--json").json["rules"]
    assert {name: rule["really"] for name, rule in told.items()} == {"count": {"started": 1}, "greet": {"started": 1}}
    assert "1 started (simulated 1)" in here("-C", shop, "simulate").out


CALLING = """\
version: 1
rules:
  call:
    when: {event: order_completed}
    then:
      - if: [event.order_id == 'o1']
        then:
          - task.create: {title: "call %s", due_in: 1d}
"""


def test_store_actions_are_compared_with_what_was_really_done_under_an_older_text_too(tmp_path: Path) -> None:
    shop = bare(tmp_path / "shop", CALLING % "soon")
    calls = [{key: value for key, value in call.items() if key != "timestamp"} for call in CALLS]
    here("-C", shop, "import", events_file(tmp_path / "now.jsonl", calls), "--live")
    (shop / "rules" / "rules.yaml").write_text(CALLING % "late")
    told = here("-C", shop, "simulate", "--json").json["rules"]["call"]
    assert (told["effects"], told["really"]) == ({"task.create": 1}, {"started": 2, "task.create": 1})
    assert "1 task.create (simulated 1)" in here("-C", shop, "simulate").out


def test_every_effect_is_a_line_with_the_user_id_that_its_events_came_with(
    shop: Path, events: Path, tmp_path: Path
) -> None:
    here("-C", shop, "simulate", "--events", events, "--effects", tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line.pop("run") != "" for line in lines] == [True, True]
    assert lines == [
        {
            "at": "2026-01-01T11:00:01Z",
            "rule": "greet",
            "customer": "1",
            "step": "then[1]",
            "action": "log.write",
            "inputs": {"message": "hello a@example.com"},
        },
        {
            "at": "2026-01-03T10:00:00Z",
            "rule": "count",
            "customer": "1",
            "step": "then[0]",
            "action": "log.write",
            "inputs": {"message": "again"},
        },
    ]


def test_files_may_be_named_in_any_way(shop: Path, tmp_path: Path) -> None:
    first, second = events_file(tmp_path / "a.jsonl", CALLS[:3]), events_file(tmp_path / "b.jsonl", CALLS[3:])
    told = [
        here("-C", shop, "simulate", "--json", *arguments).json["events"]
        for arguments in (["--events", first, "--events", second], ["--events", first, second], [second, first])
    ]
    assert told == [5, 5, 5]


def test_what_came_before_from_is_known_but_starts_nothing(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "simulate", "--events", events, "--from", "2026-01-03", "--json")
    assert answer.json["rules"]["greet"]["started"] == 0
    assert answer.json["rules"]["count"]["started"] == 1


def test_the_clock_stops_at_to(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "simulate", "--events", events, "--to", "2026-01-01 10:45", "--json")
    assert answer.json["events"] == 3
    assert answer.json["rules"]["greet"]["effects"] == {}


def test_one_rule_alone_can_be_simulated(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "simulate", "--events", events, "--rule", "count", "--json")
    assert answer.json["rules"].keys() == {"count"}
    assert "did you mean count?" in here("-C", shop, "simulate", "--events", events, "--rule", "cuont").err


def test_rules_with_errors_are_not_simulated(shop: Path, events: Path) -> None:
    (shop / "rules" / "rules.yaml").write_text(RULES.replace("customer.email is", "customer.emial is"))
    answer = here("-C", shop, "simulate", "--events", events)
    assert answer.code == 1
    assert "error[E102]" in answer.err


def test_what_only_sending_needs_is_not_asked_for(tmp_path: Path, events: Path) -> None:
    folder = project(tmp_path / "p", "onboarding")
    (folder / "retain.yaml").write_text("version: 1\n")
    assert here("-C", folder, "check", "--json").code == 1
    assert here("-C", folder, "simulate", "--events", events, "--json").json["rules"]["onboarding"]["started"] == 1


def test_the_store_is_only_read_and_no_socket_is_opened(
    shop: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert retain("-C", shop, "import", events).code == 0
    store = shop / "retain.db"
    before, files = hashlib.sha256(store.read_bytes()).hexdigest(), sorted(shop.iterdir())

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "__init__", refuse)
    answer = here("-C", shop, "simulate", "--json")
    assert answer.json["rules"]["greet"]["started"] == 1
    assert answer.json["events"] == 5
    assert hashlib.sha256(store.read_bytes()).hexdigest() == before
    assert sorted(shop.iterdir()) == files


def test_a_store_simulates_as_the_file_that_was_imported(shop: Path, events: Path) -> None:
    here("-C", shop, "import", events)
    from_store = here("-C", shop, "simulate", "--json").json
    from_file = here("-C", shop, "simulate", "--events", events, "--json").json
    assert from_store["rules"] == from_file["rules"]


def test_without_events_or_a_store_it_says_what_to_do(shop: Path) -> None:
    answer = here("-C", shop, "simulate")
    assert answer.code == 2
    assert "retain import FILE" in answer.err


def test_the_table_fits_80_columns(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "simulate", "--events", events)
    assert too_wide(answer.out) == []
    assert "nothing was sent" in answer.out


def test_what_has_not_ended_when_the_clock_stops_is_told(shop: Path, events: Path) -> None:
    assert "1 not ended yet" in here("-C", shop, "simulate", events, "--to", "2026-01-01 10:30").out
    assert "not ended" not in here("-C", shop, "simulate", events).out


def test_an_import_is_history_that_starts_nothing(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "import", events, "--json")
    assert answer.code == 0
    assert (answer.json["stored"], answer.json["duplicates"], answer.json["rejected"]) == (5, 0, {})
    assert here("-C", shop, "runs", "list", "--json").json == []
    assert here("-C", shop, "customers", "show", "1", "--json").json["fields"] == {"email": "a@example.com"}


def test_the_same_file_twice_is_stored_once(shop: Path, events: Path) -> None:
    here("-C", shop, "import", events)
    again = here("-C", shop, "import", events, "--json").json
    assert (again["stored"], again["duplicates"]) == (0, 5)


def test_a_live_import_starts_rules(shop: Path, tmp_path: Path) -> None:
    calls = [{key: value for key, value in call.items() if key != "timestamp"} for call in CALLS]
    here("-C", shop, "import", events_file(tmp_path / "now.jsonl", calls), "--live")
    started = here("-C", shop, "runs", "list", "--json").json
    assert sorted(run["rule"] for run in started) == ["count", "greet"]


def test_a_dry_run_stores_nothing(shop: Path, events: Path) -> None:
    assert here("-C", shop, "import", events, "--dry-run", "--json").json["rows"] == 5
    assert not (shop / "retain.db").exists()


def test_bad_rows_are_kept_with_their_reasons_and_the_others_are_stored(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    good = json.dumps(CALLS[0])
    file.write_text(f'{good}\nnot json\n{{"type": "track", "event": "x", "messageId": "m9"}}\n[1]\n')
    answer = here("-C", shop, "import", file, "--json")
    assert answer.code == 1
    assert answer.json["stored"] == 1
    rejects = [json.loads(line) for line in (tmp_path / "mixed.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [(row["line"], row["code"]) for row in rejects] == [(2, "bad_json"), (3, "no_identity"), (4, "bad_json")]
    assert all(row["what"] and row["cure"] and row["row"] for row in rejects)


def test_an_import_refuses_what_has_not_come_yet(shop: Path, tmp_path: Path) -> None:
    file = events_file(tmp_path / "e.jsonl", [track("1", "Order Completed", "2099-01-01T00:00:00Z", 1, order_id="o1")])
    answer = here("-C", shop, "import", file, "--json")
    assert (answer.code, answer.json["rejected"], answer.json["stored"]) == (1, {"bad_timestamp": 1}, 0)
    [row] = [json.loads(line) for line in (tmp_path / "e.jsonl.rejects.jsonl").read_text().splitlines()]
    assert (row["what"], bool(row["cure"])) == ("2099-01-01T00:00:00Z has not come yet", True)


def test_rejects_of_an_earlier_import_do_not_stay(shop: Path, events: Path) -> None:
    stale = events.with_name("events.jsonl.rejects.jsonl")
    stale.write_text("old\n")
    here("-C", shop, "import", events)
    assert not stale.exists()


def test_csv_needs_a_mapping_and_then_works(tmp_path: Path) -> None:
    folder, data = project(tmp_path / "p", "abandoned-cart"), resource("rules") / "demo" / "data"
    clicks = tmp_path / "clicks.csv"
    with gzip.open(data / "clickstream.csv.gz", "rt") as text:
        clicks.write_text("".join(islice(text, 501)))
    refused = here("-C", folder, "import", clicks)
    assert refused.code == 2
    assert "--mapping" in refused.err
    mapping = data.parent / "clickstream.mapping.yml"
    assert here("-C", folder, "import", clicks, "--mapping", mapping, "--dry-run", "--json").json["rows"] > 500


def test_consents_and_suppressions_come_from_csv(shop: Path, tmp_path: Path) -> None:
    consents = tmp_path / "consents.csv"
    consents.write_text("customer,purpose,granted,at\n1,marketing,yes,2026-01-01\nemail:b@example.com,marketing,no,\n")
    assert here("-C", shop, "consents", "import", consents, "--json").json["imported"] == 2
    assert here("-C", shop, "customers", "show", "1", "--json").json["consents"] == {"marketing": True}
    assert here("-C", shop, "customers", "show", "b@example.com", "--json").json["consents"] == {"marketing": False}
    suppressed = tmp_path / "suppressed.csv"
    suppressed.write_text("address,reason\nC@example.com,complaint\n")
    assert here("-C", shop, "suppressions", "import", suppressed, "--json").json["imported"] == 1


def test_imported_consents_and_suppressions_hold_in_a_simulation_over_the_store(tmp_path: Path) -> None:
    folder = project(tmp_path / "shop", "onboarding")
    calls = [
        call
        for number, name in enumerate(("1", "2", "3"))
        for call in (
            identify(name, "2026-01-01T11:00:00Z", f"i{number}", email=f"{name}@example.com"),
            track(name, "Signed Up", "2026-01-01T12:00:00Z", f"s{number}"),
        )
    ]
    here("-C", folder, "import", events_file(tmp_path / "past.jsonl", calls))
    (tmp_path / "consents.csv").write_text("customer,purpose,granted\n1,marketing,yes\n3,marketing,yes\n")
    (tmp_path / "suppressed.csv").write_text("address\n3@example.com\n")
    here("-C", folder, "consents", "import", tmp_path / "consents.csv")
    here("-C", folder, "suppressions", "import", tmp_path / "suppressed.csv")
    here("-C", folder, "simulate", "--effects", tmp_path / "out.jsonl")
    told = here("-C", folder, "simulate", "--json").json["rules"]["onboarding"]
    assert told["started"] == 3
    assert {"consent", "suppressed"} <= told["refused"].keys()
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {line["customer"] for line in lines if line["action"] == "email.send"} == {"1"}


def test_bad_rows_of_consents_are_kept_with_their_reasons(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "consents.csv"
    file.write_text(
        "customer,purpose,granted,at\n1,marketing,perhaps,\n,marketing,yes,\n2,marketing,yes,soon\n3,a,no,\n"
    )
    answer = here("-C", shop, "consents", "import", file, "--json")
    assert (answer.code, answer.json["imported"], answer.json["rejected"]) == (1, 1, 3)
    codes = [json.loads(line)["code"] for line in (tmp_path / "consents.csv.rejects.jsonl").read_text().splitlines()]
    assert codes == ["bad_answer", "missing", "bad_time"]


def test_a_csv_without_the_columns_is_refused_as_a_whole(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "consents.csv"
    file.write_text("customer,purpos,granted\n1,marketing,yes\n")
    answer = here("-C", shop, "consents", "import", file)
    assert answer.code == 2
    assert "there is no column 'purpose'" in answer.err


@pytest.mark.parametrize("command", [("simulate",), ("plan", "--against", "."), ("compare", "greet", ".")])
def test_where_nothing_is_stored_a_question_about_the_past_asks_for_files(shop: Path, command: tuple[str, ...]) -> None:
    answer = here("-C", shop, *(str(shop) if word == "." else word for word in command))
    assert answer.code == 2
    assert "nothing is stored yet\n  help: name files with --events" in answer.err


def test_an_import_names_the_fields_that_do_not_fit_their_type(shop: Path, tmp_path: Path) -> None:
    calls = [track("1", "Order Completed", "2026-01-02T10:00:00Z", 1, total="much"), CALLS[0]]
    answer = here("-C", shop, "import", events_file(tmp_path / "odd.jsonl", calls))
    assert answer.code == 0
    assert re.search(r"left out +1 total: of another type than declared", answer.out)


def test_a_suppressed_address_is_seen_at_the_customer_and_what_is_none_is_refused(shop: Path, tmp_path: Path) -> None:
    here("-C", shop, "import", events_file(tmp_path / "past.jsonl", CALLS))
    file = tmp_path / "bounced.csv"
    file.write_text("address,reason\nA@Example.com,bounced\nnonsense,\n")
    answer = here("-C", shop, "suppressions", "import", file)
    assert (answer.code, answer.out.splitlines()[0]) == (1, "imported  1 suppression")
    assert "suppressed on email  a@example.com: bounced" in here("-C", shop, "customers", "show", "1").out
    assert here("-C", shop, "customers", "show", "1", "--json").json["suppressed"] == [
        {"channel": "email", "reason": "bounced"}
    ]


def test_a_file_without_a_good_row_is_said_to_be_that_and_of_no_time(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n")
    answer = here("-C", shop, "simulate", tmp_path / "bad.jsonl")
    assert answer.out.startswith("0 events of 0 customers\n")
    assert "retain docs bad_json says why" in answer.err


def test_a_line_that_is_hardly_json_costs_itself_alone(tmp_path: Path) -> None:
    good = json.dumps(track("u", "order_completed", "2026-01-01T00:00:00Z", 1)).encode()
    deep = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    file = tmp_path / "e.jsonl"
    file.write_bytes(b"\n".join([b"\xef\xbb\xbf" + good, good.replace(b"completed", b"\xff"), deep, b""]))
    bad: list[BadRow] = []
    assert [message.name for message in read_messages(file, Schema(), bad=bad.append)] == ["order_completed"]
    assert [(row.line, row.code) for row in bad] == [(2, "bad_json"), (3, "bad_json")]


@pytest.mark.parametrize(("cut", "more"), [(-9, b""), (40, b"\xff" * 40)])
def test_a_damaged_gz_file_is_an_error_and_no_end(tmp_path: Path, cut: int, more: bytes) -> None:
    text = json.dumps(track("u", "order_completed", "2026-01-01T00:00:00Z", 1)).encode()
    file = tmp_path / "e.jsonl.gz"
    file.write_bytes(gzip.compress(text)[:cut] + more)
    with pytest.raises(RetainError, match="the file cannot be read"):
        list(read_messages(file, Schema()))


def test_a_mapping_that_is_no_text_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_bytes(b"version: 1\xff\n")
    with pytest.raises(RetainError, match="the file cannot be read"):
        list(read_messages(tmp_path / "e.csv", Schema(), mapping=tmp_path / "m.yml"))
