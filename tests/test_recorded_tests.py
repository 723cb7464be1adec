"""A test that is recorded from what happened holds at once, whatever it was that happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, seed, settings

from decide_help import engine, plan
from decide_worlds import SLOW, answer, rule_texts, streams
from retain.instants import DAY, HOUR, MINUTE, SECOND
from retain.model import Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.store.store import Store
from retain.testing.recording import record_test
from retain.testing.virtual import Answer, VirtualEngine

MAIL = 'policies: {email: {unknown: refuse, consent: marketing, caps: ["9 per 1d"]}}\n'
LETTERS = "[{email.send: {template: t}}, {wait: 1d}, {email.send: {template: t}}]"


def rule(body: str, then: str, policies: str = "") -> str:
    return f"{policies}rules:\n  it:\n    when: {{event: a}}\n{body}    then: {then}\n"


def recorded(world: VirtualEngine) -> str:
    """The test of what the rule did for u1; it holds."""
    text, failures = record_test(world.plan, world.store, "it", "u1", world.now)
    assert not failures, f"{text}\n{failures}"
    return text


def after(world: VirtualEngine, span: int) -> VirtualEngine:
    world.move_to(world.now + span)
    return world


def a_wait_at_the_end(world: VirtualEngine) -> None:
    world.event("u1", "a")
    after(world, 2 * DAY)


def two_runs(world: VirtualEngine) -> None:
    world.event("u1", "a")
    after(world, HOUR).event("u1", "a")
    after(world, 2 * DAY)


def consent_that_is_withdrawn(world: VirtualEngine) -> None:
    world.identify("u1", {"email": "u1@example.test"})
    world.consent("u1", {"marketing": True})
    after(world, HOUR).event("u1", "a")
    after(world, HOUR).consent("u1", {"marketing": False})
    after(world, DAY)


def consent_that_is_given(world: VirtualEngine) -> None:
    world.identify("u1", {"email": "u1@example.test"})
    after(world, HOUR).event("u1", "a")
    after(world, HOUR).consent("u1", {"marketing": True})
    after(world, DAY)


def a_goal_after_the_last_step(world: VirtualEngine) -> None:
    world.event("u1", "a")
    after(world, HOUR).event("u1", "b")
    after(world, HOUR)


def within_seconds(world: VirtualEngine) -> None:
    after(world, 900).event("u1", "a")
    after(world, 200).event("u1", "a")
    after(world, SECOND).event("u1", "a")
    after(world, MINUTE)


LIVES = [
    pytest.param(rule("", "[{wait: 1d}]"), a_wait_at_the_end, id="a wait is the last step"),
    pytest.param(rule("", "[{note.write: {text: x}}, {post.it: {text: y}}]"), a_wait_at_the_end, id="two actions"),
    pytest.param(rule("", "[{note.write: {text: x}}, {wait: 1d}]"), two_runs, id="an earlier run"),
    pytest.param(rule("", LETTERS, MAIL), consent_that_is_withdrawn, id="consent is withdrawn"),
    pytest.param(rule("", LETTERS, MAIL), consent_that_is_given, id="consent is given"),
    pytest.param(rule("    goal: {event: b, within: 1d}\n", "[{note.write: {text: x}}]"), a_goal_after_the_last_step,
                 id="the goal comes after the end"),
    pytest.param(rule("", "[{note.write: {text: x}}, {post.it: {text: y}}]"), within_seconds, id="within seconds"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "live"), LIVES)
def test_a_recorded_test_holds(text: str, live: Callable[[VirtualEngine], None]) -> None:
    world = engine(text)
    live(world)
    recorded(world)


def test_a_recorded_test_tries_again_where_life_did() -> None:
    answers = [Answer(status="retry", retry_in=HOUR), Answer(status="in_doubt"), Answer()]
    world = engine(rule("", "[{post.again: {text: x}}, {post.it: {text: y}}]"), answers={"post.again": answers})
    world.event("u1", "a")
    after(world, DAY)
    assert "post.again: [{status: retry, retry_in: 1h}, {status: in_doubt}, {status: done}]" in recorded(world)


def test_a_recorded_test_waits_for_a_result_that_has_not_come() -> None:
    world = engine(
        rule("", "[{post.it: {text: x}}, {note.write: {text: y}}]"), answers={"post.it": [Answer(status="later")]}
    )
    world.event("u1", "a")
    after(world, DAY)
    assert "status: later" in recorded(world)


@pytest.mark.long
@seed(1)
@given(rule_texts(), streams())
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=SLOW)
def test_whatever_a_rule_did_after_an_event_its_recorded_test_holds(text: str, messages: list[Message]) -> None:
    """But for merges, and for rules about what a test takes note of before its story or tells of in part only."""
    world = plan(text)
    known = [one for one in messages if one.kind is not MessageKind.ALIAS and not (one.user_id and one.anonymous_id)]
    store = Store.in_memory()
    pipeline = Pipeline(store, world, messages[0].received_at - 1, Options(virtual=True, respond=answer))
    for message in known:
        store.accept([message], message.received_at)
        while pipeline.step(message.received_at).more:
            pass
    end = messages[-1].received_at + 8 * DAY
    while pipeline.step(end).more:
        pass
    for run in store.list_runs(limit=1000):
        triggers = [getattr(one, "event", "") for one in world.rules[run.rule].triggers]
        if set(triggers) <= {"a", "b", "c", "x"} and "" not in triggers:
            (row,) = store.customers([run.customer]).values()
            told, failures = record_test(world, store, run.rule, row.key.removeprefix("user:"), end)
            assert not failures, told
