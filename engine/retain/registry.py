"""What plugins declare, as values: one declaration gives validation, completion, docs and contract tests.

The registry is a frozen value. `app` builds it from the plugins that loaded and hands it to `language`, `decide` and
`deliver`, so that none of them imports a plugin.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from retain.errors import NotFoundError
from retain.model import Fields, Instant, Json, NewEvent, Problem, Record, Suppress
from retain.store_view import StoreView

JsonSchema: TypeAlias = Mapping[str, Json]
InDoubtPolicy: TypeAlias = Literal["resend", "hold", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a temporary failure is tried again: exponential backoff with jitter between two bounds."""

    first_s: float = 5.0
    factor: float = 3.0
    most_s: float = 3600.0
    give_up_after_s: float = 72 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One worked use of an action: inputs that are valid and the output that stands in where nothing is sent."""

    inputs: Fields
    output: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanges:
    """What a store action wants changed; committed together with the decision."""

    output: Fields = field(default_factory=dict)
    fields: Fields = field(default_factory=dict)  # of the customer; None as a value removes one
    records: tuple[Record, ...] = ()
    events: tuple[NewEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """One claimed effect, ready to be carried out."""

    effect_id: str  # also the idempotency key: the same on every attempt
    action: str
    inputs: Fields
    attempt: int  # 1 for the first
    now: Instant
    rule: str
    run: str
    step: str
    customer_id: int
    customer_key: str
    customer: Fields  # as it is at release
    event: Fields  # of the start, frozen
    steps: Fields  # outputs of earlier steps
    purpose: str  # the consent kind that was checked; "" where the channel needs none
    config: Fields  # the plugin's section of retain.yaml, secrets resolved, and `project_dir`
    trigger: Fields = field(default_factory=dict)  # what `trigger.` names in the rule
    first_failed_at: Instant | None = None  # of an earlier attempt; retries give up by it
    retry: Retry | None = None  # what the step changes of the action's own; None = nothing
    filters: Mapping[str, Callable[..., Json]] = field(default_factory=dict)  # of templates; filled in at dispatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What came of one attempt that did not raise.

    A failure is raised: `TemporaryError`, `PermanentError` or `InDoubtError` of `retain.errors`.
    """

    output: Fields = field(default_factory=dict)
    events: tuple[NewEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectResult:
    """What became of one attempt, as the dispatcher hands it back to the pipeline."""

    effect_id: str
    status: Literal["done", "retry", "dead", "in_doubt"]
    attempt: int = 1
    output: Fields = field(default_factory=dict)
    events: tuple[NewEvent, ...] = ()
    reason: str = ""
    retry_at: Instant | None = None  # for status "retry"
    suppress: Suppress | None = None
    pause_channel: str = ""  # why the whole channel must stop, e.g. the sender is blocked


RunAction: TypeAlias = Callable[[ActionRequest], Awaitable[ActionResult]]
ApplyAction: TypeAlias = Callable[[StoreView, Fields], StoreChanges]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A step that a plugin offers, keyed by a dotted name such as `email.send`.

    Exactly one of `run` (an outside action: async, goes through the outbox) and `apply` (a store action: pure,
    commits with the decision) is given. `inputs` and `output` are JSON Schemas of type object.
    """

    name: str
    summary: str
    inputs: JsonSchema
    example: Example
    output: JsonSchema = field(default_factory=lambda: {"type": "object", "properties": {}})
    run: RunAction | None = None
    apply: ApplyAction | None = None
    channel: str = ""  # a message action names its channel, which names consent, caps and quiet hours
    idempotent: bool = False  # the receiver honours the effect's id
    in_doubt: InDoubtPolicy = "hold"
    retry: Retry = field(default_factory=Retry)
    timeout_s: float = 30.0
    concurrency: int = 8  # at most this many at once
    cost: float = 0.0  # of one use, in the project's currency; `simulate` adds it up
    customer: Literal["required", "none"] = "required"
    record_kinds: frozenset[str] = frozenset()  # kinds that a store action reads or writes
    plugin: str = ""  # filled in by the loader

    @property
    def is_outside(self) -> bool:
        """Whether it goes through the outbox."""
        return self.run is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """An event that a plugin makes or takes: its name and the JSON Schema of its fields."""

    name: str
    summary: str
    schema: JsonSchema
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerField:
    """A customer field that a plugin owns."""

    name: str
    schema: JsonSchema
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the condition language, as an expression text with named parameters.

    `parameters` maps each name to `number`, `text`, `bool`, `duration` or `name` (a bare word such as a programme).
    `body` is a text of the language in which a parameter is written by its name; or a callable that makes the text
    from the arguments and the named configuration (`tiers`, `teams`), for functions over what rule files define.
    """

    name: str
    summary: str
    parameters: Mapping[str, str]
    body: str | Callable[[Mapping[str, Json], Mapping[str, Json]], str]
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way to reach people: which customer field holds the address, and what is checked before a message."""

    name: str
    address_field: str  # of the customer, e.g. "email"
    summary: str = ""
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKind:
    """A kind of the core's `records` table. `shared` records are read by decisions about any customer.

    `closed_by` maps an event's name to its field that holds a record's id: when that event is decided, the record takes
    the last of `states`, whoever sent the event.
    """

    name: str
    summary: str
    schema: JsonSchema
    states: tuple[str, ...] = ("open", "closed")
    shared: bool = False
    closed_by: Mapping[str, str] = field(default_factory=dict)
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A public page that a plugin serves, below `public_url`; it must be safe to show to anyone."""

    path: str
    methods: tuple[str, ...]
    handle: Callable[[PageRequest], PageResponse]
    plugin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """One request for a public page."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    config: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResponse:
    """What a public page answers; `unsubscribe` and `events` are carried out before it is sent."""

    status: int
    html: str
    withdraw: tuple[tuple[str, str], ...] = ()  # (customer key, purpose) pairs whose consent ends
    events: tuple[tuple[str, NewEvent], ...] = ()  # (customer key, event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """`before_effect`: do not carry this effect out, or not before an instant."""

    reason: str
    until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What a plugin's own check of the rules may look at."""

    config: Fields  # the plugin's section of retain.yaml, its secrets hidden
    project_dir: str
    uses: Sequence[ActionUse]  # every step of the rules that uses an action of this plugin
    purposes: Mapping[str, str]  # channel -> the consent that its policy asks for; "" where it asks for none


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionUse:
    """One step that uses an action: its inputs as written and a way to report a problem at the very key."""

    rule: str
    action: str
    inputs: Fields
    events: tuple[str, ...]  # names of the events that can start the rule
    problem: Callable[[str, str, str, str], Problem]  # (input key or "", code, message, help)


Check: TypeAlias = Callable[[CheckContext], Sequence[Problem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Everything that the loaded plugins registered, by name."""

    actions: Mapping[str, Action] = field(default_factory=dict)
    event_types: Mapping[str, EventType] = field(default_factory=dict)
    fields: Mapping[str, CustomerField] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    record_kinds: Mapping[str, RecordKind] = field(default_factory=dict)
    pages: tuple[Page, ...] = ()
    checks: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)  # by plugin
    config_schemas: Mapping[str, JsonSchema] = field(default_factory=dict)  # of retain.yaml, by plugin
    filters: Mapping[str, Callable[..., Json]] = field(default_factory=dict)  # of message templates
    broken: Mapping[str, str] = field(default_factory=dict)  # plugin -> why it is disabled

    def action(self, name: str) -> Action:
        """The action of that name.

        Raises:
            NotFoundError: no loaded plugin offers it.
        """
        found = self.actions.get(name)
        if found is None:
            raise NotFoundError("action", name, self.actions)
        return found
