"""Messages are taken in once each, in order, durably, and are placed at one customer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.errors import StoreError
from retain.model import MessageKind
from retain.store.identity import IdentityCache
from retain.store.rows import Accepted, Batch
from retain.store.store import Store
from store_help import T0, alias, customer, decide_all, derived, identify, message
from stores import KINDS, new_store


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    with new_store(request.param, tmp_path) as opened:
        yield opened


def test_messages_get_their_places_in_the_order_given(store):
    results = store.accept([message(at=T0 + 2), message(at=T0)], T0)
    assert [result.seq for result in results] == [1, 2]
    assert [event.occurred_at for event in store.undecided(10)] == [T0 + 2, T0]


def test_an_event_comes_back_as_it_was_sent(store):
    sent = message("Order", at=T0, received=T0 + 5, id="m", fields={"total": 12.5, "tags": ["ä"]}, historical=True)
    store.accept([sent], T0)
    [event] = store.undecided(10)
    assert (event.kind, event.name, event.fields) == (MessageKind.TRACK, "Order", {"total": 12.5, "tags": ["ä"]})
    assert (event.occurred_at, event.received_at, event.historical) == (T0, T0 + 5, True)
    assert (event.cause, event.depth, event.cause_seq, event.merged_from) == ("web:m", 0, None, None)


def test_a_message_sent_again_is_answered_with_the_event_it_is(store):
    [first] = store.accept([message(id="m")], T0)
    assert store.accept([message(id="m", name="other")], T0) == [Accepted(first.seq, first.customer, duplicate=True)]
    assert len(store.undecided(10)) == 1


def test_a_message_twice_in_one_batch_is_stored_once(store):
    results = store.accept([message(id="m"), message(id="m")], T0)
    assert [result.duplicate for result in results] == [False, True]
    assert results[0].seq == results[1].seq


def test_message_ids_are_unique_within_their_source_only(store):
    results = store.accept([message(id="m", source="web"), message(id="m", source="app")], T0)
    assert [result.duplicate for result in results] == [False, False]


def test_a_repeated_message_makes_no_customer(store):
    store.accept([message(id="m", user_id="1")], T0)
    store.accept([message(id="m", user_id="2")], T0)
    assert store.customer_by_key("user:2") is None


ids = st.text(max_size=3)


@given(st.lists(st.lists(st.tuples(ids, st.sampled_from("ab"), st.sampled_from("xyz")), max_size=6), max_size=6))
def test_each_source_and_message_id_is_stored_once_whatever_the_batches(batches):
    with Store.in_memory() as store:
        wanted, fresh = set(), 0
        for batch in batches:
            results = store.accept([message(id=f"_{id}", source=source, user_id=who) for id, source, who in batch], T0)
            assert len(results) == len(batch)
            wanted |= {(source, f"_{id}") for id, source, _ in batch}
            fresh += sum(not result.duplicate for result in results)
        events = store.undecided(1000)
        assert {(event.source, event.message_id) for event in events} == wanted
        assert len(events) == len(wanted) == fresh


def test_undecided_stops_at_the_first_event_received_later(store):
    store.accept([message(received=T0), message(received=T0 + 10, at=T0), message(received=T0)], T0)
    assert [event.seq for event in store.undecided(10, until=T0 + 9)] == [1]
    assert [event.seq for event in store.undecided(2)] == [1, 2]


def test_nothing_is_undecided_once_the_watermark_has_passed(store):
    store.accept([message(received=T0 + 3, at=T0)], T0)
    assert (store.has_undecided(), store.next_undecided(), store.undecided_customers()) == (True, T0 + 3, {1})
    store.commit(Batch(watermark=1))
    assert (store.has_undecided(), store.next_undecided(), store.watermark()) == (False, None, 1)


def test_a_customer_is_first_seen_when_its_first_event_happened(store):
    store.accept([message(at=T0, received=T0 + 9), message(at=T0 - 100)], T0)
    row = store.customer_by_key("user:1")
    assert (row.first_seen, row.first_seq, row.key, row.fields) == (T0, 1, "user:1", {})


def test_a_known_visitor_who_gets_a_user_id_stays_the_same_customer(store):
    store.accept([message(anonymous_id="a"), message(anonymous_id="a", user_id="1"), message(user_id="1")], T0)
    assert {event.customer for event in store.undecided(10)} == {customer(store, "user:1")}
    assert store.customer_by_key("user:1").key == "anonymous:a"


def test_an_unknown_anonymous_id_is_linked_to_the_user(store):
    store.accept([message(user_id="1"), message(anonymous_id="a", user_id="1"), message(anonymous_id="a")], T0)
    assert {event.customer for event in store.undecided(10)} == {customer(store, "user:1")}


def test_an_identify_that_joins_two_known_customers_belongs_to_the_user_and_names_the_visitor(store):
    store.accept([message(user_id="1"), message(anonymous_id="a")], T0)
    user, visitor = customer(store, "user:1"), customer(store, "anonymous:a")
    store.accept([identify(user_id="1", anonymous_id="a"), identify(user_id="1", anonymous_id="a")], T0)
    joined = store.undecided(10)[2:]
    assert [(event.customer, event.merged_from) for event in joined] == [(user, visitor), (user, None)]


def test_what_comes_after_the_joining_event_is_the_survivors(store):
    store.accept([message(user_id="1"), message(anonymous_id="a")], T0)
    store.accept([identify(user_id="1", anonymous_id="a"), message(anonymous_id="a")], T0)
    store.accept([message(anonymous_id="a")], T0)
    user = customer(store, "user:1")
    assert [event.customer for event in store.undecided(10)[2:]] == [user, user, user]


def test_a_track_with_both_ids_joins_nobody(store):
    store.accept([message(user_id="1"), message(anonymous_id="a"), message(user_id="1", anonymous_id="a")], T0)
    assert [event.merged_from for event in store.undecided(10)] == [None, None, None]
    assert customer(store, "anonymous:a") != customer(store, "user:1")


def test_two_users_on_one_device_are_never_joined(store):
    store.accept([identify(user_id="1", anonymous_id="a"), identify(user_id="2", anonymous_id="a")], T0)
    assert customer(store, "user:1") != customer(store, "user:2")
    assert [event.merged_from for event in store.undecided(10)] == [None, None]
    store.accept([message(user_id="3"), identify(user_id="3", anonymous_id="a")], T0)
    assert customer(store, "anonymous:a") == customer(store, "user:1")


def test_an_alias_joins_two_known_customers_under_the_new_id(store):
    store.accept([message(user_id="old"), message(user_id="new"), alias("old", "new")], T0)
    events = store.undecided(10)
    assert (events[2].customer, events[2].merged_from) == (events[1].customer, events[0].customer)
    assert customer(store, "user:old") == customer(store, "user:new")


def test_an_alias_to_an_unknown_id_renames(store):
    store.accept([message(anonymous_id="a"), alias("a", "1"), message(user_id="1")], T0)
    assert {event.customer for event in store.undecided(10)} == {1}
    assert {event.merged_from for event in store.undecided(10)} == {None}


def test_an_alias_of_two_unknown_ids_links_them(store):
    store.accept([alias("a", "1"), message(anonymous_id="a")], T0)
    assert {event.customer for event in store.undecided(10)} == {customer(store, "user:1")}


def test_aliases_in_a_row_lead_to_the_last(store):
    store.accept([message(user_id=name) for name in "abc"] + [alias("a", "b"), alias("b", "c")], T0)
    assert [event.merged_from for event in store.undecided(10)[3:]] == [1, 2]
    assert {customer(store, f"user:{name}") for name in "abc"} == {3}


def test_an_address_stands_in_where_there_is_no_id(store):
    store.accept([message(email="Ann@Example.test"), message(email="ann@example.test ")], T0)
    assert {event.customer for event in store.undecided(10)} == {customer(store, "email:ANN@example.test")}


def test_an_address_that_an_identify_names_leads_to_its_user(store):
    store.accept([identify(user_id="1", fields={"email": "ann@example.test"}), message(email="ANN@example.test")], T0)
    assert {event.customer for event in store.undecided(10)} == {customer(store, "user:1")}


def test_an_address_never_joins_customers(store):
    store.accept([message(email="ann@example.test"), identify(user_id="1", fields={"email": "ann@example.test"})], T0)
    assert customer(store, "email:ann@example.test") != customer(store, "user:1")
    assert [event.merged_from for event in store.undecided(10)] == [None, None]


def test_customers_are_found_by_any_name(store):
    store.accept([identify(user_id="17", anonymous_id="a", fields={"email": "ann@example.test"})], T0)
    for name in ("17", "user:17", "a", "anonymous:a", "Ann@example.test", "email:ann@example.test", "1", "#1"):
        assert store.find_customer(name).id == 1, name
    assert store.find_customer("nobody") is None
    assert store.identities_of(1) == ["user:17", "anonymous:a", "email:ann@example.test"]


def test_customers_can_be_made_by_key_for_imports(store):
    store.accept([message(user_id="1")], T0)
    made = store.ensure_customers(["user:1", "email:bob@example.test"], T0 + 5)
    assert made == {"user:1": 1, "email:bob@example.test": 2}
    assert store.ensure_customers(["email:BOB@example.test"], T0) == {"email:BOB@example.test": 2}
    with pytest.raises(StoreError, match="no customer key"):
        store.ensure_customers(["bob"], T0)


def test_places_go_on_after_derived_events(store):
    store.accept([message()], T0)
    assert store.commit(Batch(watermark=1, events=[derived(-1, 1)])) == {-1: 2}
    [accepted] = store.accept([message()], T0)
    assert accepted.seq == 3
    assert [event.seq for event in store.undecided(10)] == [3]


def test_absorbed_customers_are_found_as_their_survivor(store):
    store.accept([message(user_id="1"), message(anonymous_id="a"), identify(user_id="1", anonymous_id="a")], T0)
    decide_all(store)
    assert store.find_customer("#2").id == store.find_customer("a").id == 1
    assert store.customers([2])[2].merged_into == 1
    assert store.customer_ids_after(0, 10) == [1]


def test_identities_that_fell_out_of_memory_are_read_again(store):
    store._identities = IdentityCache(size=2)
    for _ in range(2):
        store.accept([message(user_id=str(number)) for number in range(10)], T0)
    assert [event.customer for event in store.undecided(100)] == [*range(1, 11), *range(1, 11)]
