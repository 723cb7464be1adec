"""A small world to decide in: the shipped plugins, a few actions that tests can steer, and rules given as text."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cache
from textwrap import dedent

from retain.decide.facts import OUTCOMES
from retain.deliver.loading import load_plugins
from retain.errors import PermanentError
from retain.instants import parse_instant
from retain.language.load.files import load_rules
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.rules import RuleSet
from retain.language.schemas.fields import load_schema
from retain.language.types import Schema
from retain.model import Effect, Event, Fields, Instant, Json, Message, NewEvent, Record, Run
from retain.registry import (
    Action,
    ActionRequest,
    ActionResult,
    CustomerField,
    EventType,
    Example,
    RecordKind,
    Registry,
    StoreChanges,
)
from retain.store.store import Store
from retain.store_view import StoreView
from retain.testing.virtual import Answer, VirtualEngine

_TEXT: Json = {"type": "string"}
_ANY: Json = {"k": {"type": ["string", "null"]}, "n": {"type": ["number", "null"]}}


def instant(text: str) -> Instant:
    """An ISO text as an instant."""
    found = parse_instant(text)
    assert found is not None, text
    return found


NOON = instant("2026-01-05T12:00:00Z")  # a Monday


async def _post(request: ActionRequest) -> ActionResult:
    return ActionResult(output={"id": request.effect_id})


def _note(view: StoreView, inputs: Fields) -> StoreChanges:
    return StoreChanges(output={"text": inputs["text"], "by": view.customer_key})


def _turn(view: StoreView, inputs: Fields) -> StoreChanges:
    """Give out the next number of one counter that all customers share, and report it."""
    known = view.record("turn", "main")
    number = (known.fields["n"] if known is not None else 0) + 1
    return StoreChanges(
        output={"n": number},
        fields={"turn": number},
        records=(Record(kind="turn", id="main", state="open", fields={"n": number}),),
        events=(NewEvent(name="turn_taken", fields={"n": number}),),
    )


def _tell(view: StoreView, inputs: Fields) -> StoreChanges:
    """Make an event of the customer with a number, whoever the run is about."""
    return StoreChanges(events=(NewEvent(name="x", customer=int(inputs["customer"])),))


class Tier(StrEnum):
    """Values of a plugin's own type."""

    GOLD = "gold"


def _label(view: StoreView, inputs: Fields) -> StoreChanges:
    """Set a field to a value of a type that is no JSON's but becomes it; `junk` is none."""
    given = object() if inputs["text"] == "junk" else Tier.GOLD
    return StoreChanges(output={"tiers": (given,)}, fields={"tier": given})


def _refuse(view: StoreView, inputs: Fields) -> StoreChanges:
    raise PermanentError("it cannot be done")


def _crash(view: StoreView, inputs: Fields) -> StoreChanges:
    if view.customer.get("poison"):
        raise RuntimeError("a fault of the plugin")
    return StoreChanges()


def _crash_always(view: StoreView, inputs: Fields) -> StoreChanges:
    raise RuntimeError("a fault of the plugin")


def _action(name: str, *inputs: str, **given: Json) -> Action:
    schema = {"type": "object", "properties": dict.fromkeys(inputs, _TEXT), "required": list(inputs)}
    example = Example(inputs=dict.fromkeys(inputs, "x"), output=given.pop("output", {}))
    output = {"type": "object", "properties": {name: {"type": ["string", "number", "null"]} for name in example.output}}
    return Action(
        name=name, summary=name, plugin="test", inputs=schema | {"additionalProperties": False}, output=output,
        example=example, **given,
    )  # fmt: skip


ACTIONS = (
    _action("post.it", "text", run=_post, output={"id": "p1"}),
    _action("post.again", "text", run=_post, in_doubt="resend"),
    _action("post.skip", "text", run=_post, in_doubt="skip"),
    _action("post.nobody", "text", run=_post, customer="none"),
    _action("note.write", "text", apply=_note, output={"text": "x", "by": "x"}),
    _action("turn.take", apply=_turn, output={"n": 1}, record_kinds=frozenset({"turn"})),
    _action("tell.other", "customer", apply=_tell),
    _action("label.put", "text", apply=_label),
    _action("fail.now", apply=_refuse),
    _action("crash.now", apply=_crash),
    _action("crash.always", apply=_crash_always),
)
EVENTS = ("a", "b", "c", "x", "y", "z", "turn_taken", "nps_answered")
FIELDS: Mapping[str, Json] = {
    "score": {"type": ["number", "null"]},
    "stage": {"type": ["number", "null"]},
    "turn": {"type": ["number", "null"]},
    "ltv": {"type": ["number", "null"]},
    "activated": {"type": ["boolean", "null"]},
    "poison": {"type": ["boolean", "null"]},
    "renews_at": {"type": ["string", "null"], "format": "date"},
    "home_zone": {"type": ["string", "null"]},
    "tier": {"type": ["string", "null"]},
}


@cache
def registry() -> Registry:
    """The shipped plugins and the actions, events and fields of this module."""
    shipped = load_plugins({}).registry
    events = {name: EventType(name=name, summary="", schema={"type": "object", "properties": _ANY}) for name in EVENTS}
    kind = RecordKind(name="turn", summary="", schema={"type": "object"}, shared=True)
    return replace(
        shipped,
        actions={**shipped.actions, **{action.name: action for action in ACTIONS}},
        event_types={**shipped.event_types, **events},
        fields={**shipped.fields, **{name: CustomerField(name=name, schema=FIELDS[name]) for name in FIELDS}},
        record_kinds={**shipped.record_kinds, "turn": kind},
    )


@cache
def schema() -> Schema:
    """The shipped schemas with what `registry` adds."""
    found, problems = load_schema([], registry())
    assert not problems, [problem.render() for problem in problems]
    return found


@cache
def ruleset(*texts: str) -> RuleSet:
    """Rule files without errors; a text may leave out `version: 1`."""
    files = [(f"rules{number}.yaml", f"version: 1\n{dedent(text)}") for number, text in enumerate(texts, 1)]
    found, problems = load_rules(files, schema(), registry())
    errors = [problem.render() for problem in problems if problem.severity == "error"]
    assert not errors, "\n".join(errors)
    return found


def plan(*texts: str, **defaults: Json) -> Plan:
    """Rule files ready to decide with; `defaults` are fields of `Defaults`."""
    return make_plan(ruleset(*texts), schema(), registry(), Defaults(**defaults))


def engine(
    *texts: str,
    start: Instant = NOON,
    batch: int = 50,
    answers: Mapping[str, Sequence[Answer]] | None = None,
    **defaults: Json,
) -> VirtualEngine:
    """An engine on a virtual clock with these rules."""
    script = {action: deque(given) for action, given in (answers or {}).items()}
    return VirtualEngine(plan(*texts, **defaults), start, batch, script)


def together(world: VirtualEngine, *messages: Message) -> None:
    """Decide messages that were received in one request."""
    world.send(*messages)


def done(world: VirtualEngine, *, arm: str = "live") -> list[str]:
    """The actions that were carried out so far, in order."""
    return [performed.action for performed in world.performed if performed.arm == arm]


def said(world: VirtualEngine) -> list[Json]:
    """The texts of the notes and posts that were carried out so far, in order."""
    return [performed.inputs["text"] for performed in world.performed if "text" in performed.inputs]


def runs(world: VirtualEngine, rule: str | None = None) -> list[Run]:
    """All runs, oldest first."""
    found = world.store.list_runs(rule=rule, limit=10_000)
    return sorted(found, key=lambda run: (run.started_at, run.started_seq, run.id))


def ends(world: VirtualEngine, rule: str | None = None) -> list[str]:
    """What ended each run, oldest first; "" where it lives."""
    return [run.ended_by for run in runs(world, rule)]


def effects(world: VirtualEngine) -> list[Effect]:
    """All effects in the order of their runs and steps."""
    place = {run.id: number for number, run in enumerate(runs(world))}
    return sorted(world.store.list_effects(limit=10_000), key=lambda effect: (place[effect.run], effect.id))


def events(store: Store) -> list[Event]:
    """All events, those of decisions too, in the order of the store."""
    return store.events_after(0, 10_000, from_outside=False)


def outcomes(world: VirtualEngine, rule: str) -> dict[str, int]:
    """How often each outcome was judged for a rule."""
    return {outcome: count for (name, outcome), count in world.tally.items() if name == rule and count}


def last_refusal(world: VirtualEngine) -> tuple[str, str]:
    """Outcome and path of the newest refusal with a row of its own."""
    row = [row for row in world.decisions() if row.kind == "refusal"][-1]
    return row.outcome, row.path


OUTCOME_NAMES = tuple(outcome.value for outcome in OUTCOMES)
