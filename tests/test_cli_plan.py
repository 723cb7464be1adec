"""`retain plan`, `compare`, `export` and the texts of rules, as people and pull requests see them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from cli_help import bare, events_file, here, identify, project, too_wide, track

RULES = """\
version: 1
rules:
  greet:
    description: A word after an order.   # a comment
    when: {event: order_completed}
    if:
      - event.total >= 50
    then:
      - wait: 1d
      - log.write: {message: "thanks"}

  other:
    when: {event: signed_up}
    then: [{log.write: {message: welcome}}]
"""
LOWER = RULES.replace(">= 50", ">= 20")
CALLS = [
    identify("1", "2026-01-01T10:00:00Z", 1, email="ann@corp.example", first_name="Ann", favourite="x", country="DE"),
    track("1", "Order Completed", "2026-01-02T10:00:00Z", 2, order_id="o1", total=60),
    track("2", "Order Completed", "2026-01-03T10:00:00Z", 3, order_id="o2", total=30),
    track("3", "Order Completed", "2026-01-04T10:00:00Z", 4, order_id="o3", total=10),
    track("4", "Order Completed", "2026-01-04T20:00:00Z", 5, order_id="o4", total=25),
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project in a git repository, whose rules were edited after the last commit."""
    folder = bare(tmp_path / "shop", RULES)
    for arguments in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    (folder / "rules" / "rules.yaml").write_text(LOWER)
    return folder


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Four orders."""
    return events_file(tmp_path / "events.jsonl", CALLS)


def test_a_plan_against_the_last_commit_names_whom_the_edit_touches(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "plan", "--events", events, "--json")
    assert answer.code == 0
    assert [(edit["kind"], edit["name"], edit["keys"]) for edit in answer.json["edits"]] == [("rule", "greet", ["if"])]
    assert answer.json["touched"] == ["2", "4"]
    (person, other) = answer.json["past"]["people"]
    assert (person["customer"], person["rules"][0]["kinds"]) == ("2", ["enters", "gets more or less"])
    assert (other["customer"], other["rules"][0]["kinds"]) == ("4", ["enters"])  # whose day is not over yet


def test_a_plan_is_the_same_text_every_time_and_fits_80_columns(shop: Path, events: Path) -> None:
    first, second = (here("-C", shop, "plan", "--events", events) for _ in range(2))
    assert first.out == second.out
    assert too_wide(first.out) == []
    assert "greet: enters, runs 0 -> 1" in first.out
    assert "-   - event.total >= 50" in first.out


def test_too_many_people_end_with_3(shop: Path, events: Path) -> None:
    assert here("-C", shop, "plan", "--events", events, "--max-affected", "2").code == 0
    assert here("-C", shop, "plan", "--events", events, "--max-affected", "1").code == 3


def test_a_moved_comment_is_no_edit(shop: Path, events: Path) -> None:
    (shop / "rules" / "rules.yaml").write_text(RULES.replace("   # a comment", ""))
    answer = here("-C", shop, "plan", "--events", events, "--max-affected", "0")
    assert answer.code == 0
    assert "no difference" in answer.out


def test_markdown_folds_the_difference_of_the_texts(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "plan", "--events", events, "--markdown")
    assert answer.out.startswith("### Plan: 2 people touched")
    assert "```diff\n" in answer.out
    assert "\n-   - event.total >= 50\n+   - event.total >= 20\n" in answer.out


def test_a_folder_stands_for_the_other_side_and_the_store_for_the_past(
    shop: Path, events: Path, tmp_path: Path
) -> None:
    old = bare(tmp_path / "old", RULES)
    here("-C", shop, "import", events)
    answer = here("-C", shop, "plan", "--against", old, "--since", "9000d", "--json")
    assert answer.json["touched"] == ["2", "4"]
    assert answer.json["base"] == str(old)


def test_what_is_no_commit_is_refused_with_a_cure(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "plan", "--events", events, "--against", "nowhere")
    assert (answer.code, "no commit 'nowhere'" in answer.err) == (2, True)


def test_compare_lists_where_two_texts_of_a_rule_disagree_and_why(shop: Path, events: Path) -> None:
    answer = here("-C", shop, "compare", "greet", "HEAD", "--events", events, "--json")
    assert answer.json["started"] == [1, 3]
    found = answer.json["disagreements"]
    assert [(one["customer"], one["before"]["why"], one["after"]["started"]) for one in found] == [
        ("2", "if: event.total >= 50", True),
        ("4", "if: event.total >= 50", True),
    ]
    assert too_wide(here("-C", shop, "compare", "greet", "HEAD", "--events", events).out) == []


def test_a_shadow_is_compared_with_the_live_rule_beside_it(tmp_path: Path, events: Path) -> None:
    shadow = "  lower:\n    status: shadow\n    when: {event: order_completed}\n    if: [event.total >= 20]\n"
    text = RULES.replace(
        "  other:\n", f"{shadow}    then: [{{wait: 1d}}, {{log.write: {{message: thanks}}}}]\n  other:\n"
    )
    shop = bare(tmp_path / "shadow", text)
    played = here("-C", shop, "compare", "greet", "lower", "--events", events, "--json").json
    assert (played["started"], len(played["disagreements"])) == ([3, 1], 2)
    calls = [{key: value for key, value in call.items() if key != "timestamp"} for call in CALLS]
    here("-C", shop, "import", events_file(tmp_path / "now.jsonl", calls), "--live")
    really = here("-C", shop, "compare", "greet", "lower", "--recorded", "--json").json
    assert (really["started"], {one["customer"] for one in really["disagreements"]}) == ([1, 3], {"2", "4"})


def test_a_rollback_writes_the_older_text_into_its_file_and_leaves_everything_else(shop: Path, events: Path) -> None:
    path = shop / "rules" / "rules.yaml"
    path.write_text(RULES)
    here("-C", shop, "import", events)
    path.write_text(LOWER.replace("A word", "Two words"))
    here("-C", shop, "import", events)
    texts = here("-C", shop, "rules", "revisions", "greet", "--json").json
    assert [one["present"] for one in texts] == [False, True]
    shown = here("-C", shop, "rules", "diff", "greet", "--json").json
    assert "-   - event.total >= 50" in shown["lines"]
    before = path.read_text()
    assert here("-C", shop, "rules", "rollback", "greet", "--dry-run").code == 0
    assert path.read_text() == before
    answer = here("-C", shop, "rules", "rollback", "greet")
    assert answer.code == 0
    after = path.read_text()
    assert "event.total >= 50" in after
    assert "description: Two words after an order." in after  # what no run is pinned to stays
    assert after.endswith(RULES[RULES.index("\n  other:") :])
    assert here("-C", shop, "rules", "show", "greet", "--json").json["revision"] == texts[0]["revision"]


def test_a_separator_of_lines_within_a_text_ends_no_line_of_the_file(shop: Path, events: Path) -> None:
    path = shop / "rules" / "rules.yaml"
    head = (
        'version: 1\nrules:\n  pasted: {description: "a\u2028b", when: {event: order_completed}, then: [{wait: 1d}]}\n'
    )
    path.write_text(RULES.replace("version: 1\nrules:\n", head))
    here("-C", shop, "import", events)
    path.write_text(LOWER.replace("version: 1\nrules:\n", head))
    here("-C", shop, "import", events)
    assert here("-C", shop, "rules", "show", "greet").out.count("event.total >= 20") == 1
    assert here("-C", shop, "rules", "rollback", "greet").code == 0
    assert "event.total >= 50" in path.read_text()


def test_a_rule_that_is_gone_comes_back_in_a_file_of_its_own(shop: Path, events: Path) -> None:
    here("-C", shop, "import", events)
    (shop / "rules" / "rules.yaml").write_text(RULES[: RULES.index("  other:")])
    assert here("-C", shop, "rules", "rollback", "other").code == 0
    assert here("-C", shop, "rules", "show", "other", "--json").code == 0
    assert (shop / "rules" / "other.yaml").exists()


def test_a_sample_plays_as_the_store_does_and_names_nobody(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop", "onboarding", "win-back", "birthday")
    people = [
        call
        for number in range(30)
        for call in (
            identify(f"user-{number}", f"2026-01-{number % 9 + 1:02}T09:00:00Z", f"i{number}",
                     email=f"ann{number}@corp.example", first_name="Annabel", birth_date="1990-02-03",
                     address={"street": "Elm Street 5", "country": "DE"}, timezone="Europe/Berlin"),
            track(f"user-{number}", "Signed Up", f"2026-01-{number % 9 + 1:02}T09:00:01Z", f"s{number}"),
            track(f"user-{number}", "Order Completed", f"2026-01-1{number % 9}T09:00:00Z", f"o{number}",
                  order_id=f"order-{number}", total=10.5 + number, currency="USD", secret="4111-1111-1111"),
        )
    ]  # fmt: skip
    here("-C", shop, "import", events_file(tmp_path / "people.jsonl", people))
    consents = tmp_path / "consents.csv"
    consents.write_text(
        "customer,purpose,granted,at\n" + "".join(f"user-{n},marketing,yes,\n" for n in range(0, 30, 2))
    )
    here("-C", shop, "consents", "import", consents)
    out = tmp_path / "sample.jsonl"
    told = here("-C", shop, "export", "--out", out, "--json").json
    assert (told["customers"], told["of_customers"]) == (30, 30)
    text = out.read_text()
    for name in ("user-", "@corp", "Annabel", "Elm Street", "1990-02-03", "order-", "4111-1111"):
        assert name not in text, name
    of_store = here("-C", shop, "simulate", "--json").json["rules"]
    of_sample = here("-C", shop, "simulate", "--events", out, "--json").json["rules"]
    for rule in ("onboarding", "win-back"):
        assert of_store[rule]["started"] == of_sample[rule]["started"]
        assert of_store[rule]["effects"] == of_sample[rule]["effects"]


def test_a_sample_is_chosen_by_its_key_and_always_the_same(shop: Path, events: Path, tmp_path: Path) -> None:
    here("-C", shop, "import", events)
    first, second, third = (tmp_path / f"{name}.jsonl" for name in "abc")
    for out in (first, second):
        assert here("-C", shop, "export", "--sample", "2", "--out", out, "--json").json["customers"] == 2
    assert first.read_text() == second.read_text()
    key = tmp_path / "key"
    key.write_text("another key of some length")
    here("-C", shop, "export", "--sample", "2", "--out", third, "--key-file", key)
    assert third.read_text() != first.read_text()
    assert all(json.loads(line)["messageId"] for line in first.read_text().splitlines())


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_project_in_no_repository_says_so(tmp_path: Path, events: Path) -> None:
    answer = here("-C", bare(tmp_path / "alone", RULES), "plan", "--events", events)
    assert (answer.code, "no git repository" in answer.err) == (2, True)


def test_a_person_is_asked_before_a_breaker_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = bare(tmp_path / "shop", RULES.replace("    if:\n", "    breaker: 2 per 1h\n    if:\n", 1))
    calls = [{**CALLS[1], "messageId": f"b{n}", "userId": f"{n}"} for n in range(4)]
    now = [{key: value for key, value in call.items() if key != "timestamp"} for call in calls]
    here("-C", shop, "import", events_file(tmp_path / "now.jsonl", now), "--live")
    monkeypatch.setattr("click.confirm", lambda question: "Start 2 parked runs" not in question)
    refused = here("-C", shop, "rules", "resume", "greet")
    assert (refused.code, "breaker: more than 2 starts" in refused.out) == (2, True)
    assert here("-C", shop, "rules", "resume", "greet", "--yes", "--json").json["released"] == 2
    assert here("-C", shop, "rules", "pause", "greet", "--reason", "wrong price", "--json").json["paused"] is True
    assert here("-C", shop, "rules", "list", "--json").json[0]["paused"] == "wrong price"
    monkeypatch.setattr("click.confirm", lambda question: question.startswith("No run is parked."))
    assert here("-C", shop, "rules", "resume", "greet").code == 0


def test_what_is_no_rule_counts_too_and_rules_say_what_reaches_them(tmp_path: Path) -> None:
    old, new = (project(tmp_path / name, "onboarding") for name in ("old", "new"))
    letter = next((new / "templates").glob("*.txt"))
    letter.write_text(letter.read_text() + "P.S.\n")
    quiz = new / "schemas" / "events" / "quiz.json"
    quiz.parent.mkdir(parents=True, exist_ok=True)
    quiz.write_text('{"type": "object", "properties": {"score": {"type": "integer"}}}')
    events = events_file(tmp_path / "events.jsonl", CALLS)
    found = here("-C", new, "plan", "--against", old, "--events", events, "--json").json
    assert {(edit["kind"], edit["name"]) for edit in found["edits"]} >= {
        ("template", letter.stem),
        ("schema", "quiz"),
        ("rule", "onboarding"),
    }
    (rule,) = [edit for edit in found["edits"] if edit["kind"] == "rule"]
    assert rule["through"] == [f"template {letter.stem}"]
