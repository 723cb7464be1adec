"""The hooks: a plugin implements some of these and returns declarations; the engine calls what was registered.

Hooks only register. They run once at load, each plugin alone, so that one broken plugin disables only itself.
Observers and `before_effect` are called while the engine runs; what an observer raises is logged, never passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pluggy

from retain.model import Effect, Fields, Instant, Json, Run
from retain.registry import (
    Action,
    ActionResult,
    Channel,
    Check,
    CustomerField,
    EventType,
    Function,
    JsonSchema,
    Page,
    RecordKind,
    Veto,
)

hookspec = pluggy.HookspecMarker("retain")
hookimpl = pluggy.HookimplMarker("retain")


@hookspec
def register_actions() -> Iterable[Action]:  # type: ignore[empty-body]
    """Steps that rules can use, such as `email.send`."""


@hookspec
def register_event_types() -> Iterable[EventType]:  # type: ignore[empty-body]
    """Events that the plugin makes or takes, with the JSON Schema of their fields."""


@hookspec
def register_fields() -> Iterable[CustomerField]:  # type: ignore[empty-body]
    """Customer fields that the plugin owns."""


@hookspec
def register_functions() -> Iterable[Function]:  # type: ignore[empty-body]
    """Functions for conditions, each an expression text of the language with parameters."""


@hookspec
def register_channels() -> Iterable[Channel]:  # type: ignore[empty-body]
    """Ways to reach people; policies in the rule files say what each channel asks for."""


@hookspec
def register_records() -> Iterable[RecordKind]:  # type: ignore[empty-body]
    """Kinds of the core's `records` table; plugins have no tables of their own."""


@hookspec
def register_checks() -> Iterable[Check]:  # type: ignore[empty-body]
    """Checks of rules that `retain check` runs beside its own."""


@hookspec
def register_pages() -> Iterable[Page]:  # type: ignore[empty-body]
    """Public pages, such as the one-click unsubscribe page."""


@hookspec
def register_template_filters() -> Mapping[str, Callable[..., Json]]:  # type: ignore[empty-body]
    """Filters for message templates."""


@hookspec
def register_config() -> JsonSchema:  # type: ignore[empty-body]
    """The JSON Schema of the plugin's section in retain.yaml."""


@hookspec
def before_effect(effect: Effect, customer: Fields, now: Instant) -> Veto | None:
    """A veto or a delay just before an effect is claimed; any veto wins, and a raise is a veto."""


@hookspec
def run_started(run: Run) -> None:
    """A run has started."""


@hookspec
def run_finished(run: Run) -> None:
    """A run has ended; `run.ended_by` says how."""


@hookspec
def effect_finished(effect: Effect, result: ActionResult | None) -> None:
    """An effect is done, dead, refused or in doubt."""


@hookspec
def event_rejected(reason: str, message: Fields) -> None:
    """A message from outside was refused."""


@hookspec
def engine_started() -> None:
    """The daemon is ready."""


@hookspec
def engine_stopping() -> None:
    """The daemon is about to stop."""
