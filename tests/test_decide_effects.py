"""Effects: what is checked before each, what comes of each attempt, and where the run goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from decide_help import NOON, done, effects, ends, engine, events, instant, runs, said
from retain.decide.facts import Facts, Moment
from retain.decide.operations import drop_effect, retry_effect
from retain.instants import DAY, HOUR, MINUTE
from retain.model import Effect, EffectState, Json, MessageKind, RunState
from retain.pipeline.operating import with_effects
from retain.store.rows import Batch, SuppressionRow
from retain.testing.virtual import Answer, VirtualEngine

POST = """
rules:
  r:
    when: {event: a}
    then:
      - post.it: {text: one}
        id: first
        ON_ERROR
      - note.write: {text: after}
"""
STOP, CONTINUE = POST.replace("ON_ERROR", "on_error: stop"), POST.replace("ON_ERROR", "on_error: continue")
STEPS = POST.replace("ON_ERROR", "on_error: [{note.write: {text: instead}}]")
DEAD = {"post.it": [Answer(status="dead", reason="gone")]}


# on_error


def test_on_error_stop_holds_the_run_at_a_dead_letter() -> None:
    world = engine(STOP, answers=DEAD)
    world.event("c1", "a")
    (run,) = runs(world)
    (effect,) = effects(world)
    assert (run.state, effect.state, effect.reason) == (RunState.HELD, EffectState.DEAD, "gone")
    assert said(world) == ["one"]


def test_b44_the_key_of_a_held_run_is_taken() -> None:
    world = engine(STOP, answers=DEAD)
    world.event("c1", "a")
    world.event("c1", "a")
    assert world.tally["r", "running"] == 1


def test_on_error_continue_leaves_a_dead_letter_and_goes_on() -> None:
    world = engine(CONTINUE, answers=DEAD)
    world.event("c1", "a")
    assert (said(world), ends(world)) == (["one", "after"], ["done"])
    assert effects(world)[0].state is EffectState.DEAD


def test_on_error_steps_are_taken_and_then_the_rest() -> None:
    world = engine(STEPS, answers=DEAD)
    world.event("c1", "a")
    assert said(world) == ["one", "instead", "after"]


def test_the_reason_of_a_failure_can_be_read_by_the_steps_that_are_taken_in_its_place() -> None:
    text = """
    rules:
      r:
        when: {event: a}
        then:
          - post.it: {text: one}
            id: one
            on_error: [note.write: {text: "{{ steps.one.error }}"}]
    """
    world = engine(text, answers=DEAD)
    world.event("c1", "a")
    assert said(world) == ["one", "gone"]


def test_a_store_action_that_fails_is_a_dead_letter_too() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{fail.now: {}}, {note.write: {text: after}}]}}")
    world.event("c1", "a")
    (effect,) = effects(world)
    assert (effect.action, effect.reason, effect.attempt) == ("fail.now", "it cannot be done", 0)
    assert runs(world)[0].state is RunState.HELD


def test_what_a_store_action_returns_that_is_not_json_is_a_dead_letter() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{label.put: {text: junk}}, {note.write: {text: after}}]}}")
    world.event("c1", "a")
    (effect,) = effects(world)
    assert effect.reason.startswith("label.put returned what is not JSON: Object of type object")
    assert runs(world)[0].state is RunState.HELD


def test_b35_a_missing_value_of_a_required_input_fails_the_step_before_anything_is_sent() -> None:
    world = engine('rules: {r: {when: {event: a}, then: [{post.it: {text: "{{ event.k }}"}}]}}')
    world.event("c1", "a")
    (effect,) = effects(world)
    assert effect.reason.startswith("missing_input")
    assert done(world) == []


def test_b35_a_missing_value_inside_a_longer_text_fails_too_and_default_cures_it() -> None:
    text = 'rules: {r: {when: {event: a}, then: [{note.write: {text: "Dear {{ event.k }}"}}]}}'
    world = engine(text)
    world.event("c1", "a")
    assert (said(world), runs(world)[0].state) == ([], RunState.HELD)
    world = engine(text.replace("event.k", "default(event.k, 'you')"))
    world.event("c1", "a")
    assert said(world) == ["Dear you"]


# By hand


def by_hand(world: VirtualEngine, act: Callable[[Facts, Effect, Moment], str]) -> str:
    """Retry or drop the one effect, as `retain effects` does."""
    answers: list[str] = []
    moment = Moment.of_timer(world.now)

    def act_on(facts: Facts, effect: Effect) -> None:
        answers.append(act(facts, effect, moment))

    with_effects(world.pipeline, [effects(world)[0].id], world.now, act_on)
    world.move_to(world.now)
    return answers[0]


def test_b44_a_retried_dead_letter_is_sent_again_and_its_run_goes_on() -> None:
    world = engine(STOP, answers=DEAD)
    world.event("c1", "a")
    assert by_hand(world, retry_effect) == ""
    assert (said(world), ends(world)) == (["one", "after"], ["done"])
    assert effects(world)[0].attempt == 2


def test_b44_a_dropped_dead_letter_ends_its_run_as_failed() -> None:
    world = engine(STOP, answers=DEAD)
    world.event("c1", "a")
    assert by_hand(world, drop_effect) == ""
    assert (ends(world), effects(world)[0].state) == (["failed"], EffectState.DROPPED)


def test_a_step_that_failed_before_it_could_make_an_effect_is_done_anew() -> None:
    world = engine('rules: {r: {when: {event: a}, then: [{note.write: {text: "{{ customer.first_name }}"}}]}}')
    world.event("c1", "a")
    world.identify("c1", {"first_name": "Ada"})
    assert by_hand(world, retry_effect) == ""
    assert said(world) == ["Ada"]
    assert ends(world) == ["done"]


def test_an_effect_whose_run_has_ended_is_not_retried() -> None:
    world = engine(STOP.replace("when:", "exit_when: {event: b}\n    when:"), answers=DEAD)
    world.event("c1", "a")
    world.event("c1", "b")
    assert by_hand(world, retry_effect) == "its run has ended"


def test_b5_what_comes_while_a_dead_letter_holds_the_run_is_not_missed() -> None:
    text = """
    rules:
      r:
        when: {event: a}
        then:
          - post.it: {text: one}
          - wait_for: {event: b}
            up_to: 1d
            then: [{note.write: {text: met}}]
    """
    world = engine(text, answers=DEAD)
    world.event("c1", "a")
    world.event("c1", "b")
    by_hand(world, retry_effect)
    assert said(world) == ["one", "met"]


# Retries


def test_a_retry_comes_at_its_instant_and_the_run_waits_for_it() -> None:
    world = engine(STOP, answers={"post.it": [Answer(status="retry", retry_in=HOUR)] * 2})
    world.event("c1", "a")
    (effect,) = effects(world)
    assert (effect.state, effect.due_at, effect.first_failed_at) == (EffectState.PENDING, NOON + HOUR, NOON)
    world.move_to(NOON + 2 * HOUR - 1)
    assert said(world) == ["one"]
    world.move_to(NOON + 2 * HOUR)
    assert (said(world), effects(world)[0].attempt) == (["one", "after"], 3)


MAIL = """
policies: {email: {consent: marketing, unknown: allow, caps: [1 per 1d]}}
rules:
  r: {when: {event: a}, runs: {mode: parallel}, then: [{email.send: {template: t}}, {note.write: {text: after}}]}
"""


def mailing(text: str = MAIL, **given: Json) -> VirtualEngine:
    """An engine whose rule writes to c1."""
    world = engine(text, **given)
    world.identify("c1", {"email": "c1@example.test"})
    return world


def test_a_retried_mail_does_not_stand_in_the_way_of_itself_at_the_cap() -> None:
    world = mailing(answers={"email.send": [Answer(status="retry", retry_in=HOUR)]})
    world.event("c1", "a")
    world.pipeline.refresh()
    world.move_to(NOON + HOUR)
    assert [effect.state for effect in effects(world)] == [EffectState.DONE]


def test_a1_consent_is_asked_again_after_every_delay() -> None:
    world = mailing(answers={"email.send": [Answer(status="retry", retry_in=HOUR)]})
    world.event("c1", "a")
    world.consent("c1", {"marketing": False})
    world.move_to(NOON + HOUR)
    assert [(effect.state, effect.reason) for effect in effects(world)] == [(EffectState.REFUSED, "consent")]


def test_a1_an_exit_that_time_brought_ends_the_run_before_a_delayed_mail() -> None:
    text = MAIL.replace("runs:", "exit_when: {becomes: [days_since(a) >= 1]}, runs:")
    world = mailing(text, answers={"email.send": [Answer(status="retry", retry_in=2 * DAY)]})
    world.event("c1", "a")
    world.move_to(NOON + 3 * DAY)
    assert [(effect.state, effect.reason) for effect in effects(world)] == [(EffectState.CANCELLED, "becomes")]
    assert ends(world) == ["becomes"]


# Refusals


def test_b43_a_refused_effect_is_no_error_and_the_run_goes_on() -> None:
    text = """
    policies: {email: {consent: marketing, unknown: refuse}}
    rules:
      r:
        when: {event: a}
        then: [{email.send: {template: t}, id: mail}, {note.write: {text: "{{ steps.mail.refused }}"}}]
    """
    world = mailing(text)
    world.event("c1", "a")
    assert (said(world), ends(world)) == (["consent"], ["done"])


@pytest.mark.parametrize(("reason", "prepare"), [
    ("no_address", lambda world: world.identify("c1", {"email": None})),
    ("consent", lambda world: world.consent("c1", {"marketing": False})),
    ("suppressed", lambda world: world.store.commit(suppression("C1@example.test"))),
    ("cap", lambda world: world.event("c1", "a")),
])  # fmt: skip
def test_each_reason_to_refuse_a_mail_is_named(reason: str, prepare: Callable[[VirtualEngine], None]) -> None:
    world = mailing()
    prepare(world)
    world.event("c1", "a")
    assert [effect.reason for effect in effects(world)][-1] == reason


def suppression(address: str) -> Batch:
    """A batch that suppresses an address."""
    return Batch(suppressions=[SuppressionRow("email", address.casefold(), "bounced", NOON)])


def test_a_withdrawal_counts_from_the_instant_at_which_it_was_given() -> None:
    world = mailing()
    message = world.message("c1", MessageKind.CONSENT, "consent_changed", {"purpose": "marketing", "granted": True})
    late = world.message(
        "c1", MessageKind.CONSENT, "consent_changed", {"purpose": "marketing", "granted": False}, NOON - DAY
    )
    world.send(message, late)
    world.event("c1", "a")
    assert effects(world)[0].state is EffectState.DONE


# Chains


def test_b9_a_chain_of_events_that_rules_cause_is_cut_at_its_limit_and_recorded() -> None:
    text = """
    rules:
      ping: {when: {event: x}, runs: {mode: parallel}, then: [{emit: y}]}
      pong: {when: {event: y}, runs: {mode: parallel}, then: [{emit: x}]}
    """
    world = engine(text)
    world.event("c1", "x")
    assert [event.depth for event in events(world.store)] == list(range(9))
    (cut,) = [row for row in world.decisions() if row.outcome == "chain"]
    assert (cut.kind, cut.path) == ("refusal", "y")


def test_b9_what_a_rule_sets_is_an_event_of_its_own_and_counts_at_once() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{set: {stage: 2}}, {if: [customer.stage == 2], then: [{note.write: {text: two}}]}]}
      s: {when: {event: customer_updated, if: [customer.stage changed]}, then: [{note.write: {text: changed}}]}
    """
    world = engine(text)
    world.event("c1", "a")
    assert said(world) == ["two", "changed"]


def test_setting_what_is_set_already_is_no_event() -> None:
    world = engine("rules: {r: {when: {event: a}, then: [{set: {stage: 2}}]}}")
    for _ in range(3):
        world.event("c1", "a")
    assert [event.name for event in events(world.store)].count("customer_updated") == 1


def test_b9_an_event_for_another_customer_is_accepted_as_a_new_one() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{tell.other: {customer: "2"}}]}
      s: {when: {event: x}, then: [{note.write: {text: x}}]}
      t: {when: {event: b}, then: [{note.write: {text: b}}]}
    """
    world = engine(text)
    for customer in ("c1", "c2"):
        world.event(customer, "z")
    world.send(*(world.message(customer, MessageKind.TRACK, name, {}) for customer, name in (("c1", "a"), ("c2", "b"))))
    assert said(world) == ["b", "x"]
    last = events(world.store)[-1]
    assert (last.name, last.customer, last.depth, last.cause_seq) == ("x", 2, 1, None)


# Rules without a customer


def test_b31_a_schedule_without_members_runs_once_without_a_customer_and_may_wait() -> None:
    text = """
    rules:
      r:
        when: {schedule: {cron: "0 13 * * *"}}
        then: [{post.nobody: {text: one}}, {wait: 1h}, {post.nobody: {text: two}}]
    """
    world = engine(text, answers={"post.nobody": [Answer(status="retry", retry_in=MINUTE)]})
    world.event("c1", "a")
    world.move_to(NOON + 12 * HOUR)
    assert said(world) == ["one", "two"]
    assert ends(world) == ["done"]


def test_b31_a_schedule_without_members_keeps_to_its_mode() -> None:
    text = "rules: {r: {when: {schedule: {cron: '0 * * * *'}}, then: [{wait: 90m}]}}"
    world = engine(text)
    world.move_to(NOON + 4 * HOUR + MINUTE)
    assert world.tally["r", "started"] == 2
    assert world.tally["r", "running"] == 2


def test_quiet_hours_are_those_of_the_customers_zone() -> None:
    text = """
    policies: {email: {unknown: allow, quiet: "21:00-08:00"}}
    rules: {r: {when: {event: a}, then: [{email.send: {template: t}}]}}
    """
    world = mailing(text)
    world.identify("c1", {"timezone": "Asia/Tokyo"})
    world.event("c1", "a")  # 21:00 in Tokyo
    (effect,) = effects(world)
    assert (effect.reason, effect.due_at) == ("quiet_hours", instant("2026-01-06T08:00:00+09:00"))
