"""What the store hands out and takes in: plain values, one batch at a time."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from retain.model import DecisionRow, Effect, Event, Instant, Json, Record, Run


@dataclass(slots=True)
class CustomerRow:
    """One customer as stored. `watches` is the packed state of `becomes` and of field schedules (decide/watches.py)."""

    id: int
    key: str  # stable name: "user:17", "anonymous:…", "email:…"; what hashes go by
    fields: dict[str, Json]
    stamps: dict[str, Instant]  # occurred_at of each field's last writer
    first_seen: Instant
    watches: dict[str, Json] = field(default_factory=dict)
    recheck_at: Instant | None = None
    merged_into: int | None = None  # written by a Merge only
    first_seq: int = 0  # the accepted event that made the customer: the one that fires customer_created; 0 for none


class Accepted(NamedTuple):
    """What came of one message: its place in the order, or that it was known already."""

    seq: int
    customer: int
    duplicate: bool = False


class Summary(NamedTuple):
    """The one packed row per decided event: (revision number, outcome number, clause) per rule looked at."""

    event_seq: int  # negative: the derived event with that working number in the same batch
    at: Instant
    packed: bytes
    changes: bytes = b""  # JSON list of [field, before, after]; empty where nothing changed


@dataclass(frozen=True, slots=True)
class Merge:
    """One customer absorbed by another: its identities, events, runs, effects, records and consents move.

    The absorbed customer's own row is emptied; the survivor's merged fields stand in `Batch.customers`
    (`retain.traits.merge_traits`, before the traits of the event that joins the two).
    """

    loser: int
    survivor: int
    at: Instant


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One answer about one purpose; the newest by `at` counts, of equal ones the withdrawal."""

    customer: int
    purpose: str
    granted: bool
    at: Instant
    source: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """An address that must never be written to on a channel; kept as a keyed hash once the person is erased."""

    channel: str
    address: str  # normalised: casefolded for e-mail
    reason: str
    at: Instant


_NOTHING_TO_WRITE = frozenset({"watermark", "starts", "about", "paused"})


@dataclass(slots=True, kw_only=True)
class Batch:
    """All that one step of the pipeline writes, in one transaction."""

    watermark: int | None = None  # every accepted event up to this seq is decided
    customers: list[CustomerRow] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)  # derived, with negative working numbers; the store numbers them
    posted: list[Event] = field(default_factory=list)  # made for another customer: numbered, decided in their own turn
    runs: list[Run] = field(default_factory=list)  # inserted or replaced by id
    effects: list[Effect] = field(default_factory=list)  # inserted or replaced by id
    cancel_effects_of: list[tuple[str, str]] = field(default_factory=list)  # (run id, reason): its pending effects
    summaries: list[Summary] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)  # compared by version, stored with version + 1
    consents: list[ConsentRow] = field(default_factory=list)
    suppressions: list[SuppressionRow] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)  # carried out in order after all rows are written
    quarantined: list[tuple[int, str]] = field(default_factory=list)  # (event seq, reason)
    schedules: list[ScheduleRow] = field(default_factory=list)
    watch_progress: list[WatchRow] = field(default_factory=list)
    pauses: list[PauseRow] = field(default_factory=list)
    starts: list[Starts] = field(default_factory=list)  # what breakers count, where several workers do
    about: set[int] = field(default_factory=set)  # customers on whose facts it was decided
    paused: Set[tuple[str, str]] = frozenset()  # (scope, name) of the pauses that it relies on

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return (
            not any(getattr(self, name) for name in self.__slots__ if name not in _NOTHING_TO_WRITE)
            and self.watermark is None
        )

    def everyone(self) -> set[int]:
        """All customers about whom it says something."""
        found = set(self.about)
        found.update(row.id for row in self.customers)
        for rows in (self.runs, self.effects, self.consents, self.events):
            found.update(row.customer for row in rows)
        found.update(record.customer for record in self.records if record.customer is not None)
        for merge in self.merges:
            found.update((merge.loser, merge.survivor))
        return found


@dataclass(frozen=True, slots=True)
class Starts:
    """Live starts of one rule, and how many of all workers may have been made before them."""

    rule: str
    count: int
    at_most: int


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """How far a cron trigger has been worked off."""

    rule: str
    path: str  # of the trigger
    last_planned: Instant  # high-water mark
    position: int = 0  # id of the last customer of the sweep in progress; 0 when none is
    sweep_at: Instant | None = None  # the planned instant of the sweep in progress


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A watch and how far its backfill has gone."""

    watch: str
    rule: str  # "" where no rule has it any more, and until everybody is looked at anew
    since: Instant
    position: int  # customers up to this id are looked at
    done: bool


@dataclass(frozen=True, slots=True)
class PauseRow:
    """What a person or a breaker has stopped. `paused` False lifts it."""

    scope: Literal["all", "rule", "channel"]
    name: str  # "" for all
    paused: bool
    reason: str
    by: str
    at: Instant


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """A quarantined event and why it could not be decided."""

    event: Event
    reason: str


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A message from outside that was refused, as it came."""

    id: int
    at: Instant
    source: str
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Something that a person or a breaker did."""

    id: int
    at: Instant
    who: str
    what: str
    details: dict[str, Json]


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One text of a rule, numbered in the order in which it was first seen."""

    number: int
    revision: str
    rule: str
    source: str
    at: Instant
    language: int  # version of the rule language that the text is written in


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStats:
    """What came of one rule; refusals before `if` was true stand packed in the summaries and are not counted here."""

    started: dict[str, int]  # by arm
    states: dict[str, int]  # live runs by state
    ended: dict[str, int]  # by what ended them; `goal` is a conversion
    sent: dict[str, int]  # by action: effects of live runs that were claimed for sending
    refused: dict[str, int]  # by reason
    effects: dict[str, int]  # by state
    refused_effects: dict[str, int]  # by reason: consent, suppression, caps, …

    @property
    def converted(self) -> int:
        """Runs that reached their goal."""
        return self.ended.get("goal", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCounts:
    """What the store holds, for `status`."""

    customers: int
    events: int
    undecided: int
    rejects: int
    failed: int
    runs: dict[str, int]  # by state
    effects: dict[str, int]  # by state


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """The database and where it stands, for `doctor`."""

    path: str  # the file, or the URL without its password; "" in memory
    database: str  # SQLite or PostgreSQL
    version: str
    is_safe_version: bool  # SQLite: from 3.51.3 on a second writer cannot damage the journal
    file_bytes: int
    journal_bytes: int
    free_bytes: int | None  # of the disk; None where it is not this machine's


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltCustomer:
    """One customer as known at a past instant.

    `history` holds (name, occurred_at, fields as JSON) in the order of deciding. A customer that was absorbed by then
    does not exist and names its survivor.
    """

    id: int
    exists: bool
    fields: dict[str, Json] = field(default_factory=dict)
    stamps: dict[str, Instant] = field(default_factory=dict)
    first_seen: Instant = 0
    history: list[tuple[str, Instant, bytes]] = field(default_factory=list)
    merged_into: int | None = None
