"""The shipped message plugins through loading and dispatch, as the daemon uses them, beside one that misbehaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

from deliver_help import Results, outside, request
from mail_help import MailServer, Shop, serving, shop_in
from patience import shortest_of
from retain.clock import SystemClock
from retain.deliver.dispatch import Dispatcher
from retain.deliver.loading import load_plugins
from retain.hookspecs import hookimpl
from retain.registry import ActionRequest, ActionResult


async def block(request: ActionRequest) -> ActionResult:
    time.sleep(3)
    return ActionResult()


BAD = SimpleNamespace(
    plugin_name="bad",
    register_actions=hookimpl(lambda: [outside("bad.do", block, timeout_s=30)]),
    engine_stopping=hookimpl(lambda: time.sleep(3)),
)


@asynccontextmanager
async def running(
    folder: Path, *extra: object, ends: list[float] | None = None
) -> AsyncIterator[tuple[Shop, MailServer, Dispatcher, Results]]:
    """The dispatcher of a shop with the shipped plugins and a mail server; `ends` gets how long its end takes."""
    loaded = load_plugins({}, extra=extra)
    assert loaded.registry.broken == {}
    results = Results()
    dispatcher = Dispatcher(loaded.registry, results.take, clock=SystemClock())
    async with serving() as server:
        try:
            yield shop_in(folder), server, dispatcher, results
        finally:
            began = time.monotonic()
            loaded.hooks.notify("engine_stopping")
            await dispatcher.stop(1.0)
            loaded.hooks.close(0.2)
            if ends is not None:
                ends.append(time.monotonic() - began)


async def seconds_for_mails(shop: Shop, server: MailServer, dispatcher: Dispatcher, results: Results) -> float:
    began = time.monotonic()
    ids = [f"mail:{number}" for number in range(60)]
    for effect_id in ids:
        dispatcher.submit(shop.request(server, effect_id))
    done = await results.wait_for(*ids)
    assert {result.status for result in done} == {"done"}
    return time.monotonic() - began


async def test_a_message_goes_from_a_claimed_effect_to_the_mail_server_and_back_as_an_event(tmp_path: Path) -> None:
    async with running(tmp_path) as (shop, server, dispatcher, results):
        dispatcher.submit(shop.request(server, purpose="marketing"))
        (result,) = await results.wait_for("run1:1")
        assert (result.status, [event.name for event in result.events]) == ("done", ["email_accepted"])
        assert len(server.letters) == 1


async def test_a_plugin_that_hangs_in_an_action_delays_no_mail_beyond_twice_the_time(tmp_path: Path) -> None:
    async def beyond() -> float:
        async with running(tmp_path) as alone:
            normal = await seconds_for_mails(*alone)
        async with running(tmp_path, BAD) as (shop, server, dispatcher, results):
            hang(dispatcher)
            await asyncio.sleep(0.05)
            return await seconds_for_mails(shop, server, dispatcher, results) - 2 * normal

    assert await shortest_of(beyond, 0.1) < 0.1


async def test_a_plugin_that_hangs_in_an_action_and_at_shutdown_is_not_waited_for(tmp_path: Path) -> None:
    async def seconds() -> float:
        ends: list[float] = []
        async with running(tmp_path, BAD, ends=ends) as (_, _, dispatcher, _):
            hang(dispatcher)
            await asyncio.sleep(0.05)
        return ends[0]

    assert await shortest_of(seconds, 1.4) < 1.4


def hang(dispatcher: Dispatcher) -> None:
    """Give the plugin that hangs more than it can do."""
    for number in range(20):
        dispatcher.submit(request("bad.do", f"bad:{number}"))


async def test_idle_connections_to_the_mail_server_are_closed_when_the_engine_stops(tmp_path: Path) -> None:
    async with running(tmp_path) as (shop, server, dispatcher, results):
        dispatcher.submit(shop.request(server))
        await results.wait_for("run1:1")
        assert await dispatcher.stop(1.0) == 0
        await asyncio.sleep(0.05)
        assert all(smtp.transport is None or smtp.transport.is_closing() for smtp in server.servers)


async def test_log_write_needs_nothing_but_its_message(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, _, dispatcher, results):
        dispatcher.submit(request("log.write", inputs={"message": "hello"}))
        (result,) = await results.wait_for("run1:1")
        assert result.status == "done"
