"""Claimed effects go out to their plugins and come back as results; no plugin can hold up another."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from deliver_help import NOW, PATIENCE_S, dispatching, outside, registry, request, until
from patience import shortest_of
from retain.clock import FixedClock
from retain.deliver.dispatch import MOST_DETACHED, Dispatcher
from retain.errors import InDoubtError, PermanentError, TemporaryError
from retain.model import Json, NewEvent, Suppress
from retain.registry import ActionRequest, ActionResult, EffectResult, Retry, RunAction


async def quick(request: ActionRequest) -> ActionResult:
    return ActionResult(output={"id": request.effect_id}, events=(NewEvent(name="Thing Done"),))


async def linger(request: ActionRequest) -> ActionResult:
    await asyncio.sleep(60)
    return ActionResult()


def blocking(gate: Event) -> RunAction:
    """An action that blocks its thread until the gate opens."""

    async def block(request: ActionRequest) -> ActionResult:
        gate.wait(60)
        return ActionResult()

    return block


def stubborn(gate: Event) -> RunAction:
    """An action that goes on, cancelled or not, until the gate opens."""

    async def go_on(request: ActionRequest) -> ActionResult:
        while not gate.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        return ActionResult()

    return go_on


async def result_of(run, **values) -> EffectResult:
    """What one attempt of an action with this body comes to."""
    attempt = {key: values.pop(key) for key in ("attempt", "first_failed_at", "config") if key in values}
    async with dispatching(outside("shop.do", run, **values), grace_s=PATIENCE_S) as (dispatcher, results):
        dispatcher.submit(request("shop.do", **attempt))
        (result,) = await results.wait_for("run1:1")
        return result


def raising(error: BaseException):
    async def run(request: ActionRequest) -> ActionResult:
        raise error

    return run


def returning(value: object):
    async def run(request: ActionRequest) -> ActionResult:
        return value  # type: ignore[return-value]

    return run


async def test_what_an_action_returns_is_the_result_and_its_events_have_the_one_form() -> None:
    result = await result_of(quick)
    assert (result.status, result.output, result.attempt) == ("done", {"id": "run1:1"}, 1)
    assert [event.name for event in result.events] == ["thing_done"]


async def test_a_temporary_error_is_tried_again_later() -> None:
    result = await result_of(raising(TemporaryError("busy")), retry=Retry(first_s=10))
    assert (result.status, result.reason) == ("retry", "busy")
    assert NOW + 5_000 <= result.retry_at <= NOW + 10_000


async def test_a_temporary_error_waits_as_long_as_the_other_side_asked_for() -> None:
    result = await result_of(raising(TemporaryError("busy", after=300)))
    assert NOW + 300_000 <= result.retry_at <= NOW + 330_000


async def test_a_temporary_error_is_a_dead_letter_after_the_time_to_give_up() -> None:
    result = await result_of(raising(TemporaryError("busy")), attempt=40, first_failed_at=NOW - 73 * 3_600_000)
    assert (result.status, result.reason) == ("dead", "busy; given up after 40 attempts")


async def test_a_permanent_error_is_a_dead_letter_and_carries_what_to_suppress_or_to_pause() -> None:
    suppress = Suppress(channel="email", address="a@b.test", reason="5.1.1")
    result = await result_of(raising(PermanentError("no such person", suppress=suppress, pause_channel="blocked")))
    assert (result.status, result.suppress, result.pause_channel) == ("dead", suppress, "blocked")


async def test_what_to_do_about_an_error_stands_in_its_reason_on_the_same_line() -> None:
    result = await result_of(raising(PermanentError("no sender", where="retain.yaml", cure="give `from`")))
    assert result.reason == "retain.yaml: no sender; give `from`"


async def test_what_an_action_says_or_returns_holds_no_character_that_no_store_can_keep() -> None:
    result = await result_of(raising(PermanentError("550 a\0b \ud83d")))
    assert result.reason == "550 a b ?"
    assert (await result_of(returning(ActionResult(output={"t": "\ud83d"})))).output == {"t": "?"}


async def test_an_error_in_doubt_is_in_doubt() -> None:
    assert (await result_of(raising(InDoubtError("no answer")))).status == "in_doubt"


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(1), asyncio.CancelledError(), RecursionError()])
async def test_any_other_exception_is_tried_three_times_and_names_the_plugin(error: BaseException) -> None:
    first, third = await result_of(raising(error)), await result_of(raising(error), attempt=3)
    assert first.status == "retry"
    assert third.status == "dead"
    assert third.reason.startswith(f"plugin shop raised {type(error).__name__}")


async def test_no_reason_shows_a_secret() -> None:
    config = {"accounts": {"main": {"password": "hunter2hunter2"}}, "secrets": {"a": ["whsec_abcdef"]}}
    result = await result_of(raising(ValueError("bad hunter2hunter2 or whsec_abcdef")), config=config)
    assert result.reason == "plugin shop raised ValueError: bad *** or ***"


@pytest.mark.parametrize(
    "junk",
    [
        None,
        {"id": 1},
        ActionResult(output={"at": object()}),
        ActionResult(output={"n": float("nan")}),
        ActionResult(output=None),
        ActionResult(events=("x",)),
    ],
)
async def test_an_action_that_returns_junk_is_a_dead_letter(junk: object) -> None:
    result = await result_of(returning(junk))
    assert result.status == "dead"
    assert result.reason.startswith("plugin shop returned")


async def test_a_result_is_what_a_store_gives_back_and_not_the_plugins_to_change() -> None:
    mine: dict[str, Json] = {"ids": [1], "pair": (1, 2)}
    result = await result_of(returning(ActionResult(output=mine, events=(NewEvent(name="x", fields=mine),))))
    mine["ids"].append(2)
    assert result.output == result.events[0].fields == {"ids": [1], "pair": [1, 2]}


async def test_a_timeout_is_in_doubt_unless_the_receiver_knows_the_id_again() -> None:
    once = await result_of(linger, timeout_s=0.05)
    again = await result_of(linger, timeout_s=0.05, idempotent=True)
    assert (once.status, again.status) == ("in_doubt", "retry")
    assert once.reason == "plugin shop: shop.do took longer than 0.05 s"


async def test_an_action_that_ignores_cancellation_is_detached_and_counted_until_it_ends() -> None:
    gate = Event()
    async with dispatching(outside("shop.do", stubborn(gate), timeout_s=0.1)) as (dispatcher, results):
        dispatcher.submit(request("shop.do"))
        (result,) = await results.wait_for("run1:1")
        assert result.status == "in_doubt"
        assert dispatcher.detached == {"shop": 1}
        gate.set()
        await until(lambda: dispatcher.detached == {})


async def test_a_blocked_plugin_delays_no_other_plugin() -> None:
    async def timed(request: ActionRequest) -> ActionResult:
        await asyncio.sleep(0.1)
        return ActionResult()

    async def seconds() -> float:
        gate = Event()
        bad, good = outside("bad.do", blocking(gate), timeout_s=0.2), outside("good.do", timed)
        async with dispatching(bad, good) as (dispatcher, results):
            began = time.monotonic()
            for number in range(8):
                dispatcher.submit(request("bad.do", f"bad:{number}"))
                dispatcher.submit(request("good.do", f"good:{number}"))
            await results.wait_for(*(f"good:{number}" for number in range(8)))
            took = time.monotonic() - began
            first, *behind = await results.wait_for(*(f"bad:{number}" for number in range(8)))
            assert first.status == "in_doubt"
            assert {result.status for result in behind} == {"retry"}, "those behind the blocked one were never called"
            gate.set()
            return took

    assert await shortest_of(seconds, 0.2) < 0.2, "twice the normal time"


async def test_a_plugin_that_blocked_gets_a_new_thread_and_works_again() -> None:
    gate = Event()
    actions = outside("bad.do", blocking(gate), timeout_s=0.1), outside("bad.well", quick, timeout_s=0.2)
    async with dispatching(*actions) as (dispatcher, results):
        dispatcher.submit(request("bad.do", "bad:1"))
        await results.wait_for("bad:1")
        await until(lambda: "bad" not in dispatcher._lanes)
        dispatcher.submit(request("bad.well", "well:1"))
        (well,) = await results.wait_for("well:1")
        assert well.status == "done"
        gate.set()


async def test_a_plugin_with_too_many_attempts_that_do_not_end_gets_no_new_work() -> None:
    gate = Event()
    actions = outside("bad.do", stubborn(gate), timeout_s=0.02), outside("good.do", quick)
    async with dispatching(*actions) as (dispatcher, results):
        ids = [f"bad:{number}" for number in range(MOST_DETACHED)]
        for effect_id in ids:
            dispatcher.submit(request("bad.do", effect_id))
        await results.wait_for(*ids)
        assert dispatcher.free_slots()["bad.do"] == 0
        assert dispatcher.free_slots()["good.do"] == 8
        gate.set()
        await until(lambda: dispatcher.free_slots()["bad.do"] == 8)


async def test_free_slots_follow_the_limits_of_action_plugin_and_all() -> None:
    actions = (outside("a.one", linger, concurrency=2), outside("a.two", linger), outside("b.one", linger))
    async with dispatching(*actions, max_concurrency=6) as (dispatcher, _):
        assert dispatcher.free_slots() == {"a.one": 2, "a.two": 3, "b.one": 3}
        dispatcher.submit(request("a.one", "1"))
        dispatcher.submit(request("a.two", "2"))
        assert dispatcher.free_slots() == {"a.one": 1, "a.two": 1, "b.one": 3}
        assert (dispatcher.total, dispatcher.in_flight) == (4, 2)


async def test_no_action_runs_more_often_at_once_than_it_says() -> None:
    running, most = 0, 0

    async def counted(request: ActionRequest) -> ActionResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return ActionResult()

    async with dispatching(outside("shop.do", counted, concurrency=3)) as (dispatcher, results):
        ids = [f"e:{number}" for number in range(20)]
        for effect_id in ids:
            dispatcher.submit(request("shop.do", effect_id))
        await results.wait_for(*ids)
        assert most == 3


async def test_results_come_in_batches_and_none_is_lost_while_they_cannot_be_taken() -> None:
    taken: list[str] = []
    refusals = iter([True, True])

    async def take(batch: list[EffectResult]) -> None:
        if next(refusals, False):
            raise OSError("disk full")
        taken.extend(result.effect_id for result in batch)

    dispatcher = Dispatcher(registry(outside("shop.do", quick)), take, clock=FixedClock(NOW))
    for number in range(50):
        dispatcher.submit(request("shop.do", f"e:{number}"))
    await until(lambda: len(taken) == 50)
    assert sorted(taken) == sorted(f"e:{number}" for number in range(50))
    await dispatcher.stop(1)


async def test_an_effect_whose_plugin_is_gone_waits_for_it() -> None:
    async with dispatching(outside("shop.do", quick)) as (dispatcher, results):
        dispatcher.submit(request("shop.dot"))
        (result,) = await results.wait_for("run1:1")
    assert result.status == "retry"
    assert "did you mean shop.do?" in result.reason


async def test_stopping_lets_what_is_under_way_end_and_hands_back_what_has_not_begun() -> None:
    began, gate = Event(), Event()

    async def waits(request: ActionRequest) -> ActionResult:
        began.set()
        while not gate.is_set():
            await asyncio.sleep(0.005)
        return ActionResult()

    async with dispatching(outside("shop.do", waits, concurrency=1)) as (dispatcher, results):
        for effect_id in ("first", "second"):
            dispatcher.submit(request("shop.do", effect_id))
        await until(began.is_set)
        stopping = asyncio.create_task(dispatcher.stop(PATIENCE_S))
        await asyncio.sleep(0.05)
        gate.set()
        assert await stopping == 0
        first, second = results.by_id["first"], results.by_id["second"]
    assert first.status == "done"
    assert (second.status, second.attempt, second.retry_at) == ("retry", 1, NOW)


@pytest.mark.parametrize("body", [lambda gate: linger, stubborn, blocking], ids=["linger", "stubborn", "block"])
async def test_stopping_takes_no_longer_than_its_limit_and_leaves_the_rest_as_sending(body) -> None:
    async def seconds() -> float:
        called, gate = Event(), Event()
        act = body(gate)

        async def run(request: ActionRequest) -> ActionResult:
            called.set()
            return await act(request)

        bad, good = outside("bad.do", run, timeout_s=60), outside("good.do", quick)
        async with dispatching(bad, good) as (dispatcher, results):
            dispatcher.submit(request("bad.do", "bad"))
            dispatcher.submit(request("good.do", "good"))
            await results.wait_for("good")
            await until(called.is_set)
            began = time.monotonic()
            assert await dispatcher.stop(0.4) == 1
            took = time.monotonic() - began
            assert set(results.by_id) == {"good"}
            gate.set()
        return took

    assert await shortest_of(seconds, 0.5) < 0.5


async def test_the_end_of_the_process_waits_for_no_blocked_plugin() -> None:
    program = """
import asyncio, threading, time
from deliver_help import Results, outside, registry, request, until
from retain.clock import SystemClock
from retain.deliver.dispatch import Dispatcher
called = [threading.Event(), threading.Event()]
def sleep(number): called[number].set(); time.sleep(3600)
async def block(request): sleep(0)
async def in_thread(request): await asyncio.to_thread(sleep, 1)
async def main():
    actions = registry(outside("a.do", block, timeout_s=3600), outside("b.do", in_thread, timeout_s=3600))
    dispatcher = Dispatcher(actions, Results().take, clock=SystemClock())
    dispatcher.submit(request("a.do", "1"))
    dispatcher.submit(request("b.do", "2"))
    await until(lambda: all(one.is_set() for one in called))
    print(await dispatcher.stop(0.3))
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        cwd=Path(__file__).parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert (output.split()[-1], process.returncode) == (b"2", 0)
