"""Plugins: found by entry point, loaded each alone and within a time limit, checked, and put into one registry.

A plugin that cannot be imported, hangs, misspells a hook or declares what cannot work is disabled with the reason; the
others stay up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any, TypeVar

import pluggy
import structlog

from retain import hookspecs
from retain.deliver.declared import (
    check_action,
    check_event_type,
    check_field,
    check_record_kind,
    check_schema,
    check_value,
    first_repeated,
)
from retain.deliver.hooks import Hooks
from retain.deliver.threads import start
from retain.errors import PluginError, did_you_mean
from retain.model import Fields, Json
from retain.registry import (
    Action,
    Channel,
    Check,
    CustomerField,
    EventType,
    Function,
    JsonSchema,
    Page,
    RecordKind,
    Registry,
)

GROUP = "retain"
log = structlog.get_logger("retain.plugins")
T = TypeVar("T", Action, EventType, CustomerField, Function, Channel, RecordKind, Page)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as found: where it comes from, and why it is disabled."""

    name: str
    version: str  # of its distribution; "" for a local one
    distribution: str
    disabled: str = ""  # the reason; "" where it is loaded


@dataclass(frozen=True, slots=True)
class LoadedPlugins:
    """Everything that loading came to."""

    registry: Registry
    hooks: Hooks
    plugins: tuple[PluginInfo, ...] = ()


@dataclass(slots=True)
class _Declared:
    """What one plugin declares, before it is merged with the others."""

    manager: pluggy.PluginManager
    actions: list[Action] = field(default_factory=list)
    event_types: list[EventType] = field(default_factory=list)
    fields: list[CustomerField] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    record_kinds: list[RecordKind] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    filters: dict[str, Callable[..., Json]] = field(default_factory=dict)
    config: JsonSchema | None = None


@dataclass(slots=True)
class _Found:
    """One plugin to load: a name and a way to get at its object."""

    info: PluginInfo
    get: Callable[[], object]


def load_plugins(
    config: Mapping[str, Fields],
    *,
    allow: Sequence[str] | None = None,
    extra: Sequence[object] = (),
    limit_s: float = 15.0,
) -> LoadedPlugins:
    """Load the installed plugins and `extra`, in the order of their names.

    Args:
        config: each plugin's section of retain.yaml.
        allow: names of the installed plugins that may load; None allows all.
        extra: plugin objects that are not installed; their name is `plugin_name`, else `__name__`.
        limit_s: how long one plugin may take to import and to declare.
    """
    found = sorted([*_installed(allow), *map(_local, extra)], key=lambda one: one.info.name)
    infos: list[PluginInfo] = []
    merged = _Merged()
    for one in found:
        try:
            merged.add(one.info.name, _load(one, limit_s), config.get(one.info.name))
        except PluginError as error:
            log.warning("plugin_disabled", plugin=one.info.name, reason=str(error))
            twin = one.info.name in merged.managers
            merged.broken[f"{one.info.name} ({one.info.distribution})" if twin else one.info.name] = str(error)
            infos.append(replace(one.info, disabled=str(error)))
        else:
            infos.append(one.info)
    return LoadedPlugins(merged.registry(), Hooks(merged.managers), tuple(infos))


def _installed(allow: Sequence[str] | None) -> Iterable[_Found]:
    for point in entry_points(group=GROUP):
        if allow is None or point.name in allow:
            name, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
            yield _Found(PluginInfo(point.name, version, name), point.load)


def _local(plugin: object) -> _Found:
    name = getattr(plugin, "plugin_name", None) or getattr(plugin, "__name__", None) or type(plugin).__name__
    return _Found(PluginInfo(str(name), "", ""), lambda: plugin)


def _load(found: _Found, limit_s: float) -> _Declared:
    """Import one plugin and take its declarations, in a thread: an import that hangs costs the limit, no more."""
    name = found.info.name
    future = start(f"retain-load-{name}", _declare, found)
    try:
        return future.result(limit_s)
    except FutureTimeout as error:
        if future.done():  # the plugin raised a TimeoutError of its own
            raise PluginError(f"TimeoutError: {error}", where=f"plugin {name}") from error
        cure = "look for work at import: a plugin must only declare"
        raise PluginError(f"did not load within {limit_s:g} s", where=f"plugin {name}", cure=cure) from None
    except PluginError as error:
        raise PluginError(error.what, where=error.where or f"plugin {name}", cure=error.cure) from error
    except ImportError as error:
        cure = "install what it needs, or remove the plugin"
        raise PluginError(f"cannot be imported: {error}", where=f"plugin {name}", cure=cure) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PluginError(f"{type(error).__name__}: {error}", where=f"plugin {name}") from error


def _declare(found: _Found) -> _Declared:
    manager = _manager(found.get(), found.info.name)
    hook = manager.hook
    declared = _Declared(
        manager,
        actions=_all(hook.register_actions(), Action, "register_actions"),
        event_types=_all(hook.register_event_types(), EventType, "register_event_types"),
        fields=_all(hook.register_fields(), CustomerField, "register_fields"),
        functions=_all(hook.register_functions(), Function, "register_functions"),
        channels=_all(hook.register_channels(), Channel, "register_channels"),
        record_kinds=_all(hook.register_records(), RecordKind, "register_records"),
        pages=_all(hook.register_pages(), Page, "register_pages"),
        checks=[check for checks in hook.register_checks() for check in checks],
        filters={name: call for filters in hook.register_template_filters() for name, call in filters.items()},
        config=next(iter(hook.register_config()), None),
    )
    _check(declared)
    return declared


def _manager(plugin: object, name: str) -> pluggy.PluginManager:
    """A manager for this plugin alone, so that its hooks are called, and can fail, on their own."""
    manager = pluggy.PluginManager("retain")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = [hook for hook in vars(hookspecs) if hasattr(getattr(hookspecs, hook), "retain_spec")]
        unknown = next((hook for hook in vars(manager.hook) if hook not in known and not hook.startswith("_")), "")
        if not unknown:
            raise PluginError(str(error).splitlines()[-1], cure="compare it with retain.hookspecs") from error
        raise PluginError(f"unknown hook {unknown!r}", cure=did_you_mean(unknown, known)) from error
    return manager


def _all(results: Iterable[Iterable[Any]], kind: type[T], hook: str) -> list[T]:
    declared = [one for result in results for one in result]
    wrong = next((one for one in declared if not isinstance(one, kind)), None)
    if wrong is not None:
        raise PluginError(f"{hook} returned a {type(wrong).__name__} instead of a {kind.__name__}")
    return declared


def _check(declared: _Declared) -> None:
    for action in declared.actions:
        check_action(action)
    for event in declared.event_types:
        check_event_type(event)
    for customer_field in declared.fields:
        check_field(customer_field)
    for kind in declared.record_kinds:
        check_record_kind(kind)
    if declared.config is not None:
        check_schema(declared.config, "register_config", of_object=True)
    named = (declared.actions, declared.event_types, declared.fields, declared.functions, declared.channels)
    for group in (*named, declared.record_kinds):
        twice = first_repeated(one.name for one in group)
        if twice:
            raise PluginError(f"{twice!r} is declared twice")


class _Merged:
    """The declarations of all plugins so far."""

    def __init__(self) -> None:
        self.managers: dict[str, pluggy.PluginManager] = {}
        self.broken: dict[str, str] = {}
        self.parts: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
        self.pages: list[Page] = []
        self.checks: dict[str, tuple[Check, ...]] = {}
        self.schemas: dict[str, JsonSchema] = {}
        self.filters: dict[str, Callable[..., Json]] = {}

    def add(self, name: str, declared: _Declared, section: Fields | None) -> None:
        """Take over one plugin as a whole, or refuse it as a whole.

        Raises:
            PluginError: a name is taken, or the plugin's section of retain.yaml does not fit its schema.
        """
        if name in self.managers:
            raise PluginError("another plugin has this name", where=f"plugin {name}", cure="uninstall one of the two")
        self._refuse_taken(name, declared)
        if declared.config is not None:
            self.schemas[name] = declared.config
        if declared.config is not None and section is not None:
            plain = {key: value for key, value in section.items() if key != "project_dir"}
            check_value(plain, declared.config, f"retain.yaml, section of plugin {name}")
        for part in _PARTS:
            for one in getattr(declared, part):
                self.parts[part].setdefault(one.name, replace(one, plugin=name))
        self.pages.extend(replace(page, plugin=name) for page in declared.pages)
        self.checks[name] = tuple(declared.checks)
        self.filters.update(declared.filters)
        self.managers[name] = declared.manager

    def _refuse_taken(self, name: str, declared: _Declared) -> None:
        for part in _PARTS:
            for one in getattr(declared, part):
                taken = self.parts[part].get(one.name)
                shared = part == "event_types" and taken is not None and taken.schema == one.schema
                if taken is not None and not shared:
                    what = f"{one.name!r} is already declared by plugin {taken.plugin}"
                    raise PluginError(what, where=f"plugin {name}", cure="uninstall one of the two, or rename it")
        taken_filter = next((key for key in declared.filters if key in self.filters), "")
        if taken_filter:
            raise PluginError(f"template filter {taken_filter!r} is already declared", where=f"plugin {name}")

    def registry(self) -> Registry:
        """The frozen whole."""
        return Registry(
            **self.parts,
            pages=tuple(self.pages),
            checks=self.checks,
            config_schemas=self.schemas,
            filters=self.filters,
            broken=self.broken,
        )


_PARTS = ("actions", "event_types", "fields", "functions", "channels", "record_kinds")
