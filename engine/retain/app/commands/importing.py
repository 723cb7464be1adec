"""Files that people bring in: events, consents and suppressions; every bad row is kept with its reason."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

import msgspec

from retain.app.commands.messages import BadRow, read_messages
from retain.errors import RetainError, did_you_mean
from retain.instants import parse_instant
from retain.language.types import Schema
from retain.model import Instant, Json, Message
from retain.store.identity import identity_of_key
from retain.wire.message import Note

_CHUNK_ROWS = 1_000
_CHUNK_BYTES = 400_000  # well below what the daemon's admin door takes in one request
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1", "granted"}), frozenset({"false", "no", "n", "0", "withdrawn"})

Send = Callable[[list[Json]], Mapping[str, int]]


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    rows: int = 0  # that were good
    stored: int = 0
    duplicates: int = 0  # known already, by their message id
    rejected: Counter[str] = field(default_factory=Counter)  # rows that were refused, by code
    notes: Counter[str] = field(default_factory=Counter)  # values that were left out or corrected, by code
    misfits: Counter[str] = field(default_factory=Counter)  # those of another type than was declared, by field
    first: Instant | None = None  # when the earliest event occurred
    last: Instant | None = None
    events: Counter[str] = field(default_factory=Counter)  # by name

    def as_json(self, rejects: Path | None) -> dict[str, Json]:
        """The same as plain JSON."""
        return {
            "rows": self.rows,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "rejected": dict(self.rejected),
            "rejects": None if rejects is None else str(rejects),
            "notes": dict(self.notes),
            "misfits": dict(self.misfits.most_common()),
            "events": dict(self.events.most_common()),
        }


class Rejects:
    """FILE.rejects.jsonl: one line per refused row. It appears with the first; one of an earlier import goes."""

    def __init__(self, file: Path) -> None:
        self.path = file.with_name(f"{file.name}.rejects.jsonl")
        self.count = 0
        self.path.unlink(missing_ok=True)

    def add(self, row: BadRow) -> None:
        """Keep one row with the reason."""
        self.count += 1
        line = {"line": row.line, "code": row.code, "what": row.what, "cure": row.cure, "row": row.raw}
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(line, ensure_ascii=False, default=str)}\n")
        except OSError as error:
            what = f"refused rows cannot be kept: {error.strerror}"
            raise RetainError(what, where=str(self.path), cure="look at the folder's permissions") from error


def import_events(
    file: Path,
    schema: Schema,
    send: Send | None,
    *,
    mapping: Path | None = None,
    received_at: Instant | None = None,
    latest: Instant | None = None,
    rejects: Rejects | None = None,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Read a file of events and send its messages in chunks.

    Args:
        send: takes messages as plain JSON; None reads and counts only.
        received_at: when the messages count as received, for those that may start rules; None = they are history.
        latest: a row of a later time is refused: nothing that is still to come can have happened.
    """
    found = Imported()

    def refuse(row: BadRow) -> None:
        found.rejected[row.code] += 1
        if rejects is not None:
            rejects.add(row)

    def note(one: Note) -> None:
        found.notes[one.code] += 1
        if one.code == "misfit":
            found.misfits[one.what.partition(" ")[0]] += 1

    messages = read_messages(
        file,
        schema,
        mapping=mapping,
        historical=received_at is None,
        received_at=received_at,
        latest=latest,
        bad=refuse,
        note=note,
    )
    for chunk in _chunks(_counted(messages, found)):
        if send is not None:
            answer = send(chunk)
            found.stored += answer["accepted"]
            found.duplicates += answer["duplicates"]
        if progress is not None:
            progress(found.rows)
    return found


def read_consents(file: Path, zone: tzinfo, refuse: Callable[[BadRow], None]) -> list[Json]:
    """Rows of a CSV with the columns customer, purpose, granted, and perhaps at and text.

    `customer` is a user id, or a key such as `email:ada@example.com`.
    """
    found: list[Json] = []
    for line, row in _csv_rows(file, ("customer", "purpose", "granted"), ("at", "text"), refuse):
        word = row["granted"].casefold()
        if word not in _TRUE | _FALSE:
            what = f"granted is {row['granted']!r}"
            refuse(BadRow(file.name, line, "bad_answer", what, "write true or false", dict(row)))
            continue
        at = parse_instant(row["at"], zone) if row.get("at") else None
        if row.get("at") and at is None:
            refuse(BadRow(file.name, line, "bad_time", f"at is {row['at']!r}", "write 2026-11-21T10:00Z", dict(row)))
            continue
        entry: dict[str, Json] = {"customer": _key(row["customer"]), "purpose": row["purpose"]}
        entry |= {"granted": word in _TRUE} | ({"at": at} if at is not None else {})
        found.append(entry | ({"text": row["text"]} if row.get("text") else {}))
    return found


def read_suppressions(file: Path, channels: Iterable[str], refuse: Callable[[BadRow], None]) -> list[Json]:
    """Rows of a CSV with the column address, and perhaps channel (default: the only one, or email) and reason."""
    known = sorted(channels)
    default = known[0] if len(known) == 1 else "email"
    found: list[Json] = []
    for line, row in _csv_rows(file, ("address",), ("channel", "reason"), refuse):
        channel = row.get("channel") or default
        if channel not in known:
            what = f"no channel is called {channel!r}"
            refuse(BadRow(file.name, line, "bad_channel", what, did_you_mean(channel, known), dict(row)))
            continue
        if channel == "email" and "@" not in row["address"]:
            what = f"{row['address']!r} is no address"
            refuse(
                BadRow(file.name, line, "bad_address", what, "write ada@example.com, or name the channel", dict(row))
            )
            continue
        found.append({"channel": channel, "address": row["address"], "reason": row.get("reason") or "imported"})
    return found


def in_chunks(rows: Sequence[Json]) -> Iterator[list[Json]]:
    """Rows in lists small enough for one request to the daemon."""
    yield from _chunks(rows)


def _counted(messages: Iterable[Message], found: Imported) -> Iterator[Json]:
    for message in messages:
        found.rows += 1
        found.events[message.name or message.kind.value] += 1
        at = message.occurred_at
        found.first = at if found.first is None else min(found.first, at)
        found.last = at if found.last is None else max(found.last, at)
        yield msgspec.to_builtins(message)


def _chunks(rows: Iterable[Json]) -> Iterator[list[Json]]:
    chunk: list[Json] = []
    size = 0
    for row in rows:
        weight = len(msgspec.json.encode(row))
        if chunk and (len(chunk) >= _CHUNK_ROWS or size + weight > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += weight
    if chunk:
        yield chunk


def _csv_rows(
    file: Path, required: Sequence[str], optional: Sequence[str], refuse: Callable[[BadRow], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text)
            header = [name.strip() for name in rows.fieldnames or ()]
            _check_header(file, header, required, optional)
            for values in rows:
                cells = dict(zip(header, values.values(), strict=False))
                row = {name: str(cells.get(name) or "").strip() for name in header}
                missing = [name for name in required if not row[name]]
                if missing:
                    what = f"{missing[0]} is empty"
                    refuse(BadRow(file.name, rows.line_num, "missing", what, "fill it in", dict(row)))
                else:
                    yield rows.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RetainError(
            f"the file cannot be read: {error}", where=str(file), cure="save it as CSV in UTF-8"
        ) from error


def _check_header(file: Path, header: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> None:
    known = (*required, *optional)
    cure = f"the first line names the columns: {', '.join(required)}; also allowed: {', '.join(optional)}"
    for name in required:
        if name not in header:
            raise RetainError(f"there is no column {name!r}", where=f"{file}:1", cure=cure)
    for name in header:
        if name not in known:
            raise RetainError(f"unknown column {name!r}", where=f"{file}:1", cure=did_you_mean(name, known))


def _key(name: str) -> str:
    return name if identity_of_key(name) is not None else f"user:{name}"
