"""An edited rule and the runs that wait in it: `on_change`, and how a moved run finds its step."""

from __future__ import annotations

import pytest

from decide_help import NOON, done, ends, engine, plan, runs, said
from retain.instants import DAY, HOUR

HEAD = "rules:\n  r:\n    when: {event: a}\n    on_change: move\n    then:\n"
HELLO, PAUSE, BYE = "- post.it: {text: hello}", "- wait: 1d", "- post.it: {text: bye}"
NAMED = "- {wait: 1d, id: w1}"


def rule(*steps: str, on_change: str = "move") -> str:
    """A rule with these steps."""
    lines = "".join(f"      {step}\n" for step in steps)
    return HEAD.replace("move", on_change) + lines


def after_edit(before: str, after: str) -> tuple[str, list[str]]:
    """Where a run stands after an edit while it waits, and all that it has said a day later."""
    world = engine(before)
    world.event("u1", "a")
    world.move_to(NOON + HOUR)
    world.use(plan(after))
    (run,) = runs(world)
    world.move_to(NOON + 2 * DAY)
    return run.step, said(world)


def test_a_message_inserted_above_the_wait_is_not_sent_a_second_time() -> None:
    new = rule(HELLO, "- post.it: {text: new}", NAMED, BYE)
    assert after_edit(rule(HELLO, NAMED, BYE), new) == ("then[2]", ["hello", "bye"])


def test_a_wait_without_an_id_is_found_by_its_content() -> None:
    new = rule("- post.it: {text: new}", HELLO, PAUSE, "- post.it: {text: later}")
    assert after_edit(rule(HELLO, PAUSE, BYE), new) == ("then[2]", ["hello", "later"])


def test_a_wait_is_found_in_a_branch() -> None:
    new = rule("- if: [customer.score is missing]\n        then:\n          " + NAMED, BYE)
    assert after_edit(rule(HELLO, NAMED, BYE), new) == ("then[0].then[0]", ["hello", "bye"])


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(rule(HELLO, "- wait: 2d", "- post.it: {text: later}"), id="the wait has changed"),
        pytest.param(rule(PAUSE, HELLO, PAUSE, "- post.it: {text: later}"), id="there are two of it"),
        pytest.param(rule(HELLO, PAUSE, "- post.it: {text: later}", on_change="finish"), id="finish"),
    ],
)
def test_otherwise_the_run_goes_on_with_its_old_text(new: str) -> None:
    assert after_edit(rule(HELLO, PAUSE, BYE), new)[1] == ["hello", "bye"]


def test_exit_ends_the_runs_that_wait() -> None:
    world = engine(rule(HELLO, PAUSE, BYE))
    world.event("u1", "a")
    world.use(plan(rule(HELLO, PAUSE, "- post.it: {text: later}", on_change="exit")))
    world.move_to(NOON + 2 * DAY)
    assert (ends(world), said(world)) == (["edited"], ["hello"])


def test_what_a_run_waits_for_keeps_its_deadline_in_the_new_text() -> None:
    waits = "- wait_for: {event: b}\n        id: w\n        up_to: UP_TO\n        else: [SAY]"
    before = rule(waits.replace("UP_TO", "2d").replace("SAY", "{post.it: {text: old}}"))
    world = engine(before)
    world.event("u1", "a")
    world.use(plan(rule(HELLO, waits.replace("UP_TO", "9d").replace("SAY", "{post.it: {text: new}}"))))
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["new"]


def test_a_message_that_quiet_hours_hold_is_sent_once_after_a_move() -> None:
    policy = "policies: {email: {unknown: allow, quiet: '08:00-18:00'}}\n"
    mail = "- email.send: {template: x, to: ann@example.test}"
    world = engine(policy + rule(mail, BYE))
    world.event("u1", "a")
    world.use(plan(policy + rule("- post.it: {text: new}", mail, "- post.it: {text: later}")))
    world.move_to(NOON + DAY)
    assert (done(world), said(world)) == (["email.send", "post.it"], ["later"])
