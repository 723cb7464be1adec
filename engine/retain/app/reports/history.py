"""Everything about one customer in one order: events, what they changed, what the rules decided, runs and effects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from json import dumps

from retain.app.reports.asof import place_of
from retain.app.reports.occasions import decode_changes
from retain.app.reports.outcomes import outcomes_of
from retain.decide.starts import SUMMARY_ONLY
from retain.instants import format_instant
from retain.model import DecisionRow, Effect, EffectState, Event, Instant, Json, MessageKind, Outcome
from retain.store.rows import CustomerRow
from retain.store.store import Store

KINDS = ("event", "change", "start", "refusal", "effect", "end", "move")
_ALL = 1_000_000
_LAST = (1 << 60, 0)  # behind the events of an instant
_OPEN = frozenset({EffectState.PENDING, EffectState.SENDING})
_SETTLED = frozenset({"done", "shadow", "applied"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a customer's history: when, of what kind, about which rule and run, and what it is."""

    at: Instant
    kind: str
    text: str
    rule: str = ""
    run: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The entry for machines."""
        return {
            "at": format_instant(self.at),
            "kind": self.kind,
            "text": self.text,
            "rule": self.rule,
            "run": self.run,
            "values": dict(self.values),
        }


def history_of(
    store: Store,
    row: CustomerRow,
    *,
    since: Instant | None = None,
    until: Instant | None = None,
    rules: Collection[str] = (),
    refusals: bool = False,
) -> list[Entry]:
    """A customer's history, oldest first, in the order in which it was decided.

    Args:
        since: half-open with `until`, by the instant of receipt or decision.
        rules: only what concerns these, with all events; none = all.
        refusals: also the starts that a rule's own `if` or trigger refused; there are many.
    """
    entries: list[tuple[Instant, tuple[int, int], Entry]] = []
    places: dict[int, tuple[int, int]] = {}
    texts = {one.number: one.rule for one in store.list_revisions()}
    for event in store.events_of(row.id, limit=_ALL):
        places[event.seq] = place_of(event)
        if not _within(event.received_at, since, until):
            continue
        for entry in _of_event(store, event, texts, refusals=refusals):
            entries.append((entry.at, places[event.seq], entry))
    effects = {(effect.run, effect.step): effect for effect in store.list_effects(customer=row.id, limit=_ALL)}
    for decision in store.decisions_of(customer=row.id, since=since, until=until, limit=_ALL)[::-1]:
        entry = _of_decision(decision, effects)
        place = places.get(decision.event_seq, _LAST)
        entries.append((entry.at, place, entry))
    for effect in effects.values():
        if effect.state in _OPEN and _within(effect.created_at, since, until):
            text = (
                f"{effect.rule}: {effect.action} {effect.state.value}{f' ({effect.reason})' if effect.reason else ''}"
            )
            waiting = Entry(effect.created_at, "effect", text, effect.rule, effect.run, effect.inputs)
            entries.append((effect.created_at, _LAST, waiting))
    entries.sort(key=lambda one: one[:2])
    return [entry for *_, entry in entries if not rules or not entry.rule or entry.rule in rules]


def _within(at: Instant, since: Instant | None, until: Instant | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def _of_event(store: Store, event: Event, texts: Mapping[int, str], *, refusals: bool) -> Iterator[Entry]:
    """The event, what it changed, and where asked for the starts that it did not cause."""
    is_update = event.kind in (MessageKind.IDENTIFY, MessageKind.SET, MessageKind.GROUP)
    name = event.kind.value if is_update else event.name or event.kind.value
    late = "" if event.occurred_at == event.received_at else f", occurred {format_instant(event.occurred_at)}"
    imported = ", imported" if event.historical else ""
    made = f", made by run {event.origin}" if event.origin else ""
    values = {} if is_update else event.fields
    yield Entry(event.received_at, "event", f"{name}{made}{late}{imported}", run=event.origin, values=values)
    summary = store.summary_of(event.seq)
    if summary is None:
        yield Entry(event.received_at, "change", "not decided: it is queued, or was put aside")
        return
    changes = decode_changes(summary.changes) if summary.changes else []
    for name, before, after in changes:
        yield Entry(event.received_at, "change", f"{name}: {_shown(before)} to {_shown(after)}", run=event.origin)
    if is_update and not changes:
        yield Entry(event.received_at, "change", "nothing changed")
    for number, outcome, clause in outcomes_of(store, summary) if refusals else ():
        if outcome in SUMMARY_ONLY and outcome is not Outcome.MERGED_TRIGGER and number in texts:
            where = f" {clause + 1}" if outcome is Outcome.CONDITION and clause >= 0 else ""
            text = f"{texts[number]} not started: {outcome.value}{where}"
            yield Entry(event.received_at, "refusal", text, texts[number])


def _of_decision(row: DecisionRow, effects: Mapping[tuple[str, str], Effect]) -> Entry:
    why = f" ({row.why})" if row.why else ""
    if row.kind == "start":
        return Entry(row.at, "start", f"{row.rule} {row.outcome}{why}", row.rule, row.run)
    if row.kind == "refusal":
        return Entry(row.at, "refusal", f"{row.rule} not started: {row.outcome}{why}", row.rule)
    if row.kind == "end":
        return Entry(row.at, "end", f"{row.rule} ended by {row.outcome}", row.rule, row.run)
    effect = effects.get((row.run, row.path))
    values: Mapping[str, Json] = effect.inputs if effect is not None else row.values
    if row.kind == "effect":
        action = effect.action if effect is not None else row.path
        text = f"{row.rule}: {action} {row.outcome}" + (why if row.outcome not in _SETTLED else "")
        return Entry(row.at, "effect", text, row.rule, row.run, values)
    return Entry(row.at, "move", f"{row.rule}: {row.path} {row.outcome}{why}", row.rule, row.run, values)


def _shown(value: Json) -> str:
    return "missing" if value is None else value if isinstance(value, str) else dumps(value, ensure_ascii=False)
