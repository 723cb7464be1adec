"""Observers and vetoes: a plugin that raises or hangs in one holds up nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from patience import shortest
from retain.deliver.hooks import Hooks
from retain.deliver.loading import load_plugins
from retain.hookspecs import hookimpl
from retain.model import Effect, EffectState, Json, Run, RunState
from retain.registry import Veto

NOW = 1_780_000_000_000
RUN = Run(id="r1", rule="r", revision="x", customer=1, key="1", arm="live", state=RunState.WAITING)
EFFECT = Effect(
    id="r1:1", run="r1", rule="r", step="then[0]", customer=1, action="a.b", channel="", inputs={}, arm="live",
    state=EffectState.PENDING, created_at=0, due_at=0,
)  # fmt: skip


def hooks_of(**calls: object) -> Hooks:
    """The hooks of one plugin for each call, named after the plugin."""
    plugins = [
        SimpleNamespace(plugin_name=name.partition("_")[0], **{name.partition("_")[2]: hookimpl(call)})
        for name, call in calls.items()
    ]
    loaded = load_plugins({}, allow=[], extra=plugins)
    assert loaded.registry.broken == {}
    return loaded.hooks


def test_an_observer_sees_the_run_as_it_was_when_it_was_told() -> None:
    seen: list[str] = []
    gate = threading.Event()

    def run_started(run: Run) -> None:
        gate.wait(5)
        seen.append(run.state)

    hooks = hooks_of(a_run_started=run_started)
    run = Run(id="r1", rule="r", revision="x", customer=1, key="1", arm="live", state=RunState.WAITING)
    hooks.notify("run_started", run=run)
    run.state = RunState.ENDED
    gate.set()
    hooks.close(5)
    assert seen == ["waiting"]


def test_an_observer_that_raises_is_logged_and_the_others_are_told() -> None:
    seen: list[str] = []

    def fails(run: Run) -> None:
        raise ValueError("no")

    hooks = hooks_of(a_run_started=fails, b_run_started=lambda run: seen.append(run.id))
    hooks.notify("run_started", run=RUN)
    hooks.close(5)
    assert seen == ["r1"]


def test_an_observer_that_hangs_holds_up_neither_the_engine_nor_its_end() -> None:
    def seconds() -> float:
        hooks = hooks_of(a_engine_stopping=lambda: time.sleep(60))
        began = time.monotonic()
        hooks.notify("engine_stopping")
        hooks.close(0.2)
        return time.monotonic() - began

    assert shortest(seconds, 0.5) < 0.5


def test_any_veto_wins() -> None:
    hooks = hooks_of(
        a_before_effect=lambda effect: None, b_before_effect=lambda effect, now: Veto(reason="no", until=now)
    )
    assert hooks.before_effect(EFFECT, {}, NOW) == Veto(reason="no", until=NOW)


def test_a_veto_changes_nothing_of_the_effect_and_its_customer() -> None:
    def forget(effect: Effect, customer: dict[str, Json]) -> None:
        effect.inputs["to"] = "nobody"
        customer["address"].clear()

    effect, customer = replace(EFFECT, inputs={}), {"address": {"city": "Berlin"}}
    assert hooks_of(a_before_effect=forget).before_effect(effect, customer, NOW) is None
    assert (effect.inputs, customer) == ({}, {"address": {"city": "Berlin"}})


def test_without_a_veto_the_effect_goes_out() -> None:
    assert hooks_of(a_before_effect=lambda effect: None).before_effect(EFFECT, {}, NOW) is None
    assert Hooks().before_effect(EFFECT, {}, NOW) is None


def test_a_veto_that_raises_is_a_veto() -> None:
    hooks = hooks_of(a_before_effect=lambda effect: effect.inputs["missing"])
    assert hooks.before_effect(EFFECT, {}, NOW) == Veto(reason="plugin a failed in before_effect: KeyError")


@pytest.mark.parametrize("again", [1, 3])
def test_a_veto_that_hangs_delays_the_effect_and_is_waited_for_only_once(again: int) -> None:
    def seconds() -> float:
        hooks = hooks_of(a_before_effect=lambda effect: time.sleep(60))
        hooks.limit_s = 0.1
        began = time.monotonic()
        vetoes = [hooks.before_effect(EFFECT, {}, NOW) for _ in range(again)]
        took = time.monotonic() - began
        assert all(veto is not None and veto.until == NOW + 300_000 for veto in vetoes)
        return took

    assert shortest(seconds, 0.25) < 0.25
