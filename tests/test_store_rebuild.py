"""The state at any past instant, made again from events, is the state that decisions had then."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from retain.model import MessageKind
from retain.store.rows import Batch, Merge, Summary
from retain.store.store import Store
from retain.traits import apply_traits, merge_traits, traits_of
from store_help import T0, alias, derived, identify, message


def decide(store, size, *, sets=False):
    """Decide everything in batches of `size` as the engine does: fields, merges and `set` events of a rule."""
    while events := store.undecided(size):
        rows = store.customers({event.customer for event in events} | {event.merged_from or 0 for event in events})
        batch = Batch(watermark=events[-1].seq)
        for event in events:
            row = rows[event.customer]
            if event.merged_from is not None:
                loser = rows.pop(event.merged_from)
                merge_traits(row.fields, row.stamps, loser.fields, loser.stamps)
                row.first_seen = min(row.first_seen, loser.first_seen)
                batch.merges.append(Merge(loser.id, row.id, event.received_at))
            apply_traits(row.fields, row.stamps, traits_of(event.kind, event.fields), event.occurred_at)
            batch.summaries.append(Summary(event.seq, event.received_at, b""))
            if sets and event.name == "order_completed":
                made = derived(-event.seq, row.id, "customer_updated", at=event.received_at, kind=MessageKind.SET)
                made.fields.update(stage=event.seq)
                batch.events.append(made)
                batch.summaries.append(Summary(made.seq, event.received_at, b""))
                apply_traits(row.fields, row.stamps, made.fields, made.occurred_at)
        batch.customers = list(rows.values())
        store.commit(batch)


users = st.sampled_from("12")
visitors = st.sampled_from(["", "a", "b"])
instants = st.integers(T0, T0 + 3)
fields = st.dictionaries(st.sampled_from(["plan", "stage"]), st.sampled_from(["x", "y", None]), max_size=2)
sent = st.one_of(
    st.builds(
        lambda u, v, at, f: identify(user_id=u, anonymous_id=v, at=at, fields=f), users, visitors, instants, fields
    ),
    st.builds(lambda v, at, f: identify(anonymous_id=v, at=at, fields=f), st.sampled_from("ab"), instants, fields),
    st.builds(lambda u, v, at: message(user_id=u, anonymous_id=v, at=at), users, visitors, instants),
    st.builds(lambda v, at: message(anonymous_id=v, at=at), st.sampled_from("ab"), instants),
    st.builds(lambda a, b, at: alias(a, b, at=at), st.sampled_from("12ab"), users, instants),
    st.builds(
        lambda u, at, f: message("", kind=MessageKind.GROUP, user_id=u, at=at, fields=f), users, instants, fields
    ),
)


def received(messages):
    """The messages, received one millisecond after another."""
    return [one._replace(received_at=T0 + 10 + place) for place, one in enumerate(messages)]


@given(st.lists(sent, max_size=12), st.integers(1, 5), st.integers(0, 12))
def test_rebuilt_state_equals_stored_state_now_and_at_any_past_instant(messages, size, cut):
    messages = received(messages)
    with Store.in_memory() as store:
        store.accept(messages[:cut], T0)
        decide(store, size, sets=True)
        then = {row.id: row for row in store.customers(range(1, 9)).values()}
        store.accept(messages[cut:], T0)
        decide(store, size, sets=True)
        now = {row.id: row for row in store.customers(range(1, 9)).values()}
        for rows, at in ((then, T0 + 9 + cut), (now, T0 + 1000)):
            for row in rows.values():
                rebuilt = store.customer_at(row.id, at)
                assert rebuilt.exists is (row.merged_into is None)
                if rebuilt.exists:
                    assert (rebuilt.fields, rebuilt.stamps) == (row.fields, row.stamps)
                    assert rebuilt.first_seen == row.first_seen
                else:
                    assert rebuilt.merged_into == row.merged_into


CHAIN = [
    identify(user_id="1", at=T0), identify(anonymous_id="a", at=T0), identify(user_id="2", at=T0 + 1),
    alias("a", "2", at=T0), alias("2", "1", at=T0),
]  # fmt: skip


@given(st.lists(sent, max_size=12), st.integers(2, 12))
@example(CHAIN, 5)
def test_one_batch_of_many_leaves_the_same_state_as_many_of_one(messages, size):
    messages, states = received(messages), []
    for batch in (1, size):
        with Store.in_memory() as store:
            store.accept(messages, T0)
            decide(store, batch, sets=True)
            order = store.history(range(1, 9), {"order_completed": None, "alias": None}, store.watermark())
            states.append((store.customers(range(1, 9)), order))
    assert states[0] == states[1]


def test_what_was_received_later_is_not_known_without_hindsight():
    with Store.in_memory() as store:
        store.accept(
            [identify(at=T0, fields={"plan": "free"}), identify(at=T0 + 1, received=T0 + 9, fields={"plan": "pro"})], T0
        )
        decide(store, 10)
        assert store.customer_at(1, T0 + 5).fields == {"plan": "free"}
        assert store.customer_at(1, T0 + 5, hindsight=True).fields == {"plan": "pro"}
        assert store.customer_at(1, T0 + 9).fields == {"plan": "pro"}


def test_a_customer_does_not_exist_before_its_first_event():
    with Store.in_memory() as store:
        store.accept([message(at=T0)], T0)
        decide(store, 10)
        assert not store.customer_at(1, T0 - 1).exists
        assert not store.customer_at(99, T0).exists
        assert store.customer_at(1, T0).history == [("order_completed", T0, b"{}")]


def test_a_quarantined_event_is_not_part_of_the_past():
    with Store.in_memory() as store:
        store.accept([identify(at=T0, fields={"plan": "free"}), identify(at=T0 + 1, fields={"plan": "pro"})], T0)
        store.commit(Batch(watermark=2, quarantined=[(2, "raised")]))
        assert store.customer_at(1, T0 + 9).fields == {"plan": "free"}
