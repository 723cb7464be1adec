"""The changes of a working set as one batch of rows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from retain.decide.facts import CustomerFacts, Facts
from retain.model import Change, Json
from retain.pipeline.packing import Packing
from retain.store.rows import Batch, ConsentRow, CustomerRow, Merge, PauseRow, Summary, SuppressionRow

_json = msgspec.json.Encoder().encode


def make_batch(facts: Facts, packing: Packing | None, watermark: int | None) -> Batch:
    """All that the decisions of one batch want written.

    Args:
        packing: of the outcomes in the summaries; None where the store keeps no log.
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
        Summary(seq, at, packing.pack(outcomes) if packing is not None else b"", pack_changes(changed))
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
