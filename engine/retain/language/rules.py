"""What rule files hold, as values: loaded, checked and ready to decide with. `language.load` makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import cached_property
from typing import Literal, TypeAlias

from retain.language.condition import Condition, Expression, Needs, Pinned
from retain.language.template import Template
from retain.language.time.schedules import Calendar, Cron, FieldSchedule
from retain.model import Json, Millis, Place, digest
from retain.registry import ActionUse

Mode: TypeAlias = Literal["single", "restart", "queue", "parallel"]
Status: TypeAlias = Literal["live", "shadow", "off"]
OnChange: TypeAlias = Literal["finish", "move", "exit"]
OnError: TypeAlias = Literal["stop", "continue", "steps"]
IfMissed: TypeAlias = Literal["run_once", "skip", "run_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """`event: NAME` happened, its own `if` held, and the fields of `same` equal those of the starting event."""

    path: str  # "when[0]", "exit_when[1]", "goal", "then[2].wait_for"
    event: str
    condition: Condition | None = None
    same: tuple[str, ...] = ()
    place: Place


@dataclass(frozen=True, kw_only=True)
class BecomesTrigger:
    """The conditions turned true for the customer and stayed so for `held`; a level in exit_when and goal."""

    path: str
    condition: Condition
    held: Millis = 0
    backfill: bool = False
    state_id: str = ""  # the id of the rule under which its state is kept; "" where it is a level
    place: Place

    @cached_property
    def watch(self) -> str:
        """The identity of its state: a digest of the rule's id and of what the condition means."""
        return digest(self.state_id, self.condition.key) if self.state_id else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTrigger:
    """A planned instant: by cron, or by a date field of each customer."""

    path: str
    cron: Cron | None = None
    field_schedule: FieldSchedule | None = None
    timezone: str = ""  # a zone name; "" is the account's
    timezone_field: str = ""  # a customer field that names the zone, e.g. "timezone"
    each: Condition | None = None  # members; None with cron = one start without a customer
    if_missed: IfMissed = "run_once"
    within: Millis | None = None  # how late a start may be
    place: Place


Trigger: TypeAlias = EventTrigger | BecomesTrigger | ScheduleTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`N per D`."""

    count: int
    per: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How runs are counted and what a second start with the same key does."""

    per: str = ""  # "event.cart_id", "customer.company"; "" is the customer
    mode: Mode = "single"
    at_most: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What counts as success, within how long of the start."""

    trigger: EventTrigger | BecomesTrigger
    within: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStep:
    """An action of a plugin."""

    path: str  # "then[0]", "then[3].else[1]"
    id: str = ""
    place: Place
    action: str
    inputs: Template
    on_error: OnError = "stop"
    error_steps: tuple[Step, ...] = ()
    retry: Mapping[str, Json] = field(default_factory=dict)  # overrides of the action's Retry, by its field names


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStep:
    """A duration, or until a local time; with a calendar the duration counts business time."""

    path: str
    id: str = ""
    place: Place
    duration: Template | None = None  # renders to milliseconds
    until: Template | None = None  # renders to a text that `schedules.until` reads
    clock: str = ""  # name of a calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForStep:
    """An event or a level, at most `up_to`; then `then`, else `otherwise`."""

    path: str
    id: str = ""
    place: Place
    trigger: EventTrigger | BecomesTrigger
    up_to: Millis
    clock: str = ""
    since: Literal["step", "start"] = "step"
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IfStep:
    """`then` where the condition is true, else `otherwise`; unknown goes there too."""

    path: str
    id: str = ""
    place: Place
    condition: Condition
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One arm of a split; weights add to 100."""

    name: str
    weight: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitStep:
    """Branches by hash of customer, rule and split id."""

    path: str
    id: str
    place: Place
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStep:
    """New values of customer fields."""

    path: str
    id: str = ""
    place: Place
    fields: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitStep:
    """An event of the same customer, decided directly after this decision."""

    path: str
    id: str = ""
    place: Place
    event: str
    data: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStep:
    """The end of the run, with a reason for people."""

    path: str
    id: str = ""
    place: Place
    reason: str = ""


Step: TypeAlias = ActionStep | WaitStep | WaitForStep | IfStep | SplitStep | SetStep | EmitStep | StopStep


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule, checked. What its runs are pinned to is worked out when it is first asked for: a check never asks."""

    id: str
    place: Place
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    status: Status = "live"
    was: str = ""  # the id it had before it was renamed
    triggers: tuple[Trigger, ...]
    condition: Condition | None = None
    runs: Runs = field(default_factory=Runs)
    exit_when: tuple[EventTrigger | BecomesTrigger, ...] = ()
    goal: Goal | None = None
    holdout: float = 0.0  # share of customers, 0 to 1
    breaker: Limit | None = None
    liveness: Limit | None = None
    steps: tuple[Step, ...]
    on_change: OnChange = "finish"
    calendars: Mapping[str, Calendar] = field(default_factory=dict)  # those that its waits name, pinned with it
    allow: tuple[str, ...] = ()  # codes of warnings that its author has read and keeps as they are
    uses: tuple[ActionUse, ...] = ()  # its steps that are actions of plugins, for the checks of those
    pin: Callable[[Rule], Pinned] = field(repr=False, compare=False)

    @cached_property
    def revision(self) -> str:
        """The name of its text, with all that a waiting run is pinned to."""
        return self.pin(self).revision

    @cached_property
    def source(self) -> Mapping[str, Json]:
        """The rule as written, and the segments, metrics and calendars that it names."""
        return self.pin(self).source

    @cached_property
    def needs(self) -> Needs:
        """The facts that anything in it reads."""
        return self.pin(self).needs


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """A daily span in the customer's zone, possibly over midnight, in which messages wait."""

    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a channel asks of every message: consent, caps, quiet hours. Belongs to channels, so no rule forgets it."""

    channel: str
    consent: str = ""  # the purpose that must be granted; "" where none is needed
    unknown: Literal["allow", "refuse"] = "refuse"  # where no answer is recorded
    caps: tuple[Limit, ...] = ()  # per customer
    quiet: QuietHours | None = None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A named condition over customers; membership is two-valued."""

    name: str
    description: str = ""
    condition: Condition
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A named expression, evaluated once a decision."""

    name: str
    text: str
    place: Place
    description: str = ""
    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Everything under one project's rules folder; rules with an error are left out and named in `disabled`."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    segments: Mapping[str, Segment] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    teams: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    tiers: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    tests: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)  # rule id -> first error
