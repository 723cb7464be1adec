"""The words of Retain as values: what every room passes to the next.

Instants are integers of milliseconds since 1970 UTC, durations integers of milliseconds; texts with zones exist only at
the doors (`retain.instants`). Values are frozen; `Run` and `Effect` are rows of the working set and change in place.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from retain.word import Word

Instant: TypeAlias = int
Millis: TypeAlias = int
Json: TypeAlias = Any  # a decoded JSON value; the one place where Any is given a name
Fields: TypeAlias = Mapping[str, Json]
Severity: TypeAlias = Literal["error", "warning"]
Arm: TypeAlias = Literal["live", "shadow", "holdout"]
LogKind: TypeAlias = Literal["start", "refusal", "effect", "end", "move", "look"]

_NOT_WORD = re.compile(r"[\W_]+")


def slug(name: str) -> str:
    """The one form of an event's name: `Order Completed`, `order-completed`, `order.completed` are `order_completed`.

    NFKC, casefold, every run of characters outside letters and digits becomes one `_`; camelCase is not split.
    """
    return _NOT_WORD.sub("_", unicodedata.normalize("NFKC", name).casefold()).strip("_")


def digest(*parts: str, size: int = 16) -> str:
    """A stable identifier of `size` hexadecimal characters made from texts; the same on every machine and day."""
    joined = "\x1f".join(parts).encode()
    return hashlib.blake2b(joined, digest_size=(size + 1) // 2).hexdigest()[:size]


def share(*parts: str) -> float:
    """A number in [0, 1) made from texts: the hash that splits and holdouts go by."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big") / 2**64


class Outcome(Word):
    """What came of one rule and one cause; all but `started` are refusals with their reason. The order is stored."""

    STARTED = "started"
    QUEUED = "queued"  # waits for the key's live run to end
    PARKED = "parked"  # the rule is paused or its breaker is open; kept for `rules resume`
    OFF = "off"
    TRIGGER = "trigger"  # the trigger's own `if`
    LATE = "late"
    KEY_MISSING = "key_missing"
    CONDITION = "if"
    ALREADY_EXITED = "already_exited"
    AT_MOST = "at_most"
    RUNNING = "running"  # mode: single, and the key has a run
    QUEUE_FULL = "queue_full"
    MERGED_TRIGGER = "other_trigger"  # another trigger of the rule already started it for this cause
    BACKFILL = "backfill"  # already true when the rule came
    CHAIN = "chain"  # a chain of events that rules cause was cut
    REPEATED = "repeated"  # this planned start, or this cause, was already used


class RunState(Word):
    """Where a run stands. A run waits or it has moved; nothing is ever `running` in the store."""

    WAITING = "waiting"  # for an instant
    WAITING_FOR = "waiting_for"  # for an event, at most until wake_at
    ACTING = "acting"  # for the result of an effect
    QUEUED = "queued"  # for the key's other run to end
    PARKED = "parked"  # for `rules resume`
    HELD = "held"  # at a dead letter, or because deciding raised
    WATCHED = "watched"  # its steps are done, its goal is still looked for
    ENDED = "ended"


class EffectState(Word):
    """Where an effect stands, from intent to result."""

    PENDING = "pending"  # decided, not yet claimed
    SENDING = "sending"  # claimed; the mark is committed before the send
    DONE = "done"
    SHADOW = "shadow"  # decided by a shadow or holdout run; answered with the declared example
    REFUSED = "refused"
    CANCELLED = "cancelled"
    DEAD = "dead"  # a dead letter: failed for good, retryable by a person
    IN_DOUBT = "in_doubt"
    DROPPED = "dropped"


class MessageKind(Word):
    """The calls of the Segment spec, and the two that the engine makes itself."""

    TRACK = "track"
    IDENTIFY = "identify"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"
    SET = "set"  # a rule or a person changed fields
    CONSENT = "consent"  # a grant or a withdrawal


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file; line and column start at 1."""

    file: str
    line: int
    column: int
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of `retain check`: where, what, and the cure."""

    place: Place
    code: str  # "E102", "W201"; every code is explained in language/codes/table.py
    message: str
    help: str = ""
    line_text: str = ""  # the source line, for the caret

    @property
    def severity(self) -> Severity:
        """`error` for E codes, `warning` for W codes."""
        return "error" if self.code.startswith("E") else "warning"

    def render(self) -> str:
        """`FILE:LINE:COL: error[E102] message`, the line, a caret under the very place, and the cure."""
        text = f"{self.place}: {self.severity}[{self.code}] {self.message}"
        if self.line_text:
            start = self.place.column - 1
            width = max(1, min(self.place.width, len(self.line_text) - start))
            text += f"\n  {self.line_text}\n  {' ' * start}{'^' * width}"
        return f"{text}\n  help: {self.help}" if self.help else text


class Message(NamedTuple):
    """One message from outside, decoded and typed, not yet accepted.

    `fields` are an event's properties, an identify's or group's traits, or a consent's purpose and answer.
    """

    kind: MessageKind
    name: str  # the event's slug; "" where the kind says it all
    fields: Fields
    occurred_at: Instant  # never after received_at
    received_at: Instant
    source: str  # the name of the write key, "import:FILE", "rule:ID"
    message_id: str  # unique within its source, for ever
    user_id: str = ""
    anonymous_id: str = ""
    email: str = ""  # an address that stands in for an id where neither of the two is given
    previous_id: str = ""  # alias only
    historical: bool = False  # imported history: known, but starts nothing


class Event(NamedTuple):
    """Something that happened to one customer, in the order in which it was accepted."""

    seq: int
    customer: int
    kind: MessageKind
    name: str
    fields: Fields
    occurred_at: Instant
    received_at: Instant
    source: str
    message_id: str
    depth: int = 0  # 0 from outside; one more than its cause where a decision made it
    origin: str = ""  # the run that made it
    historical: bool = False
    merged_from: int | None = None  # an alias or identify that joins two customers: the one that is absorbed
    cause_seq: int | None = None  # the accepted event in whose wake a derived one was decided; None for accepted ones

    @property
    def cause(self) -> str:
        """The identity of this event as the cause of starts: the same in every store and replay."""
        return f"{self.source}:{self.message_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that a decision, a store action or a result makes; `customer` None means the same customer."""

    name: str
    fields: Fields = field(default_factory=dict)
    customer: int | None = None
    kind: MessageKind = MessageKind.TRACK


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a customer before and after an event."""

    field: str
    before: Json
    after: Json


@dataclass(slots=True, kw_only=True)
class Run:
    """One customer in one rule: the row of the store, changed in place by `decide`."""

    id: str
    rule: str
    revision: str  # hash of the text that the run is pinned to
    customer: int
    key: str
    arm: Arm
    state: RunState
    step: str = ""  # path of the step it stands at, e.g. "then[3].else[0]"
    wake_at: Instant | None = None
    started_at: Instant = 0
    started_seq: int = 0
    cause: str = ""
    context: dict[str, Json] = field(default_factory=dict)  # see decide/context.py
    effects: int = 0  # how many effects it has made; numbers their ids
    first_sent_at: Instant | None = None  # what at_most counts
    goal_until: Instant | None = None
    ended_at: Instant | None = None
    ended_by: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it still holds its key."""
        return self.state not in (RunState.ENDED, RunState.WATCHED)


@dataclass(slots=True, kw_only=True)
class Effect:
    """Something to be done outside: the row of the outbox, whose id is the idempotency key."""

    id: str
    run: str
    rule: str
    step: str
    customer: int
    action: str
    channel: str  # "" where the action is not a message
    inputs: dict[str, Json]
    arm: Arm
    state: EffectState
    created_at: Instant
    due_at: Instant
    attempt: int = 0
    sent_at: Instant | None = None  # when it was claimed for sending: what caps count
    reason: str = ""
    output: dict[str, Json] = field(default_factory=dict)
    first_failed_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One full row of the decision log: written from `if` = true onwards, for starts, refusals and effects."""

    at: Instant
    event_seq: int  # 0 where no event caused it
    rule: str
    customer: int
    run: str
    kind: LogKind
    outcome: str
    path: str  # of the clause or step in the rule
    why: str = ""  # paths and codes only; values stand in `values`, which erasure can empty
    values: dict[str, Json] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Record:
    """A thing of a plugin in the core's `records` table: a task, a lead, a turn."""

    kind: str
    id: str
    customer: int | None = None
    owner: str = ""
    state: str = ""
    due_at: Instant | None = None
    fields: dict[str, Json] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress:
    """Attached to a `PermanentError` as `.suppress`: never write to this address on this channel again."""

    channel: str
    address: str
    reason: str
