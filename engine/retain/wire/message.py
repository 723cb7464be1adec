"""One call of the Segment API to a message of ours, or to a rejection that says which rule it breaks.

The Segment spec's calls are `identify`, `track`, `page`, `screen`, `group` and `alias`; what each becomes:

- `track`: an event; names of the spec's first version (`Completed Order`) become today's (`order_completed`).
- `page`, `screen`: the events `page_viewed` and `screen_viewed` with `name`, `category` and the properties.
- `identify`: traits, with `context.traits`, `context.timezone` and `context.locale` under them.
- `group`: the traits of the customer's `company`, with the group's id as `company.id`.
- `alias`: two ids of one person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from retain.errors import IngestError
from retain.instants import format_instant
from retain.model import Fields, Instant, Json, Message, MessageKind, digest, slug
from retain.wire.calls import RawCall, Rejection, Request, to_keep
from retain.wire.fields import FieldTypes, check_values, read_instant
from retain.wire.ids import context_of, read_email, read_id

MAX_NAME = 255
MAX_MESSAGE_ID = 100

RENAMED_EVENTS: Mapping[str, str] = {  # the spec's first names of its e-commerce events
    "added_product": "product_added",
    "clicked_promotion": "promotion_clicked",
    "completed_checkout_step": "checkout_step_completed",
    "completed_order": "order_completed",
    "removed_product": "product_removed",
    "started_order": "checkout_started",
    "viewed_checkout_step": "checkout_step_viewed",
    "viewed_product": "product_viewed",
    "viewed_product_category": "product_list_viewed",
    "viewed_promotion": "promotion_viewed",
}

_STORED = ("properties", "traits", "event", "name", "category")
_KINDS = {kind.value: kind for kind in MessageKind if kind not in (MessageKind.SET, MessageKind.CONSENT)}
_ENCODE = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Note:
    """Something about an accepted item that its sender should know: a value left out, a time corrected."""

    index: int
    code: str  # misfit, future_time, bad_timestamp
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How calls are read.

    Args:
        source: the name of the write key, or `import:FILE`.
        types: the declared types.
        received_at: when the request came; None takes it from each message, as a file of past messages has it.
        strict: refuse events that no schema declares.
        historical: mark the messages as history that starts nothing.
        latest: where messages say themselves when they came: a later one is refused; None = any time will do.
    """

    source: str
    types: FieldTypes
    received_at: Instant | None
    strict: bool = False
    historical: bool = False
    latest: Instant | None = None


@dataclass(slots=True)
class Intake:
    """What became of the calls of one request or file."""

    source: str = ""
    messages: list[Message] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)  # of each message's call
    rejections: list[Rejection] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def read_calls(request: Request, reading: Reading) -> Intake:
    """All calls of a request, read one by one; a bad one costs nothing else."""
    intake = Intake(source=reading.source, rejections=list(request.rejections))
    for call in request.calls:
        result = to_message(call, reading, intake.notes)
        if isinstance(result, Rejection):
            intake.rejections.append(result)
        else:
            intake.messages.append(result)
            intake.indexes.append(call.index)
    intake.rejections.sort(key=lambda rejection: rejection.index)
    return intake


def to_message(call: RawCall, reading: Reading, notes: list[Note]) -> Message | Rejection:
    """One call, typed; `notes` gains what was left out or corrected."""
    try:
        return _message(call, reading, notes)
    except IngestError as error:
        what = f"{error.where}: {error.what}" if error.where else error.what
        return Rejection(call.index, error.reason, what, error.cure, to_keep(call.raw))


def _message(call: RawCall, reading: Reading, notes: list[Note]) -> Message:
    raw = call.raw
    for key in _STORED:
        value = raw.get(key)
        if value is not None and type(value) is not str:
            check_values({key: value})
    kind = _kind(call)
    user, anonymous = read_id(raw, "userId", "user_id"), read_id(raw, "anonymousId", "anonymous_id")
    email = "" if user or anonymous else read_email(raw)
    if not (user or anonymous or email):
        raise IngestError("no_identity", "the call names nobody", cure="send userId, anonymousId or traits.email")
    name, fields = _contents(kind, raw, reading, call.index, notes)
    previous = _previous(raw, user) if kind is MessageKind.ALIAS else ""
    occurred, received = _times(call, reading, notes)
    return Message(
        kind=kind,
        name=name,
        fields=fields,
        occurred_at=occurred,
        received_at=received,
        source=reading.source,
        message_id=_message_id(call, kind, (user, anonymous, email, previous), received),
        user_id=user,
        anonymous_id=anonymous,
        email=email,
        previous_id=previous,
        historical=reading.historical,
    )


def _kind(call: RawCall) -> MessageKind:
    """The path's kind, else the item's `type`, else what its keys leave no doubt about."""
    raw = call.raw
    given = call.kind or raw.get("type") or raw.get("action")
    if given is None:
        given = next((kind for key, kind in _TELLING_KEYS if key in raw), None)
    kind = _KINDS.get(given.lower()) if isinstance(given, str) else None
    if kind is None:
        cure = f"send one of {', '.join(_KINDS)} as type"
        raise IngestError("bad_type", f"type {_shown(given)} is not a call" if given else "no type", cure=cure)
    return kind


def _shown(value: Json) -> str:
    return repr(value[:40]) if isinstance(value, str) else f"of type {type(value).__name__}"


_TELLING_KEYS = (
    ("event", "track"),
    ("previousId", "alias"),
    ("groupId", "group"),
    ("traits", "identify"),
    ("name", "page"),
)


def _previous(raw: Fields, user: str) -> str:
    previous = read_id(raw, "previousId", "previous_id")
    if not previous or not user:
        raise IngestError("no_identity", "an alias needs two ids", cure="send previousId and userId")
    return previous


def _contents(
    kind: MessageKind, raw: Fields, reading: Reading, index: int, notes: list[Note]
) -> tuple[str, dict[str, Json]]:
    """The event's name and the typed fields of a call."""
    misfits: list[str] = []
    name, fields = "", {}
    if kind is MessageKind.TRACK:
        name = _event_name(raw, reading)
        fields = reading.types.fit_properties(name, _object(raw, "properties", misfits), misfits)
    elif kind in (MessageKind.PAGE, MessageKind.SCREEN):
        name = f"{kind.value}_viewed"
        properties = dict(_object(raw, "properties", misfits))
        properties.update((key, raw[key]) for key in ("name", "category") if raw.get(key) is not None)
        fields = reading.types.fit_properties(name, properties, misfits)
    elif kind is MessageKind.IDENTIFY:
        fields = reading.types.fit_traits(_identify_traits(raw, misfits), misfits)
    elif kind is MessageKind.GROUP:
        fields = reading.types.fit_traits({"company": _company(raw, misfits)}, misfits)
    notes.extend(Note(index, "misfit", f"{path} does not fit its declared type and was left out") for path in misfits)
    return name, fields


def _object(raw: Fields, key: str, misfits: list[str]) -> Fields:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        misfits.append(key)
        return {}
    return value


def _identify_traits(raw: Fields, misfits: list[str]) -> dict[str, Json]:
    context = context_of(raw)
    merged: dict[str, Json] = {key: context[key] for key in ("timezone", "locale") if isinstance(context.get(key), str)}
    under = context.get("traits")
    if isinstance(under, dict):
        check_values({"context": {"traits": under}})
        merged.update(under)
    merged.update(_object(raw, "traits", misfits))
    return merged


def _company(raw: Fields, misfits: list[str]) -> dict[str, Json]:
    group = read_id(raw, "groupId", "group_id")
    if not group:
        raise IngestError("no_group_id", "a group call needs the group's id", cure="send groupId")
    company = {**_object(raw, "traits", misfits), "id": group}
    if "employees" in company:  # the spec's name in a group call; `company.employee_count` in an identify
        company.setdefault("employee_count", company.pop("employees"))
    return company


def _event_name(raw: Fields, reading: Reading) -> str:
    given = raw.get("event")
    name = slug_of(given) if isinstance(given, str) and len(given) <= MAX_NAME else ""
    if not name:
        what = f"the event's name is longer than {MAX_NAME}" if isinstance(given, str) and given else "no event name"
        raise IngestError("no_event_name", what, cure="send what happened as event, such as Order Completed")
    if name in RENAMED_EVENTS and name not in reading.types.events:
        name = RENAMED_EVENTS[name]
    if reading.strict and name not in reading.types.events:
        raise IngestError("undeclared_event", f"no schema declares {name}", cure=f"add schemas/events/{name}.json")
    return name


slug_of = lru_cache(maxsize=4096)(slug)


def _times(call: RawCall, reading: Reading, notes: list[Note]) -> tuple[Instant, Instant]:
    """When it happened, by our clock, and when it came.

    A live call is corrected by the sender's own clock: received_at - (sentAt - timestamp). One that another
    collector has received before is not: its timestamp is right already.
    """
    raw = call.raw
    before = read_instant(raw.get("receivedAt", raw.get("received_at")))
    stamp = raw.get("timestamp")
    if before is None or stamp is None:
        stamp = _stamp(raw)
    at = read_instant(stamp)
    if reading.received_at is None:
        received = before if before is not None else at
        if received is None:
            raise IngestError("bad_timestamp", "no usable timestamp", cure="send timestamp in ISO 8601")
        if reading.latest is not None and received > reading.latest:
            what = f"{format_instant(received)} has not come yet"
            raise IngestError("bad_timestamp", what, cure="correct the date, or its unit")
    else:
        received = reading.received_at
    if at is None:
        if stamp is not None:
            notes.append(Note(call.index, "bad_timestamp", f"timestamp {_shown(stamp)} is no instant; now is used"))
        return received, received
    if reading.received_at is not None and before is None:
        own = raw.get("sentAt", raw.get("sent_at"))
        sent = call.sent_at if own is None else read_instant(own)
        at = received - (sent - at) if sent is not None else at
    if at > received:
        notes.append(Note(call.index, "future_time", f"happened {at - received} ms after it came; cut to that"))
        at = received
    return at, received


def _stamp(raw: Fields) -> Json:
    for key in ("originalTimestamp", "original_timestamp", "timestamp"):
        if raw.get(key) is not None:
            return raw[key]
    return None


def _message_id(call: RawCall, kind: MessageKind, who: tuple[str, ...], received: Instant) -> str:
    """The sender's id, else one made from the contents, so that a repeated call is known again.

    Two calls without an id and without a time are two events, even where they say the same.
    """
    raw = call.raw
    given = read_id(raw, "messageId", "message_id", limit=MAX_MESSAGE_ID)
    if given:
        return given
    at = read_instant(_stamp(raw))
    when = [received, call.index] if at is None else [at]
    contents = [raw[key] for key in _STORED if key in raw]
    if kind is MessageKind.GROUP:
        contents.append(raw.get("groupId", raw.get("group_id")))
    return "made:" + digest(_ENCODE.encode([kind.value, who, when, contents]).decode(), size=32)
