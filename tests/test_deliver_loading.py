"""Plugins are loaded each alone: a broken one disables only itself, with the reason."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from deliver_help import EMPTY, outside
from patience import shortest
from retain.deliver.loading import LoadedPlugins, load_plugins
from retain.hookspecs import hookimpl
from retain.registry import Action, ActionRequest, ActionResult, EventType, Example

Install = Callable[[str, str], None]


async def run(request: ActionRequest) -> ActionResult:
    return ActionResult()


GOOD = outside("shop.do", run)


def plugin(name: str, **hooks: Callable[..., object]) -> object:
    """A plugin object with these hooks."""
    return SimpleNamespace(plugin_name=name, **{hook: hookimpl(call) for hook, call in hooks.items()})


def offering(name: str, *actions: object) -> object:
    return plugin(name, register_actions=lambda: actions)


def load(*plugins: object, **options: object) -> LoadedPlugins:
    return load_plugins({}, allow=[], extra=plugins, **options)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution with one module and its entry point, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, source: str) -> None:
        (tmp_path / f"{name}_module.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{name}_dist-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[retain]\n{name} = {name}_module\n")

    return install


def test_an_installed_plugin_is_found_by_its_entry_point_and_named_with_its_version(install: Install) -> None:
    install("weather", "from retain.hookspecs import hookimpl")
    loaded = load_plugins({}, allow=["weather"])
    (info,) = loaded.plugins
    assert (info.name, info.distribution, info.version, info.disabled) == ("weather", "weather-dist", "1.2", "")


def test_only_allowed_plugins_are_imported(install: Install) -> None:
    install("weather", "raise SystemExit('imported')")
    assert load_plugins({}, allow=["log"]).registry.broken == {}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_anywhere", "plugin bad: cannot be imported: No module named 'no_such_module_anywhere'"),
        ("raise SystemExit(3)", "plugin bad: SystemExit: 3"),
        ("1 / 0", "plugin bad: ZeroDivisionError: division by zero"),
        ("def f(:", "plugin bad: SyntaxError: "),
        ("raise TimeoutError('mine')", "plugin bad: TimeoutError: mine"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_disabled_and_the_others_load(
    install: Install, source: str, reason: str
) -> None:
    install("bad", source)
    loaded = load_plugins({}, allow=["bad"], extra=[offering("shop", GOOD)])
    assert loaded.registry.broken["bad"].startswith(reason)
    assert "shop.do" in loaded.registry.actions


def test_a_plugin_that_hangs_at_import_is_disabled_and_named_and_costs_only_its_limit(install: Install) -> None:
    names = (f"hangs{number}" for number in count())

    def seconds() -> float:
        name = next(names)
        install(name, "import time; time.sleep(60)")
        began = time.monotonic()
        loaded = load_plugins({}, allow=[name], extra=[offering("shop", GOOD)], limit_s=0.3)
        took = time.monotonic() - began
        assert loaded.registry.broken[name].startswith(f"plugin {name}: did not load within 0.3 s")
        assert list(loaded.registry.actions) == ["shop.do"]
        return took

    assert shortest(seconds, 1) < 1


def test_a_process_with_a_plugin_that_hangs_at_import_ends_cleanly(install: Install, tmp_path: Path) -> None:
    install("hangs", "import time; time.sleep(60)")
    program = "from retain.deliver.loading import load_plugins; load_plugins({}, allow=['hangs'], limit_s=0.1)"
    environment = {"PYTHONPATH": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, timeout=20, check=False).returncode == 0


def test_a_plugin_that_hangs_while_it_declares_is_disabled() -> None:
    loaded = load(plugin("slow", register_actions=lambda: time.sleep(60)), limit_s=0.1)
    assert "did not load within" in loaded.registry.broken["slow"]


def test_a_misspelt_hook_disables_the_plugin_and_the_right_name_is_said() -> None:
    loaded = load(plugin("bad", register_action=lambda: [GOOD]))
    assert loaded.registry.broken["bad"] == (
        "plugin bad: unknown hook 'register_action'\n  help: did you mean register_actions?"
    )


def test_a_hook_with_an_argument_that_does_not_exist_disables_the_plugin() -> None:
    loaded = load(plugin("bad", run_started=lambda run, colour: None))
    assert "colour" in loaded.registry.broken["bad"]


def test_a_hook_that_raises_disables_the_plugin() -> None:
    loaded = load(plugin("bad", register_actions=lambda: {}["x"]), offering("shop", GOOD))
    assert loaded.registry.broken == {"bad": "plugin bad: KeyError: 'x'"}
    assert "shop.do" in loaded.registry.actions


def bad_actions() -> list[tuple[object, str]]:
    text = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
    return [
        ("shop.do", "register_actions returned a str instead of a Action"),
        (replace(GOOD, name="Shop Do"), "the name is not two or more lower-case words"),
        (replace(GOOD, run=None), "exactly one of run and apply"),
        (replace(GOOD, run=lambda request: None), "run is not a coroutine function"),
        (replace(GOOD, inputs={"type": "objekt"}), "not a JSON Schema"),
        (replace(GOOD, inputs={"type": "string"}), 'must have "type": "object"'),
        (replace(GOOD, inputs=text), "example inputs: 'to' is missing"),
        (replace(GOOD, inputs=text, example=Example(inputs={"to": 5})), "to does not satisfy type: string"),
        (replace(GOOD, timeout_s=0), "must be above 0"),
    ]


@pytest.mark.parametrize(("action", "reason"), bad_actions())
def test_an_action_that_could_not_be_used_disables_its_plugin(action: Action, reason: str) -> None:
    assert reason in load(offering("bad", action)).registry.broken["bad"]


def test_a_name_that_two_plugins_declare_belongs_to_the_first_by_name() -> None:
    loaded = load(offering("zebra", GOOD), offering("ant", GOOD))
    assert loaded.registry.actions["shop.do"].plugin == "ant"
    assert "'shop.do' is already declared by plugin ant" in loaded.registry.broken["zebra"]


def test_two_plugins_may_share_an_event_of_the_same_form() -> None:
    event = EventType(name="unsubscribed", summary="", schema=EMPTY)
    loaded = load(*(plugin(name, register_event_types=lambda: [event]) for name in ("mail", "sms")))
    assert loaded.registry.broken == {}


def test_the_section_of_retain_yaml_is_checked_and_its_values_are_never_shown() -> None:
    schema = {"type": "object", "properties": {"password": {"type": "string", "minLength": 16}}}
    section = {"password": "hunter2", "project_dir": "/srv/shop"}
    bad = plugin("mail", register_config=lambda: {**schema, "additionalProperties": False})
    loaded = load_plugins({"mail": section}, allow=[], extra=[bad])
    assert loaded.registry.broken["mail"] == (
        "retain.yaml, section of plugin mail: password does not satisfy minLength: 16"
    )


def test_an_unknown_key_in_the_section_is_named_with_the_known_ones() -> None:
    schema = {"type": "object", "properties": {"host": {"type": "string"}}, "additionalProperties": False}
    loaded = load_plugins({"mail": {"hots": "a"}}, allow=[], extra=[plugin("mail", register_config=lambda: schema)])
    assert "unknown key 'hots'" in loaded.registry.broken["mail"]
    assert "known: host" in loaded.registry.broken["mail"]


def test_the_shipped_plugins_load() -> None:
    loaded = load_plugins({})
    assert loaded.registry.broken == {}
    assert {"churn", "email", "leads", "log", "loyalty", "tasks", "webhook"} <= {one.name for one in loaded.plugins}
