"""Messages from files: JSON Lines of Segment-shaped calls, or CSV with a mapping; and from a store's own history."""

from __future__ import annotations

import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retain.errors import RetainError
from retain.language.types import Schema
from retain.model import Fields, Instant, Json, Message
from retain.store.store import Store
from retain.wire.calls import BROKEN, RawCall, Rejection, decode_item
from retain.wire.fields import FieldTypes
from retain.wire.mapping import read_csv_messages, read_mapping
from retain.wire.message import Note, Reading, to_message

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row of a file that is refused; `line` is the number of the message in a CSV."""

    file: str
    line: int
    code: str
    what: str
    cure: str
    raw: Json


def read_messages(
    path: Path,
    schema: Schema,
    *,
    mapping: Path | None = None,
    historical: bool = False,
    received_at: Instant | None = None,
    latest: Instant | None = None,
    bad: Callable[[BadRow], None] | None = None,
    note: Callable[[Note], None] | None = None,
) -> Iterator[Message]:
    """The messages of a file, plain or `.gz`, in the order of its lines.

    Args:
        mapping: for CSV: which call each row becomes.
        historical: imported history, which starts nothing.
        received_at: when they count as received; None = when each says it was, else when it occurred.
        latest: a row of a later time is refused; None = any time will do.
        bad: told of every row that is refused; the others go on.
        note: told of every value that was left out or corrected.

    Raises:
        RetainError: the file as a whole cannot be read.
    """
    reading = Reading(
        source=f"import:{path.name}",
        types=FieldTypes(schema),
        received_at=received_at,
        historical=historical,
        latest=latest,
    )
    for line, raw in _raw_rows(path, mapping, bad):
        notes: list[Note] = []
        message = to_message(RawCall(line, raw), reading, notes)
        if isinstance(message, Rejection):
            if bad is not None:
                bad(BadRow(path.name, line, message.code, message.what, message.cure, message.raw))
            continue
        if note is not None:
            for found in notes:
                note(found)
        yield message


def stored_messages(store: Store, until: Instant | None = None) -> Iterator[Message]:
    """The accepted events of a store as the messages that they came from, in their order."""
    position = 0
    names: dict[int, list[str]] = {}
    while events := store.events_after(position, _CHUNK):
        for event in events:
            position = event.seq
            if until is not None and event.received_at > until:
                continue
            if event.customer not in names:
                names[event.customer] = store.identities_of(event.customer)
            ids = dict(name.split(":", 1) for name in reversed(names[event.customer]))
            yield Message(
                kind=event.kind,
                name=event.name,
                fields=event.fields,
                occurred_at=event.occurred_at,
                received_at=event.received_at,
                source=event.source,
                message_id=event.message_id,
                user_id=ids.get("user", ""),
                anonymous_id="" if "user" in ids else ids.get("anonymous", ""),
                email="" if "user" in ids or "anonymous" in ids else ids.get("email", ""),
                historical=event.historical,
            )


def _raw_rows(path: Path, mapping: Path | None, bad: Callable[[BadRow], None] | None) -> Iterator[tuple[int, Fields]]:
    if path.name.removesuffix(".gz").endswith(".csv"):
        if mapping is None:
            raise RetainError(
                "a CSV file needs a mapping", where=str(path), cure="say which call each row becomes: --mapping FILE"
            )
        rules = read_mapping(_text(mapping), str(mapping))
        yield from enumerate(read_csv_messages(path, rules), 1)
        return
    for line, text in enumerate(_lines(path), 1):
        if not text.strip():
            continue
        try:
            raw = decode_item(text)
        except BROKEN as error:
            raw, why = None, str(error)
        else:
            why = "a line must hold one JSON object"
        if isinstance(raw, dict):
            yield line, raw
        elif bad is not None:
            bad(BadRow(path.name, line, "bad_json", why, "write one call a line", text.decode(errors="replace")))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        cure = "save it as UTF-8 text"
        raise RetainError(f"the file cannot be read: {error}", where=str(path), cure=cure) from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            yield next(file, b"").removeprefix(BOM_UTF8)
            yield from file
    except (OSError, EOFError, zlib.error) as error:  # the latter two: a .gz that is cut off, or damaged
        raise RetainError(f"the file cannot be read: {error}", where=str(path), cure="check the file") from error
