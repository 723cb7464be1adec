"""`explain` with something supposed, about one event, about what was not sent, about everybody; and `history`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli_help import Answer, bare, events_file, here, identify, too_wide, track
from decide_help import NOON, engine, said
from retain.app.reports.explaining import Explanation, explain_rule
from retain.app.reports.losing import losses_of
from retain.errors import RetainError
from retain.instants import DAY, HOUR
from retain.testing.virtual import Answer as Given
from retain.testing.virtual import VirtualEngine

RULES = """
policies: {email: {consent: marketing, unknown: refuse, caps: [1 per 1d], quiet: "21:00-08:00"}}
segments: {vip: {if: [customer.ltv >= 100, customer.email is present, exists(order_completed)]}}
rules:
  cart:
    when: {event: cart_updated}
    if: [customer.country == 'DE', event.total >= 20]
    exit_when: [{event: order_completed}]
    then:
      - email.send: {template: one}
      - wait: 1d
      - email.send: {template: two}
      - post.it: {text: x}
"""


def world(
    *, country: str | None = "DE", consent: bool = True, answers: dict[str, list[Given]] | None = None
) -> VirtualEngine:
    """A customer who may have agreed."""
    found = engine(RULES, answers=answers)
    found.identify("c1", {"email": "c1@example.test", "country": country})
    if consent:
        found.consent("c1", {"marketing": True})
    return found


def told(found: VirtualEngine, rule: str = "cart", **asked: Any) -> Explanation:
    """The explanation as of the engine's present."""
    return explain_rule(found.plan, found.store, rule, "c1", found.now, **asked)


def reasons(found: VirtualEngine) -> dict[str, str]:
    """Why each action of the run was not carried out, by step."""
    return {one.step: one.why for one in told(found).unsent}


def test_a_supposed_value_of_the_customer_changes_the_verdict_and_nothing_else() -> None:
    found = world(country="AT")
    found.event("c1", "cart_updated", {"total": 30})
    assert told(found).outcome == "if"
    supposed = told(found, supposing={"customer.country": "DE"})
    assert (supposed.outcome, supposed.verdict) == ("started", "would start")
    assert told(found).outcome == "if"


def test_a_supposed_value_of_the_event_is_taken_for_the_event_that_came() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 5})
    assert told(found, supposing={"event.total": "20"}).outcome == "started"
    assert told(found, supposing={"event.total": ""}).outcome == "if"


def test_an_event_that_never_came_can_be_supposed() -> None:
    found = world()
    assert told(found).outcome == "no_trigger"
    assert told(found, supposing={"event.total": "20"}).verdict == "would start"
    assert told(found, supposing={"event.total": "19"}).verdict == "would not start"


def test_a_run_that_started_would_not_have_with_another_value() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 30})
    supposed = told(found, supposing={"customer.country": "AT"})
    assert (told(found).outcome, supposed.verdict, supposed.run) == ("started", "would not start", None)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("customer.contry", "DE", "did you mean customer.country?"), ("event.total", "much", "'much' is no money")],
)
def test_what_cannot_be_supposed_is_refused(name: str, value: str, why: str) -> None:
    with pytest.raises(RetainError) as caught:
        told(world(), supposing={name: value})
    assert why in caught.value.render()


def test_an_event_can_be_named_among_several() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 5})
    first = found.store.events_of(1, name="cart_updated")[0]
    found.move_to(NOON + HOUR)
    found.event("c1", "cart_updated", {"total": 50})
    assert (told(found, event=first.message_id).outcome, told(found).outcome) == ("if", "started")
    assert told(found, event=f"#{first.seq}").outcome == "if"


def test_a_letter_without_consent_says_so() -> None:
    found = world(consent=False)
    found.event("c1", "cart_updated", {"total": 30})
    assert reasons(found)["then[0]"].startswith("refused for consent: the customer has not agreed")


def test_a_letter_over_the_cap_says_so() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 30})
    found.event("c1", "order_completed", {})
    found.event("c1", "cart_updated", {"total": 30})
    assert reasons(found)["then[0]"].startswith("refused for cap:")


def test_a_letter_in_quiet_hours_says_until_when() -> None:
    found = world()
    found.move_to(NOON + 10 * HOUR)
    found.event("c1", "cart_updated", {"total": 30})
    assert reasons(found)["then[0]"] == "waits for quiet_hours until 2026-01-06T08:00:00Z"


def test_a_letter_that_an_exit_cancelled_and_steps_never_reached_name_the_exit() -> None:
    found = world()
    found.move_to(NOON + 10 * HOUR)
    found.event("c1", "cart_updated", {"total": 30})
    found.event("c1", "order_completed", {})
    assert reasons(found) == {
        "then[0]": "cancelled before it was sent: the run was ended by order_completed",
        "then[2]": "the run was ended by order_completed before",
        "then[3]": "the run was ended by order_completed before",
    }


def test_a_dead_letter_names_the_reason_and_the_steps_behind_it_wait() -> None:
    found = world(answers={"email.send": [Given(status="dead", reason="550 no such user")]})
    found.event("c1", "cart_updated", {"total": 30})
    why = reasons(found)
    assert why["then[0]"].startswith("failed for good: 550 no such user; retain effects retry")
    assert why["then[2]"] == "the run is held at then[0]"


def test_a_parked_run_names_the_pause() -> None:
    found = engine(RULES.replace("    when:", "    breaker: 1 per 1d\n    when:"))
    for number in (1, 2):
        found.identify(f"c{number}", {"country": "DE"})
        found.event(f"c{number}", "cart_updated", {"total": 30})
    parked = explain_rule(found.plan, found.store, "cart", "c2", found.now)
    assert parked.outcome == "parked"
    assert parked.unsent[0].why == "the rule was paused when the run was to start; retain resume starts it"


def test_a_step_that_is_still_to_come_says_where_the_run_waits() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 30})
    assert reasons(found)["then[2]"] == "not yet: the run waits at then[1] until 2026-01-06T12:00:00Z"


def test_an_edge_that_is_past_is_told_with_what_is_so_now() -> None:
    found = engine("rules: {r: {when: {becomes: [customer.score < 40]}, then: [{note.write: {text: low}}]}}")
    found.identify("c1", {"score": 50})
    found.identify("c1", {"score": 30})
    found.move_to(NOON + DAY)
    found.identify("c1", {"score": 60})
    found.move_to(NOON + 2 * DAY)
    explained = explain_rule(found.plan, found.store, "r", "c1", found.now)
    assert (explained.outcome, explained.decided_at) == ("started", NOON)
    assert [(line.label, line.mark) for line in explained.lines] == [("when", "ok"), ("now", "NO")]
    assert explained.lines[1].detail == "60 is more than 40"


def test_a_rule_that_was_explained_before_its_first_start_starts_as_ever() -> None:
    when, then = "{becomes: [customer.score < 39]}", "[{note.write: {text: low}}]"
    found = engine(f"rules: {{r: {{when: {when}, if: [customer.tier == 'gold'], then: {then}}}}}")
    for tier, outcome in (("iron", "if"), ("gold", "started")):
        found.identify("c1", {"score": 50, "tier": tier})
        found.identify("c1", {"score": 30})
        assert told(found, "r").outcome == outcome
    assert said(found) == ["low"]


def test_an_event_is_explained_by_the_text_that_decided_it() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 30})
    old = found.plan.rules["cart"].revision
    found.use(engine(RULES.replace("total >= 20", "total >= 40")).plan)
    assert (told(found).outcome, told(found).revision) == ("started", old)


def test_each_clause_says_whom_it_loses_and_whom_it_alone_keeps_out() -> None:
    found = engine(RULES)
    people = [
        {"ltv": 200, "email": "a@example.test"}, {"ltv": 200}, {"ltv": 5, "email": "b@example.test"},
        {"email": "c@example.test"}, {},
    ]  # fmt: skip
    for number, fields in enumerate(people):
        found.identify(f"c{number}", fields)
        found.event(f"c{number}", "order_completed", {})
    losses = losses_of(found.plan, found.store, "vip", found.now + 1)
    assert (losses.customers, losses.passing) == (5, 1)
    assert [(one.loss.lost, one.loss.unknown, one.loss.alone) for one in losses.clauses] == [
        (3, 2, 2),
        (1, 0, 1),
        (0, 0, 0),
    ]


def test_what_a_rule_asks_of_its_event_is_unknown_of_everybody() -> None:
    found = world()
    found.event("c1", "cart_updated", {"total": 30})
    losses = losses_of(found.plan, found.store, "cart", found.now)
    of_customer, of_event = (one.loss for one in losses.clauses)
    assert (of_customer.held, of_customer.lost) == (1, 0)
    assert (of_event.held, of_event.lost, of_event.unknown, of_event.alone) == (0, 1, 1, 1)


@pytest.mark.parametrize("clause", ["event.score <= 6", "not (event.score > 6)", "event.score in [1, 2]"])
def test_a_field_that_every_such_event_has_is_unknown_of_everybody_too(clause: str) -> None:
    found = engine(f'rules: {{low: {{when: {{event: nps_answered}}, if: ["{clause}"], then: [{{stop: ok}}]}}}}')
    assert not found.plan.schema.events["nps_answered"]["score"].nullable
    found.identify("c1", {})
    (loss,) = (one.loss for one in losses_of(found.plan, found.store, "low", found.now + 1).clauses)
    assert (loss.held, loss.lost, loss.unknown) == (0, 1, 1)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose store has seen two customers."""
    rules = """\
version: 1
policies: {email: {unknown: allow}}
segments: {named: {if: [customer.email is present]}}
rules:
  greet:
    when: {event: signed_up}
    if: [customer.email is present]
    then: [{wait: 1h}, {log.write: {message: hello}}]
"""
    folder = bare(tmp_path / "shop", rules)
    calls = [
        identify("1", "", 1, email="a@example.com", plan="free"), track("1", "Signed Up", "", 2),
        identify("1", "", 3, plan="gold"), track("2", "Signed Up", "", 4),
    ]  # fmt: skip
    for call in calls:
        del call["timestamp"]
    here("-C", folder, "import", events_file(tmp_path / "now.jsonl", calls), "--live")
    return folder


def ask(shop: Path, *arguments: str) -> Answer:
    """A command about the project."""
    return here("-C", shop, *arguments)


def test_history_is_one_timeline_of_events_changes_and_decisions(shop: Path) -> None:
    lines = [(entry["kind"], entry["text"]) for entry in ask(shop, "history", "1", "--json").json]
    assert lines == [
        ("event", "identify"),
        ("change", "email: missing to a@example.com"),
        ("change", "plan: missing to free"),
        ("event", "signed_up"),
        ("start", "greet started"),
        ("event", "identify"),
        ("change", "plan: free to gold"),
    ]


def test_history_tells_refused_starts_where_asked_for(shop: Path) -> None:
    assert [entry["kind"] for entry in ask(shop, "history", "2", "--json").json] == ["event"]
    told = ask(shop, "history", "2", "--refusals", "--json").json
    assert told[1]["text"] == "greet not started: if 1"


def test_history_and_explain_fit_80_columns_without_colour(shop: Path) -> None:
    for arguments in (
        ["history", "1"],
        ["explain", "greet", "1"],
        ["explain", "greet", "2", "--with", "customer.email=x@example.com"],
        ["explain", "--why-not", "named"],
    ):
        answer = ask(shop, *arguments)
        assert answer.code == 0
        assert too_wide(answer.out) == []
        assert "\x1b" not in answer.out


def test_explain_over_everybody_as_json(shop: Path) -> None:
    clause = {"label": "if 1", "text": "customer.email is present"}
    assert ask(shop, "explain", "--why-not", "named", "--json").json == {
        "name": "named",
        "customers": 2,
        "passing": 1,
        "clauses": [clause | {"true": 1, "lost": 1, "unknown": 0, "alone": 1}],
    }
    assert "did you mean named?" in ask(shop, "explain", "--why-not", "nmaed").err


def test_explain_needs_a_rule_and_a_customer_or_a_segment(shop: Path) -> None:
    assert ask(shop, "explain", "greet").code == 2
    assert "write a field and a value" in ask(shop, "explain", "greet", "1", "--with", "plan").err
