"""Commands that look at what happened, and those that change it, on a store at rest."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_help import Answer, bare, events_file, here, identify, retain, too_wide, track
from retain.app.commands.desk import open_desk
from retain.app.projects.project import open_project
from retain.model import EffectState
from retain.pipeline.aside import failed_look
from retain.pipeline.attempt import Failed
from retain.registry import EffectResult
from retain.serve.cli.output import csv_line
from retain.store.rows import Batch

RULES = """\
version: 1
calendars:
  office: {zone: UTC, hours: {mon-fri: "09:00-17:00"}}
rules:
  call:
    description: Somebody calls.
    owner: sales
    when: {event: signed_up}
    liveness: 5 runs per 1d
    then:
      - webhook.post: {url: "https://example.com/hook", data: {who: "{{ customer.email }}"}}
  follow:
    when: {event: order_completed}
    if:
      - event.total >= 100
    then:
      - task.create: {title: "Call {{ customer.email }}", assignee: ada@example.test, due_in: 1h}
      - wait_for: {event: task_closed}
        up_to: 3d
        then:
          - stop: closed
  waits:
    when: {event: signed_out}
    then:
      - wait: 30d
"""
CALLS = [
    identify("1", "", 1, email="a@example.com"),
    track("1", "Signed Up", "", 2),
    track("1", "Order Completed", "", 3, order_id="o", total=250),
    track("2", "Order Completed", "", 4, order_id="p", total=20),
    track("2", "Signed Out", "", 5),
    track("2", "Quiz Finished", "", 6, score=3),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose rules have started: one effect is due, one task is open, one run waits. For looking only."""
    folder = tmp_path_factory.mktemp("made")
    calls = [{key: value for key, value in call.items() if key != "timestamp"} for call in CALLS]
    bare(folder / "shop", RULES)
    assert here("-C", folder / "shop", "import", events_file(folder / "now.jsonl", calls), "--live").code == 0
    return folder / "shop"


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(made, tmp_path / "shop"))


def ask(shop: Path, *arguments: str | Path) -> Answer:
    """A command of this project."""
    return here("-C", shop, *arguments)


def fail_the_effect(shop: Path, reason: str = "410 gone") -> str:
    """Claim the effect that is due and let it fail for good, as the daemon would; its id."""
    with open_desk(open_project(shop)) as desk:
        now = desk.now()
        [request] = desk.pipeline.release(now, {"webhook.post": 1}, 1)
        desk.pipeline.finish([EffectResult(effect_id=request.effect_id, status="dead", reason=reason)], now)
        return request.effect_id


def doubt_the_effect(shop: Path) -> str:
    """Leave nobody knowing whether the effect that is due was carried out; its id."""
    name = fail_the_effect(shop)
    with open_desk(open_project(shop)) as desk:
        [effect] = desk.store.effects_by_id([name])
        effect.state = EffectState.IN_DOUBT
        desk.store.commit(Batch(effects=[effect]))
    return name


def test_runs_are_listed_and_narrowed(made: Path) -> None:
    assert sorted(run["rule"] for run in ask(made, "runs", "list", "--json").json) == ["call", "follow", "waits"]
    assert [run["rule"] for run in ask(made, "runs", "list", "--customer", "2", "--json").json] == ["waits"]
    assert [run["rule"] for run in ask(made, "runs", "list", "--state", "acting", "--json").json] == ["call"]
    assert ask(made, "runs", "list", "--until", "yesterday", "--json").json == []
    assert len(ask(made, "runs", "list", "--since", "-1h", "--json").json) == 3


def test_a_run_shows_what_was_decided_about_it(shop: Path) -> None:
    [run] = ask(shop, "runs", "list", "--rule", "follow", "--json").json
    told = ask(shop, "runs", "show", run["id"], "--json").json
    assert told["customer"] == "1"
    assert told["decisions"][0]["kind"] == "start"
    assert ask(shop, "runs", "show", "nothing").code == 2


def test_a_run_is_stopped_once(shop: Path) -> None:
    [run] = ask(shop, "runs", "list", "--rule", "waits", "--json").json
    assert ask(shop, "runs", "stop", run["id"], "--reason", "a mistake", "--json").json["stopped"] is True
    assert ask(shop, "runs", "stop", run["id"], "--json").json["stopped"] is False
    assert ask(shop, "runs", "show", run["id"], "--json").json["ended_by"] == "stopped"


def test_a_customer_is_found_by_any_name(made: Path) -> None:
    keys = {
        ask(made, "customers", "show", name, "--json").json["key"] for name in ("1", "a@example.com", "user:1", "#1")
    }
    assert keys == {"user:1"}
    assert ask(made, "customers", "show", "nobody").code == 2


def test_a_customer_is_shown_as_known_at_a_past_time(made: Path) -> None:
    assert "not known yet" in ask(made, "customers", "show", "1", "--at", "yesterday").out
    assert ask(made, "customers", "show", "1", "--at", "someday").code == 2


def test_rules_say_what_came_of_them(made: Path) -> None:
    stats = ask(made, "rules", "stats", "follow", "--json").json
    assert stats["started"] == {"live": 1}
    assert stats["refused"] == {"if": 1}
    assert ask(made, "rules", "stats", "--json").json.keys() == {"call", "follow", "waits"}
    assert "did you mean follow?" in ask(made, "rules", "stats", "folow").err


def test_a_rule_is_shown_as_its_author_wrote_it(made: Path) -> None:
    out = ask(made, "rules", "show", "call").out
    assert "liveness: 5 runs per 1d" in out
    assert "rules/rules.yaml:5" in out


def test_a_dead_letter_is_listed_and_retried(shop: Path) -> None:
    effect = fail_the_effect(shop)
    [dead] = ask(shop, "effects", "list", "--state", "dead", "--json").json
    assert (dead["id"], dead["reason"], dead["customer"]) == (effect, "410 gone", "1")
    assert ask(shop, "effects", "retry", "--all", "--json").json == {"retried": 1, "refused": {}}
    assert [row["id"] for row in ask(shop, "effects", "list", "--state", "pending", "--json").json] == [effect]


def test_a_dropped_dead_letter_ends_its_run(shop: Path) -> None:
    effect = fail_the_effect(shop)
    assert ask(shop, "effects", "drop", effect, "--json").json == {"dropped": 1, "refused": {}}
    [run] = ask(shop, "runs", "list", "--rule", "call", "--json").json
    assert run["ended_by"] == "failed"


def test_an_effect_in_doubt_is_confirmed_with_what_it_gave(shop: Path) -> None:
    effect = doubt_the_effect(shop)
    assert f"retain effects confirm {effect}" in ask(shop, "effects", "list").out
    assert ask(shop, "effects", "confirm", effect, "--output", "nothing").code == 2
    assert ask(shop, "effects", "confirm", effect, "--json").json == {"confirmed": 1, "refused": {}}
    [done] = ask(shop, "effects", "list", "--state", "done", "--json").json
    assert done["id"] == effect


def test_an_effect_that_cannot_be_retried_says_why(made: Path) -> None:
    [effect] = ask(made, "effects", "list", "--json").json
    answer = ask(made, "effects", "retry", effect["id"], "--json")
    assert (answer.code, answer.json["refused"]) == (1, {effect["id"]: "it is pending"})
    assert ask(made, "effects", "retry").code == 2


def test_effects_as_csv_are_harmless_in_a_spreadsheet(shop: Path) -> None:
    fail_the_effect(shop, reason='=HYPERLINK("http://evil.example")')
    rows = list(csv.DictReader(io.StringIO(ask(shop, "effects", "list", "--csv").out)))
    assert rows[0]["customer"] == "1"
    assert rows[0]["reason"] == '\'=HYPERLINK("http://evil.example")'


def test_a_map_in_a_csv_is_json() -> None:
    assert csv_line([{"template": "cart"}, None]) == '"{""template"": ""cart""}",""'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_no_cell_of_a_csv_begins_like_a_formula_and_its_text_stays(cells: list[str]) -> None:
    [row] = csv.reader(io.StringIO(csv_line(cells) + "\n", newline=""))
    for cell, written in zip(cells, row, strict=True):
        assert written.removeprefix("'") == cell.removeprefix("'")
        assert written.lstrip("\0 \t\r\n")[:1] not in set("=+-@＝＋－＠")


def test_a_pause_holds_what_starts_and_a_resume_lets_it_go(shop: Path, tmp_path: Path) -> None:
    assert ask(shop, "pause", "--rule", "waits", "--reason", "a test", "--json").json["paused"] is True
    later = events_file(tmp_path / "later.jsonl", [{**track("7", "Signed Out", "", 7), "timestamp": None}])
    ask(shop, "import", later, "--live")
    assert [run["state"] for run in ask(shop, "runs", "list", "--customer", "7", "--json").json] == ["parked"]
    assert "paused  rule waits" in ask(shop, "status").out
    assert ask(shop, "resume", "--rule", "waits", "--json").json["released"] == 1
    assert [run["state"] for run in ask(shop, "runs", "list", "--customer", "7", "--json").json] == ["waiting"]


def test_a_pause_needs_exactly_one_scope(shop: Path) -> None:
    assert ask(shop, "pause").code == 2
    assert ask(shop, "pause", "--all", "--rule", "call").code == 2
    assert "did you mean call?" in ask(shop, "pause", "--rule", "cal").err


def test_a_task_is_listed_and_closed_and_its_rule_goes_on(shop: Path) -> None:
    [task] = ask(shop, "tasks", "list", "--json").json
    assert (task["owner"], task["fields"]["title"]) == ("ada@example.test", "Call a@example.com")
    assert ask(shop, "tasks", "close", task["id"], "--json").json["closed"] is True
    assert ask(shop, "tasks", "list", "--json").json == []
    assert ask(shop, "runs", "list", "--rule", "follow", "--json").json[0]["ended_by"] == "stop"


def test_explain_says_why_not(made: Path) -> None:
    answer = ask(made, "explain", "follow", "2")
    assert answer.code == 0
    assert "no run started" in answer.out
    assert "event.total >= 100" in answer.out
    assert ask(made, "explain", "follow", "2", "--json").json["outcome"] == "if"
    assert "did you mean follow?" in ask(made, "explain", "folow", "2").err


def test_explain_names_the_run_that_started(made: Path) -> None:
    [run] = ask(made, "runs", "list", "--rule", "follow", "--json").json
    assert ask(made, "explain", "follow", "1", "--json").json["run"]["id"] == run["id"]


def test_status_counts_and_names_what_needs_a_person(shop: Path) -> None:
    fail_the_effect(shop)
    told = ask(shop, "status", "--json").json
    assert (told["customers"], told["events"], told["undecided"]) == (2, 7, 0)
    assert told["rules"] == {"live": 3}
    assert told["daemon"] is None
    assert told["troubles"] == ["1 dead letter"]


def test_status_works_before_anything_is_stored(tmp_path: Path) -> None:
    answer = here("-C", bare(tmp_path / "p", RULES), "status", "--json")
    assert (answer.code, answer.json["events"]) == (0, 0)
    assert not (tmp_path / "p" / "retain.db").exists()


def test_doctor_names_the_event_that_a_misspelt_one_is_like(tmp_path: Path) -> None:
    folder = bare(tmp_path / "p", RULES)
    call = {"type": "track", "userId": "1", "event": "Order Compleated", "timestamp": "2026-01-01T10:00:00Z"}
    here("-C", folder, "import", events_file(tmp_path / "past.jsonl", [call]))
    found = {finding["subject"]: finding for finding in here("-C", folder, "doctor", "--json").json}
    assert found["undeclared events"]["text"] == "order_compleated (1; did you mean order_completed?)"


def test_doctor_finds_what_needs_a_person(shop: Path) -> None:
    fail_the_effect(shop)
    answer = ask(shop, "doctor", "--json")
    found = {finding["subject"]: finding for finding in answer.json}
    assert answer.code == 1
    assert found["dead letters"]["cure"] == "retain effects list --state dead"
    assert "quiz_finished" in found["undeclared events"]["text"]
    assert found["silent rule"]["text"] == "call: 1 starts in 1d, expected 5"
    assert {"SQLite", "disk", "clock", "time zones", "daemon"} <= found.keys()


def test_doctor_names_looks_that_could_not_be_decided(shop: Path) -> None:
    with open_desk(open_project(shop)) as desk:
        failure = failed_look(desk.now(), "waits", 1, Failed(RuntimeError("a fault")))
        desk.store.commit(Batch(decisions=[failure, failure]))
    found = {finding["subject"]: finding for finding in ask(shop, "doctor", "--json").json}
    assert found["failed looks"]["text"] == "waits, 1 customer in the last day: RuntimeError: a fault"


def test_a_healthy_project_ends_doctor_with_0(made: Path) -> None:
    assert ask(made, "doctor").code == 0


def test_doctor_names_zones_that_are_none(shop: Path, tmp_path: Path) -> None:
    wrong = events_file(tmp_path / "zones.jsonl", [identify("9", "2026-01-01T00:00:00Z", 9, timezone="Mars/Base")])
    ask(shop, "import", wrong)
    assert "Mars/Base" in ask(shop, "doctor").out


def test_nobody_s_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "hunter22")
    config = 'version: 1\nplugins: {email: {host: h, from: a@b.example, username: u, password: "env:SMTP_PASSWORD"}}\n'
    folder = bare(tmp_path / "p", RULES, config)
    for arguments in (["config", "show"], ["config", "show", "--json"], ["status"], ["doctor"], ["plugins"]):
        assert "hunter22" not in ask(folder, *arguments).out
    assert "*** (env:SMTP_PASSWORD)" in ask(folder, "config", "show").out


def test_the_file_is_checked_and_up_to_date(shop: Path) -> None:
    assert ask(shop, "db", "check", "--json").json["damage"] == []
    told = ask(shop, "db", "upgrade", "--json").json
    assert told["before"] == told["after"]


def test_a_damaged_file_is_a_problem(shop: Path) -> None:
    path = shop / "retain.db"
    data = bytearray(path.read_bytes())
    for page in range(8, len(data) // 4096, 3):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    assert ask(shop, "db", "check").code in (1, 2)


@pytest.mark.parametrize(
    "name", ["email.send", "order_completed", "Order Completed", "E102", "W201", "count", "late", "leads"]
)
def test_docs_explain_anything_by_name(name: str) -> None:
    answer = here("docs", name)
    assert answer.code == 0
    assert answer.out
    assert here("docs", name, "--json").json[0]["summary"]


def test_docs_of_an_unknown_name_offer_the_nearest(made: Path) -> None:
    answer = ask(made, "docs", "email.sned")
    assert (answer.code, "did you mean email.send?" in answer.err) == (2, True)


def test_the_schema_knows_the_fields_of_the_project(made: Path) -> None:
    assert "email.send" in str(ask(made, "schema").json)
    assert "max_lateness" in ask(made, "schema", "--config").json["properties"]


SCREENS = [
    ["rules", "list"], ["rules", "stats"], ["rules", "stats", "follow"], ["runs", "list"], ["effects", "list"],
    ["tasks", "list"], ["customers", "show", "1"], ["explain", "follow", "2"], ["status"], ["doctor"], ["plugins"],
    ["docs"], ["docs", "email.send"], ["config", "show"], ["db", "check"], ["rejects", "list"],
    ["events", "failed", "list"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", SCREENS, ids=" ".join)
def test_every_screen_fits_80_columns_without_loose_blanks(made: Path, arguments: list[str]) -> None:
    answer = ask(made, *arguments)
    assert answer.out
    if arguments != ["db", "check"]:  # a path has no place to be broken
        assert [line for line in too_wide(answer.out) if str(made) not in line] == []
    assert [line for line in answer.out.splitlines() if line != line.rstrip()] == []


def test_every_write_is_in_the_audit_trail_with_who_did_it(shop: Path) -> None:
    ask(shop, "pause", "--all", "--by", "ada")
    with open_desk(open_project(shop)) as desk:
        newest = desk.store.list_audit(1)[0]
    assert (newest.who, newest.what, newest.details["scope"]) == ("ada", "pause", "all")


def test_a_command_works_as_a_process_too(made: Path) -> None:
    answer = retain("runs", "list", "--json", cwd=made)
    assert (answer.code, answer.err) == (0, "")
    assert len(answer.json) == 3


def test_what_would_have_to_be_otherwise_stands_below_its_own_beginning(tmp_path: Path) -> None:
    tests = "[event.total >= 100, customer.email is present, customer.first_name is present]"
    rules = f"version: 1\nrules: {{r: {{when: {{event: order_completed}}, if: {tests}, then: [stop: done]}}}}\n"
    folder = bare(tmp_path / "p", rules)
    calls = [{"type": "track", "userId": "1", "event": "Order Completed", "properties": {"order_id": "o", "total": 1}}]
    ask(folder, "import", events_file(tmp_path / "e.jsonl", calls), "--live")
    lines = ask(folder, "explain", "r", "1").out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("  would start if: event.total"))
    assert lines[start + 1].startswith(" " * len("  would start if: ") + "and customer")
