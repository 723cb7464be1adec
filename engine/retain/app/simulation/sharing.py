"""Customers shared out over processes: who goes together, and whether anybody's decisions depend on others at all."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from zlib import crc32

from retain.decide.facts import Changes, Facts
from retain.language.plan import Plan
from retain.model import Instant, Message, MessageKind

_BUCKETS = 64
_FLUSH = 2_048


def can_be_shared_out(plan: Plan) -> bool:
    """Whether each customer's decisions can follow from that customer's events alone, as far as the rules say.

    What only shows while deciding is seen by `Bonds`.
    """
    if any(planned.trigger.each is None for planned in plan.crons):
        return False
    known, actions = plan.registry.record_kinds, plan.registry.actions
    kinds = {
        kind
        for rule in plan.rules.values()
        for use in rule.uses
        if use.action in actions
        for kind in actions[use.action].record_kinds
    }
    return not any(kind in known and known[kind].shared for kind in kinds)


class Bonds:
    """Looks for what binds customers to each other while their decisions are made."""

    def __init__(self, plan: Plan) -> None:
        facts = Facts(plan=plan)
        self._limits = {rule.id: facts.breaker_of(rule) for rule in plan.rules.values()}
        self.found = False
        self.starts: dict[str, array[int]] = {name: array("q") for name, (most, _) in self._limits.items() if most}

    def committed(self, changes: Changes) -> None:
        """Look at what a batch has decided."""
        others = changes.posted or changes.suppressions or changes.trips or changes.channel_pauses
        self.found = self.found or bool(others) or changes.looked_at_others
        for row in changes.decisions:
            if row.kind == "start" and row.outcome == "started" and row.rule in self.starts:
                self.starts[row.rule].append(row.at)

    def breaks(self, starts: Iterable[Mapping[str, array[int]]]) -> bool:
        """Whether a breaker could have opened, had all shares been one."""
        parts = list(starts)
        return any(
            _reaches(sorted(at for part in parts for at in part[rule]), *self._limits[rule]) for rule in self.starts
        )


def _reaches(starts: list[Instant], most: int, per: int) -> bool:
    """Whether so many starts lie within one span."""
    return any(index + 1 - bisect_left(starts, at - per, 0, index) >= most for index, at in enumerate(starts))


class Shares:
    """Puts all messages about one person into one share.

    Identities that any message names together belong to one person; that more are taken together than a store would
    merge does no harm.

    Args:
        count: how many shares there are.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._first: dict[str, str] = {}  # towards the name that stands for all of a person's

    def watch(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Pass messages on, and note who is named together."""
        identify, alias = MessageKind.IDENTIFY, MessageKind.ALIAS
        for message in messages:
            if (message.user_id and message.anonymous_id) or message.kind is identify or message.kind is alias:
                self._join(message)
            yield message

    def of(self, message: Message) -> int:
        """The share of a message; asked once all have been watched."""
        return crc32(self._root(_name(message)).encode()) % self.count

    def _join(self, message: Message) -> None:
        here = self._root(_name(message))
        names = [f"anonymous:{message.anonymous_id}"] if message.anonymous_id else []
        if message.kind is MessageKind.ALIAS:
            previous = message.previous_id
            names += [f"user:{previous}", f"anonymous:{previous}", _address(previous)]
        address = message.fields.get("email") if message.kind is MessageKind.IDENTIFY else None
        if isinstance(address, str) and address.strip():
            names.append(_address(address))
        for name in names:
            there = self._root(name)
            if there != here:
                self._first[there] = here

    def _root(self, name: str) -> str:
        first = self._first
        root = name
        while (further := first.get(root)) is not None:
            root = further
        while name != root:
            first[name], name = root, first[name]
        return root


def _name(message: Message) -> str:
    """The name under which a message is about somebody."""
    if message.user_id:
        return f"user:{message.user_id}"
    return f"anonymous:{message.anonymous_id}" if message.anonymous_id else _address(message.email)


def _address(text: str) -> str:
    return f"email:{text.strip().casefold()}"


class MessageIds:
    """The ids of one share's messages on disk, as hashes: an id counts once, so none may be in two shares."""

    def __init__(self, folder: Path, share: int) -> None:
        self._folder = folder
        self._share = share
        self._open = [array("q") for _ in range(_BUCKETS)]

    def watch(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Pass messages on, and note their ids."""
        for message in messages:
            name = hash((message.source, message.message_id))
            bucket = self._open[name % _BUCKETS]
            bucket.append(name)
            if len(bucket) >= _FLUSH:
                self._write(name % _BUCKETS)
            yield message
        for number in range(_BUCKETS):
            self._write(number)

    def _write(self, number: int) -> None:
        with _bucket(self._folder, self._share, number).open("ab") as file:
            self._open[number].tofile(file)
        self._open[number] = array("q")


def is_twice(folder: Path, shares: int) -> bool:
    """Whether a message id is in two shares."""
    for number in range(_BUCKETS):
        seen: set[int] = set()
        for share in range(shares):
            path = _bucket(folder, share, number)
            own = array("q")
            own.frombytes(path.read_bytes() if path.exists() else b"")
            if not seen.isdisjoint(own):
                return True
            seen.update(own)
    return False


def _bucket(folder: Path, share: int, number: int) -> Path:
    return folder / f"ids-{share}-{number}"
