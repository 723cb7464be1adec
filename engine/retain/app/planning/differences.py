"""What two worlds do otherwise, person by person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from retain.app.planning.worlds import Act, Deed, World
from retain.app.reports.reading import short_key
from retain.instants import DAY
from retain.model import Instant, Json
from retain.store.store import Store

K = TypeVar("K")
_ALL = 1 << 31


class Count(NamedTuple):
    """One number on both sides."""

    before: int
    after: int


class Told(NamedTuple):
    """One message to come: when, from which rule, by which action, with which inputs."""

    at: Instant
    rule: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What one rule does otherwise with one person.

    Args:
        acts: of each act that differs in number, how often it is done.
        reworded: acts done as often, with other inputs or another text.
        moved: acts done as often with the same inputs, at other times.
        fates: of each way to end that differs in number, how many runs end so.
    """

    rule: str
    starts: Count
    acts: Mapping[str, Count] = field(default_factory=dict)
    reworded: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    fates: Mapping[str, Count] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person with whom something goes otherwise.

    Args:
        fields: each customer field that ends up otherwise, before and after.
        records: by kind, such as task or lead, state and owner of those that end up otherwise, before and after.
        next_message: the next one on both sides, where they differ.
    """

    customer: str
    rules: tuple[Difference, ...] = ()
    fields: Mapping[str, tuple[Json, Json]] = field(default_factory=dict)
    records: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    next_message: tuple[Told | None, Told | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two worlds over the same time.

    Args:
        starts: runs by rule.
        acts: by rule and act.
        days: messages on each day, by the day's first instant.
    """

    start: Instant
    end: Instant
    people: tuple[Person, ...]
    starts: Mapping[str, Count]
    acts: Mapping[tuple[str, str], Count]
    days: Mapping[Instant, Count]


def compare(
    base: World, head: World, start: Instant, end: Instant, renamed: Mapping[str, str], *, is_to_come: bool = False
) -> Comparison:
    """Everything that the two worlds did otherwise between two instants.

    Args:
        is_to_come: whether each person's first message in it is the next one.
        renamed: the present id of each rule that was renamed, by its former one.
    """
    before = {name: _named(deed, renamed) for name, deed in base.log.deeds().items()}
    kept = {name: rule for name, rule in renamed.items() if name not in head.pipeline.plan.rules}
    after = {name: _named(deed, kept) for name, deed in head.log.deeds().items()}  # who waits keeps the former name
    return Comparison(
        start=start,
        end=end,
        people=tuple(_people(base, head, before, after, is_to_come=is_to_come)),
        starts=_counts(
            (deed.rule for deed in before.values() if deed.started_at >= start),
            (deed.rule for deed in after.values() if deed.started_at >= start),
        ),
        acts=_counts(_acts(before.values()), _acts(after.values())),
        days=_counts(_days(before.values()), _days(after.values())),
    )


def _people(
    base: World, head: World, before: Mapping[str, Deed], after: Mapping[str, Deed], *, is_to_come: bool
) -> list[Person]:
    stores = (base.store, head.store)
    numbers = {deed.customer for deed in (*before.values(), *after.values())} | base.log.touched | head.log.touched
    now_called = _survivors(head.store, numbers)
    by_person: dict[int, dict[str, tuple[dict[str, Deed], dict[str, Deed]]]] = defaultdict(dict)
    for side, deeds in enumerate((before, after)):
        for name, deed in deeds.items():
            rules = by_person[now_called[deed.customer]]
            rules.setdefault(deed.rule, ({}, {}))[side][name] = deed
    fields = _fields(stores, {now_called[number] for number in base.log.touched | head.log.touched})
    records = _records((base, head))
    found = []
    for number in sorted({*by_person, *fields, *records}):
        rules = by_person.get(number, {})
        differences = [_difference(rule, *rules[rule]) for rule in sorted(rules)]
        person = Person(
            customer=_name(head.store, number),
            rules=tuple(one for one in differences if one is not None),
            fields=fields.get(number, {}),
            records=records.get(number, {}),
            next_message=_next_messages(rules.values()) if is_to_come else None,
        )
        if person.rules or person.fields or person.records:
            found.append(person)
    return sorted(found, key=lambda person: (not person.customer.isdigit(), len(person.customer), person.customer))


def _difference(rule: str, before: Mapping[str, Deed], after: Mapping[str, Deed]) -> Difference | None:
    """What differs between two sets of runs; None where the person would notice nothing.

    That an act is refused at another time, or that a run ends otherwise, is told of people who notice something else.
    """
    old, new = _by_act(before.values()), _by_act(after.values())
    numbers = {what: Count(len(old.get(what, ())), len(new.get(what, ()))) for what in sorted({**old, **new})}
    done = [what for what, count in numbers.items() if count.before == count.after and old[what][0].is_done]
    reworded = [what for what in done if Counter(_details(old[what])) != Counter(_details(new[what]))]
    moved = [what for what in done if what not in reworded and sorted(old[what]) != sorted(new[what])]
    differing = {what: count for what, count in numbers.items() if count.before != count.after}
    starts = Count(len(before), len(after))
    noticed = any((old.get(what) or new[what])[0].is_done for what in differing)
    if not (noticed or reworded or moved or starts.before != starts.after):
        return None
    fates = _counts((deed.fate for deed in before.values()), (deed.fate for deed in after.values()))
    return Difference(
        rule=rule,
        starts=starts,
        acts=differing,
        reworded=tuple(sorted(reworded)),
        moved=tuple(sorted(moved)),
        fates={fate: count for fate, count in fates.items() if count.before != count.after},
    )


def _by_act(deeds: Iterable[Deed]) -> dict[str, list[Act]]:
    found: dict[str, list[Act]] = defaultdict(list)
    for deed in deeds:
        for act in deed.acts:
            found[act.what].append(act)
    return dict(found)


def _details(acts: Iterable[Act]) -> Iterable[str]:
    return (act.detail for act in acts)


def _named(deed: Deed, renamed: Mapping[str, str]) -> Deed:
    return deed._replace(rule=renamed[deed.rule]) if deed.rule in renamed else deed


def _next_messages(
    rules: Iterable[tuple[Mapping[str, Deed], Mapping[str, Deed]]],
) -> tuple[Told | None, Told | None] | None:
    sides: tuple[list[Told], list[Told]] = ([], [])
    for deeds in rules:
        for side, found in zip(deeds, sides, strict=True):
            for deed in side.values():
                found += [Told(act.at, deed.rule, act.what, act.detail) for act in deed.acts if act.channel]
    before, after = (min(found, default=None) for found in sides)
    return None if before == after else (before, after)


def _survivors(store: Store, numbers: Iterable[int]) -> dict[int, int]:
    """The customer that each number stands for by now, merges followed."""
    found = {number: number for number in numbers}
    waiting = set(found.values()) - {0}
    while waiting:
        merged = {row.id: row.merged_into for row in store.customers(sorted(waiting)).values() if row.merged_into}
        found = {number: merged.get(place, place) or place for number, place in found.items()}
        waiting = {place for place in merged.values() if place}
    return found


def _fields(stores: tuple[Store, Store], numbers: Iterable[int]) -> dict[int, dict[str, tuple[Json, Json]]]:
    before, after = (store.customers(sorted(numbers)) for store in stores)
    found = {}
    for number in {*before, *after}:
        old = before[number].fields if number in before else {}
        new = after[number].fields if number in after else {}
        changed = {
            name: (old.get(name), new.get(name)) for name in sorted({**old, **new}) if old.get(name) != new.get(name)
        }
        if changed:
            found[number] = changed
    return found


def _records(
    worlds: tuple[World, World],
) -> dict[int, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Records by what they say, not by id: an id follows the place of its step in the text."""
    sides: list[dict[tuple[int, str], list[str]]] = []
    for world in worlds:
        held: dict[tuple[int, str], list[str]] = defaultdict(list)
        for kind in world.pipeline.plan.registry.record_kinds:
            for one in world.store.list_records(kind, limit=_ALL):
                if one.customer is not None:
                    held[one.customer, kind].append(f"{one.state} {one.owner}".strip())
        sides.append(held)
    found: dict[int, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(dict)
    for number, kind in sorted({*sides[0], *sides[1]}):
        old, new = (tuple(sorted(held.get((number, kind), ()))) for held in sides)
        if old != new:
            found[number][kind] = (old, new)
    return found


def _name(store: Store, number: int) -> str:
    row = store.customers([number]).get(number)
    return "-" if row is None else short_key(row.key)


def _acts(deeds: Iterable[Deed]) -> Iterable[tuple[str, str]]:
    return ((deed.rule, act.what) for deed in deeds for act in deed.acts)


def _days(deeds: Iterable[Deed]) -> Iterable[Instant]:
    return (act.at // DAY * DAY for deed in deeds for act in deed.acts if act.channel)


def _counts(before: Iterable[K], after: Iterable[K]) -> dict[K, Count]:
    old, new = Counter(before), Counter(after)
    return {name: Count(old[name], new[name]) for name in sorted({*old, *new}, key=str)}
