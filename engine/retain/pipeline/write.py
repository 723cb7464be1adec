"""The changes of a working set as one batch of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from retain.decide.facts import CustomerFacts, Facts
from retain.model import Change, Json
from retain.store.rows import Batch, ConsentRow, CustomerRow, Merge, PauseRow, Summary, SuppressionRow

_pack = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode


class PackedOutcomes(dict[tuple[str, int, int], bytes]):
    """Outcomes as they stand packed in summaries: there are few different ones, so each is packed once.

    Args:
        numbers: short numbers of the plan's revisions.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers

    def __missing__(self, outcome: tuple[str, int, int]) -> bytes:
        revision, number, clause = outcome
        packed = self[outcome] = _pack((self._numbers.get(revision, 0), number, clause))
        return packed

    def list_of(self, outcomes: Sequence[tuple[str, int, int]]) -> bytes:
        """A MessagePack array of them: its length, then the parts."""
        length = len(outcomes)
        head = bytes([0x90 | length]) if length < 16 else b"\xdc" + length.to_bytes(2, "big")
        return head + b"".join(map(self.__getitem__, outcomes))


def make_batch(facts: Facts, packed: PackedOutcomes, watermark: int | None) -> Batch:
    """All that the decisions of one batch want written.

    Args:
        packed: packs the outcomes of the summaries.
        watermark: the last accepted event that is decided with it; None where none is.
    """
    changes = facts.changes
    merged = {loser for loser, _, _ in changes.merges}
    batch = Batch(watermark=watermark)
    batch.customers = [_row(facts.customers[id_]) for id_ in sorted(changes.customers) if id_ and id_ not in merged]
    batch.events = changes.events
    batch.posted = changes.posted
    batch.runs = list(changes.runs.values())
    batch.effects = list(changes.effects.values())
    batch.cancel_effects_of = changes.cancelled
    batch.summaries = [
        Summary(seq, at, packed.list_of(outcomes), pack_changes(changed))
        for seq, at, outcomes, changed in changes.summaries
    ]
    batch.decisions = changes.decisions
    batch.records = list(facts.records.changed.values())
    batch.consents = [ConsentRow(*answer) for answer in changes.consents]
    batch.suppressions = [SuppressionRow(*entry) for entry in changes.suppressions]
    batch.merges = [Merge(*merge) for merge in changes.merges]
    batch.pauses = [PauseRow("rule", rule, True, reason, "breaker", at) for rule, reason, at in changes.trips]
    batch.pauses += [
        PauseRow("channel", channel, True, reason, "delivery", at) for channel, reason, at in changes.channel_pauses
    ]
    return batch


def encode(source: Mapping[str, Json]) -> str:
    """A rule's text as it is kept: JSON, the keys in their written order."""
    return _json(source).decode()


def pack_changes(changes: list[Change]) -> bytes:
    """Changed fields as JSON; empty where nothing changed."""
    if not changes:
        return b""
    return _json([(change.field, change.before, change.after) for change in changes])


def _row(customer: CustomerFacts) -> CustomerRow:
    return CustomerRow(
        id=customer.id,
        key=customer.key,
        fields=customer.fields,
        stamps=customer.stamps,
        first_seen=customer.first_seen,
        watches=customer.watches,
        recheck_at=customer.recheck_at,
        first_seq=customer.first_seq,
    )
