"""Bytes from outside, as the Segment API sends them, to single calls: nothing is typed or judged by meaning yet.

Each item of a batch is decoded on its own, so that one broken item costs only itself.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from retain.errors import IngestError
from retain.model import Fields, Instant, Json
from retain.wire.fields import read_instant
from retain.wire.ids import ID_KEYS

MAX_EVENT_BYTES = 32 * 1024
MAX_BODY_BYTES = 500 * 1024  # after decompression
MAX_EVENTS = 2_500

_DEEPEST_KEPT = 100
_SEND_PLAIN = "send gzip or plain"
SINGLE_CALLS = ("identify", "track", "page", "screen", "group", "alias")
PATH_KINDS: Mapping[str, str] = {  # the last part of the path -> the kind of its calls, "" where each item says it
    **{name: name for name in SINGLE_CALLS},
    **{name[0]: name for name in SINGLE_CALLS},
    "batch": "",
    "import": "",
    "b": "",
}

_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_ZERO = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # as a character, not as the text of an escape


@dataclass(frozen=True, slots=True)
class Rejection:
    """One item that is refused: which rule it breaks, what is wrong, and what the sender can do."""

    index: int
    code: str
    what: str
    cure: str
    raw: Json  # the item for the rejects list; without its contents where it is too large to keep


@dataclass(frozen=True, slots=True)
class RawCall:
    """One call of a request; `kind` is the path's, "" where the item itself must say it."""

    index: int
    raw: Fields
    kind: str = ""
    sent_at: Instant | None = None  # of the batch; an item's own goes before it


@dataclass(frozen=True, slots=True)
class Request:
    """All calls of one request body, and the write key where the body carries it."""

    calls: list[RawCall] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    write_key: str = ""


def decode_request(body: bytes, *, content_encoding: str = "", path_kind: str = "") -> Request:
    """The calls of one request body, whatever content type the sender gave it.

    Args:
        body: as it came, at most `MAX_BODY_BYTES` before and after decompression.
        content_encoding: the header; a gzip body without it is recognised.
        path_kind: the kind that the path names, "" for a batch or an import file.

    Raises:
        IngestError: the body as a whole cannot be read: `too_large`, `too_many`, `bad_encoding`, `bad_json`.
    """
    text = decompress(body, content_encoding)
    try:
        envelope = _RAW_OBJECT.decode(text)
        batch = envelope.get("batch")
        items = None if batch is None else _RAW_LIST.decode(batch)
        shared = {name: decode_item(bytes(envelope[name])) for name in _SHARED if name in envelope}
    except BROKEN:
        return _decode_leniently(text, path_kind)
    if items is None:
        shared.pop("context", None)
        return _request([_decode_item(0, text)], shared, path_kind)
    _limit_events(len(items))
    return _request([_decode_item(index, bytes(item)) for index, item in enumerate(items)], shared, "")


def decompress(body: bytes, content_encoding: str = "") -> bytes:
    """The body without gzip or deflate, never more than `MAX_BODY_BYTES` of it in memory.

    Raises:
        IngestError: `too_large`, or `bad_encoding`.
    """
    encoding = content_encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise IngestError("bad_encoding", f"content encoding {encoding[:40]!r} is not known", cure=_SEND_PLAIN)
    if body[:2] == b"\x1f\x8b":
        body = _inflate(body, 31)
    elif encoding == "deflate":
        body = _inflate(body, 15)
    if len(body) > MAX_BODY_BYTES:
        raise too_large_body()
    return body


def decode_item(text: bytes) -> Json:
    """JSON with U+FFFD for every U+0000, which not every store can keep; ids keep theirs, and are refused for it.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no JSON, or is nested too deeply.
    """
    value: Json = _ANY.decode(text)
    if rb"\u0000" not in text or not isinstance(value, dict):
        return value
    return _ANY.decode(_without_zeros(text)) | {key: value[key] for key in ID_KEYS if key in value}


def _without_zeros(text: bytes) -> bytes:
    return _ZERO.sub(rb"\1\\ufffd", text)


def too_large_body() -> IngestError:
    """The refusal of a body over the limit."""
    return IngestError("too_large", f"the body is larger than {MAX_BODY_BYTES} bytes", cure="send smaller batches")


def _inflate(body: bytes, window_bits: int) -> bytes:
    """Decompressed up to one byte over the limit: a small body that unpacks without end is cut there."""
    stream = zlib.decompressobj(window_bits)
    try:
        plain = stream.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        what = f"the body is not valid compressed data: {error}"
        raise IngestError("bad_encoding", what, cure=_SEND_PLAIN) from error
    if len(plain) <= MAX_BODY_BYTES and not stream.eof:
        raise IngestError("bad_encoding", "the compressed body ends too early", cure=_SEND_PLAIN)
    return plain


_SHARED = ("context", "sentAt", "sent_at", "writeKey", "write_key", "api_key")


def _request(items: list[Json | Rejection], shared: Mapping[str, Json], path_kind: str) -> Request:
    context = shared.get("context")
    sent_at = read_instant(shared.get("sentAt", shared.get("sent_at")))
    request = Request(write_key=_write_key(shared))
    for index, item in enumerate(items):
        if isinstance(item, Rejection):
            request.rejections.append(item)
        elif not isinstance(item, dict):
            request.rejections.append(
                Rejection(index, "bad_type", "the item is not a JSON object", "send one object per call", to_keep(item))
            )
        else:
            if isinstance(context, dict):
                own = item.get("context")
                item["context"] = {**context, **own} if isinstance(own, dict) else context
            request.calls.append(RawCall(index, item, path_kind, sent_at))
    return request


def to_keep(raw: Json) -> Json:
    """A refused item for the rejects list; nothing of it where it is nested too deeply to be written down again."""
    level = [raw]
    for _ in range(_DEEPEST_KEPT):
        level = [below for value in level for below in _below(value)]
        if not level:
            return raw
    return {"nested_deeper_than": _DEEPEST_KEPT}


def _below(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _write_key(shared: Mapping[str, Json]) -> str:
    for name in ("writeKey", "write_key", "api_key"):
        key = shared.get(name)
        if isinstance(key, str) and key:
            return key
    return ""


def _decode_item(index: int, text: bytes) -> Json | Rejection:
    if len(text) > MAX_EVENT_BYTES:
        return _too_large(index, len(text))
    try:
        return decode_item(text)
    except BROKEN:
        pass
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        what = "the item holds text that is not JSON, or is nested too deeply"
        return Rejection(index, "bad_json", what, "send JSON in UTF-8", {"bytes": len(text)})


def _too_large(index: int, size: int) -> Rejection:
    what = f"the item has {size} bytes; the limit is {MAX_EVENT_BYTES}"
    return Rejection(index, "too_large", what, "send less in properties or traits", {"bytes": size})


def _limit_events(count: int) -> None:
    if count > MAX_EVENTS:
        raise IngestError("too_many", f"the batch has {count} items; the limit is {MAX_EVENTS}", cure="split the batch")


def _decode_leniently(text: bytes, path_kind: str) -> Request:
    """What some senders write although it is no JSON: NaN, a byte-order mark, half of a surrogate pair."""
    try:
        envelope = _loads(text)
    except (ValueError, RecursionError) as error:
        raise IngestError(
            "bad_json", f"the body is not JSON: {_first_line(error)}", cure="send JSON in UTF-8"
        ) from error
    if not isinstance(envelope, dict):
        raise IngestError("bad_json", "the body is not a JSON object", cure="send an object with a list named batch")
    shared = {name: envelope[name] for name in _SHARED if name in envelope}
    batch = envelope.get("batch")
    if batch is None:
        shared.pop("context", None)
        return _request([_sized(0, envelope)], shared, path_kind)
    if not isinstance(batch, list):
        raise IngestError("bad_json", "batch is not a list", cure="send an object with a list named batch")
    _limit_events(len(batch))
    return _request([_sized(index, item) for index, item in enumerate(batch)], shared, "")


def _sized(index: int, item: Json) -> Json | Rejection:
    size = len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
    return _too_large(index, size) if size > MAX_EVENT_BYTES else item


def _loads(text: bytes) -> Json:
    """JSON as the standard library reads it; half surrogates and U+0000 are replaced, so that all can be stored."""
    value = json.loads(text.decode("utf-8-sig", "replace"))
    whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return json.loads(_without_zeros(whole))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
