"""An edited rule and the runs that wait in it: `on_change`, and how a moved run finds its step."""

from __future__ import annotations

import pytest

from decide_help import NOON, done, effects, ends, engine, plan, runs, said
from retain.instants import DAY, HOUR
from retain.pipeline.operating import migrate
from retain.store.rows import Batch, PauseRow

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


# Other names for the same thing


def test_a_wait_that_got_another_id_is_the_same_wait() -> None:
    new = rule("- post.it: {text: new}", HELLO, NAMED.replace("w1", "pause"), BYE)
    assert after_edit(rule(HELLO, NAMED, BYE), new) == ("then[2]", ["hello", "bye"])


def test_a_wait_whose_id_is_gone_is_not_taken_for_another_one_that_was_there_before() -> None:
    old = rule("- {wait: 1d, id: one}", HELLO, "- {wait: 2d, id: two}", BYE)
    new = rule(HELLO, "- {wait: 1d, id: two}", "- post.it: {text: later}")
    assert after_edit(old, new) == ("then[0]", ["hello"])


def test_what_a_renamed_step_gave_goes_by_its_new_name() -> None:
    before = rule("- note.write: {text: hello}\n        id: first", PAUSE, BYE)
    after = rule(
        "- note.write: {text: hello}\n        id: greeting", PAUSE, "- post.it: {text: '{{ steps.greeting.text }}'}"
    )
    assert after_edit(before, after)[1] == ["hello", "hello"]


def test_the_arm_of_a_renamed_split_stays() -> None:
    split = (
        "- split: {one: {weight: 50, then: [note.write: {text: one}]}, "
        "two: {weight: 50, then: [note.write: {text: two}]}}\n        id: NAME"
    )
    before = rule(split.replace("NAME", "old"), PAUSE)
    world = engine(before)
    world.event("u1", "a")
    world.use(plan(rule(split.replace("NAME", "new"), PAUSE)))
    (run,) = runs(world)
    assert run.context["arms"] == {"new": said(world)[0]}


def test_a_step_that_goes_on_after_an_error_does_not_keep_a_run_from_moving() -> None:
    forgiving = "- fail.now: {}\n        on_error: continue"
    assert after_edit(rule(forgiving, PAUSE, BYE), rule(HELLO, forgiving, PAUSE, BYE)) == ("then[2]", ["bye"])


RENAMED = "rules:\n  new:\n    was: r\n"


def renamed(text: str, **more: str) -> str:
    """The same rule by another id."""
    lines = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return text.replace("rules:\n  r:\n", RENAMED + lines)


def test_a_renamed_rule_takes_its_waiting_runs_along() -> None:
    world = engine(rule(HELLO, PAUSE, BYE))
    world.event("u1", "a")
    world.use(plan(renamed(rule(HELLO, PAUSE, "- post.it: {text: later}"))))
    world.move_to(NOON + 2 * DAY)
    (run,) = runs(world)
    assert (run.rule, run.ended_by, said(world)) == ("new", "done", ["hello", "later"])


def test_a_renamed_rule_that_says_exit_ends_the_runs_of_its_old_name() -> None:
    world = engine(rule(HELLO, PAUSE, BYE))
    world.event("u1", "a")
    world.use(plan(renamed(rule(HELLO, PAUSE, BYE, on_change="exit"))))
    assert ends(world) == ["edited"]


def test_an_effect_that_waits_goes_along_with_the_run_of_a_renamed_rule() -> None:
    policy = "policies: {email: {unknown: allow, quiet: '08:00-18:00'}}\n"
    before = rule("- email.send: {template: x, to: ann@example.test}", BYE)
    world = engine(policy + before)
    world.event("u1", "a")
    world.use(plan(policy + renamed(before)))
    world.move_to(NOON + DAY)
    assert {effect.rule for effect in effects(world)} == {"new"}
    assert (done(world), ends(world)) == (["email.send", "post.it"], ["done"])


@pytest.mark.parametrize("on_change", ["move", "finish"])
def test_a_renamed_rule_that_is_off_holds_the_runs_of_its_old_name(on_change: str) -> None:
    before = rule(HELLO, PAUSE, BYE, on_change=on_change)
    world = engine(before)
    world.event("u1", "a")
    world.use(plan(renamed(before, status='"off"')))
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["hello"]


@pytest.mark.parametrize("on_change", ["move", "finish"])
def test_a_pause_holds_whatever_name_the_rule_has_by_now(on_change: str) -> None:
    before = rule(HELLO, PAUSE, BYE, on_change=on_change)
    world = engine(before)
    world.event("u1", "a")
    world.store.commit(Batch(pauses=[PauseRow("rule", "r", True, "by hand", "ann", world.now)]))
    world.use(plan(renamed(before)))
    world.event("u2", "a")
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["hello"]


@pytest.mark.parametrize("on_change", ["move", "finish"])
def test_a_queued_run_of_a_renamed_rule_goes_once_the_run_of_the_old_name_has_ended(on_change: str) -> None:
    before = rule(HELLO, PAUSE, on_change=on_change).replace("    on_change", "    runs: {mode: queue}\n    on_change")
    world = engine(before)
    world.event("u1", "a")
    world.use(plan(renamed(before)))
    world.event("u1", "a")
    assert said(world) == ["hello"]
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["hello", "hello"]


def test_the_breaker_counts_the_starts_of_the_old_name() -> None:
    before = rule(HELLO).replace("    on_change", "    breaker: 2 per 1d\n    on_change")
    world = engine(before)
    world.event("u1", "a")
    world.event("u2", "a")
    world.use(plan(renamed(before)))
    world.event("u3", "a")
    assert said(world) == ["hello", "hello"]


@pytest.mark.parametrize("queued", [1, 600])
def test_a_run_that_ends_as_edited_lets_none_begin_that_ends_as_well(queued: int) -> None:
    queue = "    runs: {mode: queue}\n    on_change"
    world = engine(rule(HELLO, PAUSE).replace("    on_change", queue), max_queue=queued)
    for _ in range(1 + queued):
        world.event("u1", "a")
    world.use(plan(rule(HELLO, PAUSE, BYE, on_change="exit").replace("    on_change", queue)))
    assert (set(ends(world)), said(world)) == ({"edited"}, ["hello"])


def test_runs_that_cannot_be_moved_are_named() -> None:
    world = engine(rule(HELLO, PAUSE, BYE))
    world.event("u1", "a")
    fresh = plan(rule(HELLO, "- wait: 2d", BYE))
    world.pipeline.use(fresh, world.now)
    found = migrate(world.pipeline, world.now)
    assert (dict(found.counts), found.stayed) == ({"stayed": 1}, [("r", runs(world)[0].id)])
