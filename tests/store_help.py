"""Messages, events and rows for tests of the store, with everything filled in that a test does not care about."""

from __future__ import annotations

from itertools import count

from retain.model import Effect, EffectState, Event, Message, MessageKind, Run, RunState
from retain.store.rows import Batch, Merge, Summary

T0 = 1_700_000_000_000
_numbers = count(1)


def message(name="order_completed", *, at=T0, id=None, kind=MessageKind.TRACK, source="web", received=None, **given):
    """A message of user 1 unless told otherwise."""
    who = {key: given.pop(key) for key in ("user_id", "anonymous_id", "email", "previous_id") if key in given}
    if not who:
        who = {"user_id": "1"}
    return Message(
        kind=kind,
        name=name,
        fields=given.pop("fields", {}),
        occurred_at=at,
        received_at=at if received is None else received,
        source=source,
        message_id=id or f"m{next(_numbers)}",
        **who,
        **given,
    )


def identify(*, at=T0, **given):
    """An identify call."""
    return message("customer_updated", kind=MessageKind.IDENTIFY, at=at, **given)


def alias(previous_id, user_id, *, at=T0):
    """An alias call."""
    return message("", kind=MessageKind.ALIAS, previous_id=previous_id, user_id=user_id, at=at)


def derived(seq, customer, name="points_earned", *, at=T0, cause_seq=None, kind=MessageKind.TRACK, fields=None):
    """An event that a decision made, with a working number."""
    return Event(
        seq=seq,
        customer=customer,
        kind=kind,
        name=name,
        fields=fields or {},
        occurred_at=at,
        received_at=at,
        source="retain",
        message_id=f"d{next(_numbers)}",
        depth=1,
        cause_seq=cause_seq,
    )


def run(id="r1", customer=1, **given):
    """A live run that waits for nothing."""
    given = {"rule": "welcome", "revision": "v1", "key": "", "arm": "live", "state": RunState.WAITING} | given
    return Run(id=id, customer=customer, **given)


def effect(id="r1.1", customer=1, **given):
    """A pending e-mail of run r1."""
    given = {"run": "r1", "rule": "welcome", "step": "then[0]", "action": "email.send", "channel": "email"} | given
    given = {"inputs": {}, "arm": "live", "state": EffectState.PENDING, "created_at": T0, "due_at": T0} | given
    return Effect(id=id, customer=customer, **given)


def decide_all(store):
    """Mark everything that is accepted as decided, and carry out the merges that events ask for."""
    while events := store.undecided(500):
        for event in events:
            batch = Batch(watermark=event.seq, summaries=[Summary(event.seq, event.received_at, b"")])
            if event.merged_from is not None:
                batch.merges = [Merge(event.merged_from, event.customer, event.received_at)]
            store.commit(batch)


def customer(store, key):
    """The id of the customer whom a key names."""
    found = store.customer_by_key(key)
    assert found is not None, key
    return found.id
