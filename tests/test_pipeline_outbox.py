"""Through the outbox: an effect is intent, then a mark, then a result; nothing is sent that must not be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from decide_help import NOON, effects, ends, engine, plan, runs
from retain.errors import StoreFullError
from retain.instants import HOUR
from retain.model import Effect, EffectState, Instant, Json, MessageKind, NewEvent, RunState, Suppress
from retain.pipeline import Options, Pipeline
from retain.registry import EffectResult
from retain.store.rows import Batch, SuppressionRow

POST = "rules: {r: {when: {event: a}, then: [{post.it: {text: one}}, {note.write: {text: after}}]}}"
LEFT = POST.replace("when:", "exit_when: {event: b}, when:")
MAIL = """
policies: {email: {unknown: allow}}
rules: {r: {when: {event: a}, runs: {mode: parallel}, then: [{email.send: {template: t}}]}}
"""


class Live:
    """A pipeline with an outbox; what it claims is answered by the test."""

    def __init__(self, text: str) -> None:
        self.world = engine(text)
        self.store = self.world.store
        self.pipeline = Pipeline(self.store, self.world.plan, NOON, Options())
        self.now = NOON

    def happen(self, name: str, fields: dict[str, Json] | None = None) -> None:
        """Something happens to c1 now."""
        self.world.now = self.now
        self.store.accept([self.world.message("c1", MessageKind.TRACK, name, fields or {})], self.now)
        self.decide()

    def identify(self, fields: dict[str, Json]) -> None:
        """Fields of c1 change now."""
        self.world.now = self.now
        self.store.accept([self.world.message("c1", MessageKind.IDENTIFY, "customer_updated", fields)], self.now)
        self.decide()

    def decide(self, now: int | None = None) -> None:
        """Decide all that is due."""
        self.now = self.now if now is None else now
        while self.pipeline.step(self.now).more:
            pass

    def claim(self) -> list[str]:
        """The actions that are claimed for sending now."""
        return [request.action for request in self.pipeline.release(self.now, {}, 100)]

    def finish(self, status: str, **given: Json) -> None:
        """Give one result to everything that is being sent."""
        sending = self.store.list_effects(states=[EffectState.SENDING])
        results = [EffectResult(effect_id=effect.id, status=status, attempt=1, **given) for effect in sending]
        self.pipeline.finish(results, self.now)

    def states(self) -> list[str]:
        """The state of every effect."""
        return [effect.state.value for effect in effects(self.world)]


def test_an_effect_is_intent_then_mark_then_result() -> None:
    live = Live(POST)
    live.happen("a")
    assert live.states() == ["pending"]
    assert live.claim() == ["post.it"]
    assert live.states() == ["sending"]
    assert live.claim() == []
    live.finish("done", output={"id": "p1"})
    assert (live.states(), ends(live.world)) == (["done"], ["done"])


@pytest.mark.parametrize("quiet", ["", ', quiet: "11:00-13:00"'])
def test_a_shadow_rule_sends_nothing_through_the_outbox_not_even_after_quiet_hours(quiet: str) -> None:
    text = f"""
    policies: {{email: {{unknown: allow{quiet}}}}}
    rules: {{r: {{status: shadow, when: {{event: a}}, then: [{{email.send: {{template: t}}}}, {{wait: 1d}}]}}}}
    """
    live = Live(text)
    live.identify({"email": "c1@example.test"})
    live.happen("a")
    live.decide(NOON + 2 * HOUR)
    assert live.claim() == []
    assert live.states() == ["shadow"]
    assert runs(live.world)[0].step == "then[1]"


DOUBT = "rules: {r: {when: {event: a}, then: [{ACTION: {text: one}}, {note.write: {text: after}}]}}"


@pytest.mark.parametrize(("action", "state", "run"), [
    ("post.again", "pending", RunState.ACTING),  # resend
    ("post.it", "in_doubt", RunState.HELD),  # hold
    ("post.skip", "in_doubt", RunState.ENDED),  # skip
])  # fmt: skip
def test_what_is_in_doubt_follows_its_actions_policy(action: str, state: str, run: RunState) -> None:
    live = Live(DOUBT.replace("ACTION", action))
    live.happen("a")
    live.claim()
    live.pipeline = Pipeline(live.store, live.world.plan, NOON, Options())
    assert live.pipeline.recover(NOON) == 1
    assert (live.states(), runs(live.world)[0].state) == ([state], run)
    assert live.claim() == ([action] if action == "post.again" else [])


def test_what_was_being_sent_is_in_doubt_though_the_clock_was_set_back_meanwhile() -> None:
    live = Live(POST)
    live.happen("a")
    live.claim()
    live.pipeline = Pipeline(live.store, live.world.plan, NOON - HOUR, Options())
    assert live.pipeline.recover(NOON - HOUR) == 1


def test_b17_an_end_cancels_what_is_not_claimed() -> None:
    live = Live(LEFT)
    live.happen("a")
    live.happen("b")
    assert (live.states(), live.claim()) == (["cancelled"], [])


def test_b17_what_is_claimed_when_its_run_ends_is_recorded_and_moves_nothing() -> None:
    live = Live(LEFT)
    live.happen("a")
    live.claim()
    live.happen("b")
    live.finish("done", output={"id": "p1"})
    assert (live.states(), ends(live.world)) == (["done"], ["b"])
    assert effects(live.world)[0].output == {"id": "p1"}


def test_a_retry_for_a_run_that_has_ended_is_not_made() -> None:
    live = Live(LEFT)
    live.happen("a")
    live.claim()
    live.happen("b")
    live.finish("retry", retry_at=NOON)
    assert (live.states(), live.claim()) == (["cancelled"], [])


def test_nothing_is_claimed_for_a_customer_whose_events_are_not_all_decided() -> None:
    live = Live(LEFT)
    live.happen("a")
    live.store.accept([live.world.message("c1", MessageKind.TRACK, "b", {})], NOON)
    assert live.claim() == []
    live.decide()
    assert live.states() == ["cancelled"]


def test_b45_events_of_a_result_are_decided_like_any_other() -> None:
    text = POST[:-1] + ", s: {when: {event: x}, then: [{note.write: {text: heard}}]}}"
    live = Live(text)
    live.happen("a")
    live.claim()
    live.finish("done", events=(NewEvent(name="x"),))
    assert [run.rule for run in runs(live.world)] == ["r", "s"]


@pytest.mark.parametrize("status", ["done", "dead"])
def test_what_a_result_reports_is_kept_though_nothing_can_be_decided_after_it(status: str) -> None:
    crash = POST.replace("{text: one}}", "{text: one}, on_error: [{crash.always: {}}]}, {crash.always: {}}")
    live = Live(crash[:-1] + ", s: {when: {event: x}, then: [{note.write: {text: heard}}]}}")
    live.happen("a")
    live.claim()
    bounced = Suppress(channel="email", address="C1@example.test", reason="bounced")
    live.finish(status, events=(NewEvent(name="x"), NewEvent(name="x")), suppress=bounced)
    live.decide()
    assert (live.states()[0], runs(live.world)[0].state) == (status, RunState.HELD)
    assert [run.rule for run in runs(live.world)] == ["r", "s", "s"]
    assert live.store.suppressed("email", ["c1@example.test"]) == {"c1@example.test"}


@pytest.mark.parametrize("after", ["", ", {crash.always: {}}"])
def test_a_chain_through_results_is_cut_though_nothing_can_be_decided_after_them(after: str) -> None:
    text = "rules: {r: {when: {event: x}, runs: {mode: parallel}, then: [{post.it: {text: one}}AFTER]}}"
    live = Live(text.replace("AFTER", after))
    live.happen("x")
    sent = 0
    while live.claim() and sent < 20:
        sent += 1
        live.finish("done", events=(NewEvent(name="x"),))
        live.decide()
    (cut,) = [row.why for row in live.store.decisions_of(limit=99) if row.outcome == "chain"]
    assert (sent, cut) == (9, "a chain of 8 events that rules cause was cut before x")


def test_an_address_that_a_result_suppresses_is_never_written_to_again() -> None:
    live = Live(MAIL)
    live.identify({"email": "c1@example.test"})
    live.happen("a")
    live.claim()
    live.finish("dead", suppress=Suppress(channel="email", address="c1@example.test", reason="bounced"))
    live.happen("a")
    assert live.claim() == []
    assert live.states() == ["dead", "refused"]


def test_a_suppression_holds_for_an_address_that_the_step_itself_names() -> None:
    live = Live(MAIL.replace("template: t", "template: t, to: Boss@example.test"))
    live.store.commit(Batch(suppressions=[SuppressionRow("email", "boss@example.test", "bounced", NOON)]))
    live.happen("a")
    assert live.claim() == []
    assert effects(live.world)[0].reason == "suppressed"


def test_b25_a_rule_that_is_off_sends_nothing_of_its_old_runs() -> None:
    live = Live(POST)
    live.happen("a")
    live.pipeline.use(plan(POST.replace("when:", "status: off, when:")), NOON)
    assert live.claim() == []
    assert effects(live.world)[0].reason == "the rule is off"
    live.happen("a")
    assert len(runs(live.world)) == 1


def test_b36_inputs_are_those_of_the_decision_and_the_address_that_of_the_release() -> None:
    text = MAIL.replace("template: t", 'template: t, subject: "Dear {{ customer.first_name }}"')
    live = Live(text)
    live.identify({"email": "old@example.test", "first_name": "Ada"})
    live.happen("a")
    live.identify({"email": "new@example.test", "first_name": "Bea"})
    (request,) = live.pipeline.release(NOON, {}, 1)
    assert request.inputs["subject"] == "Dear Ada"
    assert request.customer["email"] == "new@example.test"


def test_what_is_claimed_goes_out_though_the_store_fails_at_the_next_effect() -> None:
    live = Live(POST.replace("then:", "runs: {mode: parallel}, then:"))
    for _ in range(3):
        live.happen("a")
    asked: list[str] = []

    def fail_later(effect: Effect, _fields: Json, _at: Instant) -> None:
        asked.append(effect.id)
        if len(asked) == 1:
            raise RuntimeError("so that one by one is claimed")
        if len(asked) == 3:
            raise StoreFullError("the disk is full")

    live.pipeline.options = replace(live.pipeline.options, before_effect=fail_later)
    claimed = [len(live.pipeline.release(NOON, {"post.it": 9}, 100)) for _ in range(2)]
    assert claimed == [1, 2]
    assert live.states() == ["sending"] * 3
