"""`retain export`: a store's events as a file of calls that anybody may have, with pseudonyms for what is personal."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import hmac
import json
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from retain.app.commands.messages import stored_messages
from retain.app.live.starting import FOLDER
from retain.app.planning.pseudonyms import Pseudonyms
from retain.app.projects.project import Project, rule_files
from retain.app.reports.reading import reading
from retain.app.simulation.feeding import Given, key_of
from retain.app.simulation.simulating import given_of
from retain.errors import RetainError
from retain.instants import format_instant
from retain.model import Instant, Json, Message, MessageKind
from retain.store.store import Store

KEY_FILE = "sample.key"
_WORD = re.compile(r"\w+")
_LEAST = 16  # bytes of a key


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was exported."""

    file: Path
    events: int
    customers: int
    of_customers: int


def export_sample(
    project: Project,
    out: Path,
    *,
    key: bytes,
    customers: int | None = None,
    since: Instant | None = None,
    keep: Collection[str] = (),
) -> Sample:
    """Write the events of some customers, or of all, as one call a line; what is personal gets a pseudonym.

    Args:
        key: secret, what pseudonyms are made with; the same key chooses the same customers.
        customers: how many at most.
        since: only events received from then on.
        keep: fields whose values stay as they are.
    """
    pseudonyms = Pseudonyms(key, project.schema, _words(project), frozenset(keep))
    with reading(project.config) as store, _opened(out) as file:
        everybody = {key_of(message) for message in stored_messages(store)} - {""}
        chosen = everybody if customers is None else _chosen(everybody, customers, key)
        events = 0
        for call in _calls(store, pseudonyms, chosen, given_of(store), since):
            file.write(f"{json.dumps(call, ensure_ascii=False, sort_keys=True)}\n")
            events += 1
    return Sample(file=out, events=events, customers=len(chosen), of_customers=len(everybody))


def sample_key(project: Project, path: Path | None) -> bytes:
    """The key of pseudonyms: of a file, or the project's own, which is made where there is none.

    Raises:
        RetainError: the file cannot be read, or holds too little.
    """
    own = project.dir / FOLDER / KEY_FILE
    if path is None and not own.exists():
        own.parent.mkdir(exist_ok=True)
        own.touch(mode=0o600)
        own.write_text(f"{secrets.token_hex(32)}\n", encoding="ascii")
    try:
        found = (path or own).read_bytes().strip()
    except OSError as error:
        raise RetainError(f"the key cannot be read: {error.strerror}", where=str(path or own)) from error
    if len(found) < _LEAST:
        raise RetainError(f"a key has at least {_LEAST} characters", where=str(path or own))
    return found


def _words(project: Project) -> frozenset[str]:
    return frozenset(word for text in rule_files(project.dir).values() for word in _WORD.findall(text))


def _chosen(names: Collection[str], count: int, key: bytes) -> frozenset[str]:
    """As many as are wanted, by a hash, so that a growing store keeps most of its sample."""

    def order(name: str) -> str:
        return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()

    return frozenset(heapq.nsmallest(count, names, key=order))


def _calls(
    store: Store, pseudonyms: Pseudonyms, chosen: Collection[str], given: Given, since: Instant | None
) -> Iterator[Mapping[str, Json]]:
    """The calls of the chosen customers; answers that no event gave come before the customer's first one."""
    asked: set[str] = set()
    for message in stored_messages(store):
        name = key_of(message)
        if name not in chosen or (since is not None and message.received_at < since):
            continue
        stand_in = pseudonyms.message(message)
        if name not in asked:
            asked.add(name)
            if name in given.consents:
                yield _call(stand_in, "identify", f"{stand_in.message_id}.consent", {"consent": given.consents[name]})
        if message.kind is MessageKind.CONSENT:
            answer = {str(message.fields.get("purpose", "")): message.fields.get("granted")}
            yield _call(stand_in, "identify", stand_in.message_id, {"consent": answer})
        elif message.kind in (MessageKind.IDENTIFY, MessageKind.SET, MessageKind.GROUP):
            yield _call(stand_in, "identify", stand_in.message_id, stand_in.fields)
        elif message.kind is not MessageKind.ALIAS:
            yield _call(stand_in, "track", stand_in.message_id, stand_in.fields)


def _call(message: Message, kind: str, message_id: str, fields: Mapping[str, Json]) -> dict[str, Json]:
    call: dict[str, Json] = {
        "type": kind,
        "messageId": message_id,
        "timestamp": format_instant(message.occurred_at),
        "receivedAt": format_instant(message.received_at),
    }
    if message.user_id:
        call["userId"] = message.user_id
    else:
        call["anonymousId"] = message.anonymous_id or message.email
    if kind == "track":
        call |= {"event": message.name, "properties": fields}
    else:
        call["traits"] = fields
    return call


def _opened(path: Path) -> IO[str]:
    try:
        if path.name.endswith(".gz"):
            return gzip.open(path, "wt", encoding="utf-8")
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise RetainError(f"the file cannot be written: {error.strerror}", where=str(path)) from error
