"""The forms of what a test says: a value of another form is a failure that says which one is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from retain.model import Json
from retain.testing.names import Wrong

Form: TypeAlias = tuple[Callable[[Json], bool], str]  # whether a value has it, and how it is written


def _is_map(value: Json) -> bool:
    return isinstance(value, Mapping)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are(one: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, list) and all(map(one, value))


def _or_nothing(one: Callable[[Json], bool]) -> Callable[[Json], bool]:
    return lambda value: value is None or one(value)


def _is_customer(value: Json) -> bool:
    consent = value.get("consent") if _is_map(value) else ""
    return (consent is None or _is_map(consent)) and _is_id(value.get("id", "c1"))


def _is_id(value: Json) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _is_expected(item: Json) -> bool:
    if not _is_map(item):
        return _is_text(item)
    return all(key == "customer" or value is None or _is_map(value) for key, value in item.items())


_COUNT: Form = _is_count, "a whole number"
_SETTING: Mapping[str, Form] = {
    "rule": (lambda value: value is None or _is_text(value) or _are(_is_text)(value), "a name, or a list of names"),
    "status": (_or_nothing(_is_text), "live, shadow or off"),
    "customer": (_or_nothing(_is_customer), "a map of fields, with an id or none"),
    "customers": (_or_nothing(_are(_is_customer)), "a list of maps of fields, each with an id"),
    "consent": (_or_nothing(_is_map), "a map such as {marketing: true}"),
    "policy": (_or_nothing(_is_map), "a map of channels"),
    "results": (_or_nothing(_is_map), "a map of actions"),
    "steps": (_or_nothing(_are(lambda value: True)), "a list of maps such as {at: 1h, expect: []}"),
}
_STEP: Mapping[str, Form] = {
    "down": (lambda value: isinstance(value, list) and len(value) == 2, "two instants: [30m, 5d]"),
    "customer": (_is_id, "an id"),
    "event": (_is_text, "a name"),
    "data": (_or_nothing(_is_map), "a map of fields"),
    "times": _COUNT,
    "set": (_is_map, "a map of fields"),
    "consent": (_is_map, "a map such as {marketing: true}"),
    "alias": (
        lambda value: _is_map(value) and all(_is_id(value.get(end)) for end in ("from", "to")),
        "a map: {from: ID, to: ID}",
    ),
    "result": (_or_nothing(_is_map), "a map of actions"),
    "expect": (_are(_is_expected), "a list of actions, each its name or {name: {input: value}}"),
    "refused": (lambda value: _is_text(value) or _is_map(value) or _are(_is_map)(value), "a reason, a map or a list"),
    "held": (_is_text, "a reason"),
    "ended_by": (_is_text, "one of what ends a run"),
    "ended": (_is_map, "a map such as {done: 2}"),
    "started": _COUNT,
    "branch": (_is_text, "a name"),
    "converted": _COUNT,
    "dead": (_is_map, "a map such as {email.send: 1}"),
    "fields": (_is_map, "a map of fields"),
    "segments": (_is_map, "a map such as {vip: true}"),
    "arm": (_is_text, "live, shadow or holdout"),
}


def misshapen(test: Mapping[str, Json]) -> Iterator[Wrong]:
    """Every value of a test that has not its form, in written order."""
    yield from _unfit(test, _SETTING, -1)
    steps = test.get("steps")
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        if _is_map(step):
            yield from _unfit(step, _STEP, number)


def _unfit(given: Mapping[str, Json], forms: Mapping[str, Form], step: int) -> Iterator[Wrong]:
    for key, (has_form, form) in forms.items():
        if key in given and not has_form(given[key]):
            yield Wrong(step, f"{key} is {given[key]!r}; write {form}")
