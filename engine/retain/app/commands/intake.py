"""What people bring in by hand: messages, consents and suppressions from elsewhere, a task that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from retain.app.commands.desk import Desk
from retain.errors import AdminError, NotFoundError
from retain.model import Fields, Instant, Json, Message, MessageKind
from retain.store.rows import ConsentRow, SuppressionRow

_CLOSED = "task_closed"


def accept(desk: Desk, *, by: str, messages: Sequence[Json]) -> Json:
    """Store messages, each as `msgspec.to_builtins` gives it."""
    try:
        given = msgspec.convert(list(messages), list[Message])
    except msgspec.ValidationError as error:
        raise AdminError(f"not a list of messages: {error}") from error
    stored = desk.store.accept(given, desk.now())
    duplicates = sum(one.duplicate for one in stored)
    sources = sorted({message.source for message in given})
    desk.audit(by, "accept", messages=len(given), duplicates=duplicates, sources=sources)
    return {"accepted": len(stored) - duplicates, "duplicates": duplicates}


def import_consents(desk: Desk, *, by: str, rows: Sequence[Json], source: str = "import") -> Json:
    """Keep answers from elsewhere: `customer` (a key), `purpose`, `granted`, and `at` and `text` where known."""
    now = desk.now()
    wanted = [_strings(row, "customer", "purpose") for row in rows]
    ids = desk.store.ensure_customers(sorted({row["customer"] for row in wanted}), now)
    answers = []
    for row in wanted:
        if not isinstance(row.get("granted"), bool):
            raise AdminError(f"granted is {row.get('granted')!r}", where=row["customer"], cure="say true or false")
        at = row.get("at")
        answers.append(
            ConsentRow(
                ids[row["customer"]],
                row["purpose"],
                row["granted"],
                now if at is None else int(at),
                source,
                str(row.get("text", "")),
            )
        )
    desk.store.add_consents(answers)
    desk.audit(by, "import_consents", rows=len(answers), source=source)
    return {"imported": len(answers)}


def import_suppressions(desk: Desk, *, by: str, rows: Sequence[Json]) -> Json:
    """Keep addresses that must not be written to: `channel`, `address`, and `reason` where known."""
    now = desk.now()
    entries = []
    for row in rows:
        given = _strings(row, "channel", "address")
        if given["channel"] not in desk.project.registry.channels:
            raise NotFoundError("channel", given["channel"], desk.project.registry.channels)
        address = given["address"].strip().casefold()
        entries.append(SuppressionRow(given["channel"], address, str(given.get("reason") or "imported"), now))
    desk.store.add_suppressions(entries)
    desk.audit(by, "import_suppressions", rows=len(entries))
    return {"imported": len(entries)}


def close_task(desk: Desk, *, by: str, task: str, outcome: str = "done") -> Json:
    """Close a task by the event that says so; rules that wait for it go on."""
    record = desk.store.record("task", task)
    if record is None:
        raise NotFoundError("task", task)
    if record.state == "closed":
        return {"task": task, "closed": False}
    row = desk.store.customers([record.customer]).get(record.customer) if record.customer else None
    if row is None:
        raise AdminError("the task belongs to no customer", where=task)
    now = desk.now()
    fields = {"task_id": task, "outcome": outcome}
    message = message_of(row.key, _CLOSED, fields, source="person", message_id=f"close:{task}", at=now)
    desk.store.accept([message], now)
    desk.audit(by, "close_task", task=task, outcome=outcome)
    return {"task": task, "closed": True}


def message_of(
    key: str,
    name: str,
    fields: Fields,
    *,
    source: str,
    message_id: str,
    at: Instant,
    kind: MessageKind = MessageKind.TRACK,
) -> Message:
    """A message about the customer whom a key such as `user:17` names, from inside."""
    who, _, value = key.partition(":")
    return Message(
        kind=kind,
        name=name,
        fields=fields,
        occurred_at=at,
        received_at=at,
        source=source,
        message_id=message_id,
        user_id=value if who == "user" else "",
        anonymous_id=value if who == "anonymous" else "",
        email=value if who == "email" else "",
    )


def _strings(row: Json, *names: str) -> Mapping[str, Json]:
    if not isinstance(row, Mapping):
        raise AdminError("a row is no map")
    for name in names:
        if not isinstance(row.get(name), str) or not row[name]:
            raise AdminError(f"a row has no {name}", cure=f"every row needs {' and '.join(names)}")
    return row
