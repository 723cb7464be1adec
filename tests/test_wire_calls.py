"""Calls of the Segment API become messages: which, of whom, and when."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.errors import IngestError
from retain.instants import format_instant, parse_instant
from retain.language.types import Schema
from retain.model import Message, MessageKind
from retain.wire.calls import decode_request
from retain.wire.fields import FieldTypes
from retain.wire.message import read_calls
from wire_help import NOW, SAMPLES, live, message, read, rejection, track


def samples() -> dict[str, Message]:
    calls = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    intake = read({"batch": calls})
    assert not intake.rejections
    return {sent.message_id: sent for sent in intake.messages}


def test_every_kind_of_call_is_understood() -> None:
    kinds = [sent.kind.value for sent in samples().values()]
    assert kinds == ["identify", "track", "track", "page", "screen", "group", "alias", "track", "track"]


def test_reserved_traits_are_stored_under_their_snake_case_names() -> None:
    fields = samples()["m1"].fields
    assert fields["first_name"] == "Ann"
    assert fields["created_at"] == "2026-02-01T08:00:00Z"
    assert fields["address"] == {"city": "Graz", "postal_code": "8010"}


def test_an_identify_stores_zone_and_locale_of_its_context() -> None:
    fields = samples()["m1"].fields
    assert (fields["timezone"], fields["locale"]) == ("Europe/Vienna", "de-AT")


def test_a_given_trait_wins_over_the_context() -> None:
    call = {"type": "identify", "userId": "u", "traits": {"timezone": "UTC", "a": 1}}
    context = {"timezone": "Asia/Tokyo", "traits": {"a": 2, "b": 3}}
    assert message({**call, "context": context}).fields == {"timezone": "UTC", "a": 1, "b": 3}


def test_a_track_call_stores_nothing_of_its_context() -> None:
    assert message(track(context={"timezone": "Asia/Tokyo", "traits": {"a": 1}}, properties={"x": 1})).fields == {
        "x": 1
    }


def test_first_names_of_the_spec_become_todays_names() -> None:
    sent = samples()["m3"]
    assert sent.name == "order_completed"
    assert sent.fields["order_id"] == "o-1"


def test_a_first_name_that_a_schema_declares_stays() -> None:
    types = FieldTypes(Schema(events={"completed_order": {}}))
    assert message(track(event="Completed Order"), reading=live(types=types)).name == "completed_order"


def test_a_page_is_an_event_with_its_name_and_category() -> None:
    sent = samples()["m4"]
    assert sent.name == "page_viewed"
    assert sent.fields == {"url": "https://shop.example.com/pots", "name": "Pots", "category": "Shop"}


def test_a_group_is_the_customers_company() -> None:
    assert samples()["m6"].fields == {"company": {"id": "tea-house", "name": "Tea House", "employee_count": 12}}


def test_an_alias_names_both_ids() -> None:
    sent = samples()["m7"]
    assert (sent.user_id, sent.previous_id) == ("ann-1", "browser-3")


def test_an_address_stands_in_where_no_id_is_given() -> None:
    sent = samples()["m8"]
    assert (sent.user_id, sent.anonymous_id, sent.email) == ("", "", "bob@example.com")


def test_numbers_are_ids_as_text() -> None:
    assert samples()["m5"].user_id == "42"
    assert message(track(userId=7.0)).user_id == "7"


def test_snake_case_spelling_of_the_envelope_is_understood() -> None:
    sent = samples()["m9"]
    assert (sent.user_id, sent.message_id, sent.name) == ("cem-2", "m9", "signed_up")


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (track(userId=None), "no_identity"),
        (track(userId="  "), "no_identity"),
        ({"type": "alias", "userId": "u"}, "no_identity"),
        ({"type": "alias", "anonymousId": "a", "previousId": "b"}, "no_identity"),
        (track(event=None), "no_event_name"),
        (track(event="..."), "no_event_name"),
        (track(event="x" * 256), "no_event_name"),
        (track(event={"a": 1}), "no_event_name"),
        (track(type="remove"), "bad_type"),
        (track(type=5), "bad_type"),
        ({"userId": "u"}, "bad_type"),
        ({"type": "group", "userId": "u"}, "no_group_id"),
        (track(userId="a\x00b"), "bad_id"),
        (track(userId="a\nb"), "bad_id"),
        (track(userId="u" * 256), "bad_id"),
        (track(userId={"id": 1}), "bad_id"),
        (track(userId=True), "bad_id"),
        (track(userId=1.5), "bad_id"),
        (track(userId="undefined"), "bad_id"),
        (track(messageId="m" * 101), "bad_id"),
        (track(properties={"n": 2**53 + 1}), "bad_number"),
        (track(properties={"list": [1, {"n": float("nan")}]}), "bad_number"),
        (track(properties={"n": float("inf")}), "bad_number"),
        (track(properties={"long": "x" * 33_000}), "too_large"),
    ],
)
def test_a_bad_call_is_refused_with_its_code(call: dict[str, object], code: str) -> None:
    refused = rejection(call)
    assert refused.code == code
    assert refused.cure


def test_a_refused_number_is_named() -> None:
    refused = rejection(track(properties={"basket": [{"n": 1}, {"n": 1e300}]}))
    assert refused.what.startswith("properties.basket.1.n: ")


def test_nesting_over_32_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(40):
        deep = {"d": deep}
    assert rejection(track(properties=deep)).code == "too_deep"


@pytest.mark.parametrize("call", ['{"type": "track", "userId": "u", "event": "a", "properties": {"x": %s}}', "%s"])
def test_of_an_item_that_is_nested_too_deeply_to_be_written_down_again_nothing_is_kept(call: str) -> None:
    for depth in (90, 300, 900):
        body = '{"batch": [%s]}' % (call % ("[" * depth + "]" * depth))
        (refused,) = read_calls(decode_request(body.encode()), live()).rejections
        assert len(json.dumps(refused.raw)) < 300
        assert (refused.raw == {"nested_deeper_than": 100}) == (depth > 100)


def test_one_bad_item_costs_nothing_else() -> None:
    intake = read({"batch": [track(messageId="a"), 7, track(userId=None), track(messageId="b")]})
    assert [sent.message_id for sent in intake.messages] == ["a", "b"]
    assert intake.indexes == [0, 3]
    assert [(refused.index, refused.code) for refused in intake.rejections] == [(1, "bad_type"), (2, "no_identity")]


@pytest.mark.parametrize("broken", [b'{"n": 1e999}', b'{"n": NaN}', b'{"t": "\\ud83d"}', b'{"t": "\xff"}'])
def test_an_item_that_is_hardly_json_costs_nothing_else(broken: bytes) -> None:
    body = b'{"batch": [{"type": "track", "userId": "u", "event": "a", "properties": %s}, %s]}'
    intake = read_calls(decode_request(body % (broken, json.dumps(track()).encode())), live())
    assert "m1" in [sent.message_id for sent in intake.messages]
    assert all(refused.code == "bad_number" for refused in intake.rejections)
    for sent in intake.messages:
        json.dumps(sent.fields).encode()


def test_an_undeclared_event_is_refused_in_strict_mode_only() -> None:
    assert message(track(event="Tea Brewed")).name == "tea_brewed"
    refused = rejection(track(event="Tea Brewed"), reading=live(strict=True))
    assert (refused.code, refused.cure) == ("undeclared_event", "add schemas/events/tea_brewed.json")


def test_the_context_of_a_batch_lies_under_each_items_own() -> None:
    items = [{"type": "identify", "userId": "a"}, {"type": "identify", "userId": "b", "context": {"locale": "en"}}]
    intake = read({"batch": items, "context": {"locale": "de", "timezone": "UTC"}})
    assert [sent.fields["locale"] for sent in intake.messages] == ["de", "en"]


@pytest.mark.parametrize(
    ("times", "occurred"),
    [
        ({}, "2026-03-01T10:00:00Z"),
        ({"timestamp": "2026-03-01T09:00:00Z"}, "2026-03-01T09:00:00Z"),
        ({"timestamp": "2026-03-01T09:00:00"}, "2026-03-01T09:00:00Z"),
        ({"timestamp": 1772355600}, "2026-03-01T09:00:00Z"),
        ({"timestamp": 1772355600000}, "2026-03-01T09:00:00Z"),
        ({"timestamp": "1772355600000"}, "2026-03-01T09:00:00Z"),
        ({"timestamp": "2026-03-01T09:00:00.123456789Z"}, "2026-03-01T09:00:00.123Z"),
        # The sender's clock is two hours fast: what counts is that the call came a minute after it happened.
        ({"timestamp": "2026-03-01T11:59:00Z", "sentAt": "2026-03-01T12:00:00Z"}, "2026-03-01T09:59:00Z"),
        ({"originalTimestamp": "2026-03-01T11:59:00Z", "sentAt": "2026-03-01T12:00:00Z"}, "2026-03-01T09:59:00Z"),
        # Another collector has corrected this one already.
        ({"timestamp": "2026-02-01T09:00:00Z", "sentAt": "2026-02-01T09:30:00Z", "receivedAt": "2026-02-01T09:30:01Z"},
         "2026-02-01T09:00:00Z"),
    ],
)  # fmt: skip
def test_when_it_happened_is_told_by_our_clock(times: dict[str, object], occurred: str) -> None:
    sent = message(track(**times))
    assert format_instant(sent.occurred_at) == occurred
    assert sent.received_at == NOW


def test_sent_at_of_a_batch_holds_for_its_items() -> None:
    intake = read({"batch": [track(timestamp="2026-03-01T11:00:00Z")], "sentAt": "2026-03-01T12:00:00Z"})
    assert intake.messages[0].occurred_at == NOW - 3_600_000


def test_a_future_time_is_cut_to_when_it_came_and_noted() -> None:
    intake = read(track(timestamp="2026-03-01T12:00:00Z"))
    assert intake.messages[0].occurred_at == NOW
    assert [note.code for note in intake.notes] == ["future_time"]


@pytest.mark.parametrize("stamp", ["soon", "0001-01-01T00:00:00Z", 0, [], "2026-13-01", 10**30, True])
def test_an_unusable_time_is_when_it_came_and_noted(stamp: object) -> None:
    intake = read(track(timestamp=stamp))
    assert intake.messages[0].occurred_at == NOW
    assert [note.code for note in intake.notes] == ["bad_timestamp"]


def test_a_message_of_a_file_was_received_when_it_says_or_when_it_happened() -> None:
    reading = live(received_at=None, source="import:old.jsonl", historical=True)
    told = message(track(timestamp="2026-01-01T00:00:00Z", receivedAt="2026-01-01T00:00:05Z"), reading=reading)
    assert told.received_at - told.occurred_at == 5_000
    untold = message(track(timestamp="2026-01-01T00:00:00Z", sentAt="2026-02-01T00:00:00Z"), reading=reading)
    assert untold.received_at == untold.occurred_at == parse_instant("2026-01-01")
    assert untold.historical
    assert rejection(track(), reading=reading).code == "bad_timestamp"


def test_a_repeated_call_without_an_id_is_known_again() -> None:
    call = track(messageId=None, timestamp="2026-03-01T09:00:00Z")
    first = message({**call, "sentAt": "2026-03-01T09:00:01Z"})
    again = message({**call, "sentAt": "2026-03-01T09:00:09Z"}, reading=live(received_at=NOW + 8_000))
    other = message({**call, "event": "Order Refunded"})
    assert first.message_id == again.message_id != other.message_id


def test_calls_without_id_and_time_are_never_taken_for_one() -> None:
    call = track(messageId=None)
    ids = {sent.message_id for sent in read({"batch": [call, call]}).messages}
    ids.add(message(call, reading=live(received_at=NOW + 1)).message_id)
    assert len(ids) == 3


def test_the_path_says_the_kind_of_a_single_call() -> None:
    assert message({"userId": "u", "name": "Home"}, kind="screen").name == "screen_viewed"
    assert message({"userId": "u", "traits": {}}, kind="identify").kind is MessageKind.IDENTIFY


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "bad_json"),
        (b"nonsense", "bad_json"),
        (b"[]", "bad_json"),
        (b'{"batch": {}}', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"batch": [' + b"1," * 2_500 + b"1]}", "too_many"),
        (b" " * 600_000, "too_large"),
    ],
)
def test_a_body_that_is_no_request_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(IngestError) as caught:
        decode_request(body)
    assert caught.value.reason == reason


def test_a_byte_order_mark_is_forgiven() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(track()).encode()
    assert len(read_calls(decode_request(body), live()).messages) == 1


ZERO, KEPT = "a\0b", "a\ufffdb"


@pytest.mark.parametrize("more", [{}, {"n": float("nan")}])
def test_a_zero_byte_in_a_text_is_replaced_and_in_an_id_refused(more: dict[str, object]) -> None:
    written = r"a\u0000b"  # six plain characters, no zero byte
    call = track(properties={"list": [ZERO, {ZERO: ZERO}], "plain": written}, context={"x": more})
    assert message(call).fields == {"list": [KEPT, {KEPT: KEPT}], "plain": written}
    traits = {"type": "identify", "userId": "u", "context": {"traits": {"a": ZERO}}}
    assert message(traits).fields == {"a": KEPT}
    intake = read({"batch": [{"type": "identify", "userId": "u"}], "context": {"timezone": ZERO}})
    assert intake.messages[0].fields == {"timezone": KEPT}
    assert rejection({"type": "identify", "traits": {"email": f"{ZERO}@example.test"}}).code == "no_identity"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "type",
        "userId",
        "anonymousId",
        "messageId",
        "event",
        "properties",
        "traits",
        "timestamp",
        "sentAt",
        "context",
        "receivedAt",
        "originalTimestamp",
        "previousId",
        "groupId",
        "name",
        "category",
        "action",
        "user_id",
        "batch",
    ]
)
CALLS = st.dictionaries(KEYS, JSON | st.sampled_from(["track", "identify", "group", "page", "alias"]), max_size=8)


@given(st.lists(CALLS | JSON, max_size=4), st.sampled_from([NOW, None]))
def test_every_item_of_whatever_shape_ends_as_a_message_or_a_rejection(items: list[object], at: int | None) -> None:
    request = decode_request(json.dumps({"batch": items}).encode())
    intake = read_calls(request, live(received_at=at))
    assert sorted([*intake.indexes, *(refused.index for refused in intake.rejections)]) == list(range(len(items)))
    assert all(sent.occurred_at <= sent.received_at for sent in intake.messages)


@given(st.binary(max_size=80), st.sampled_from(["", "gzip", "deflate", "br", "identity"]))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes, encoding: str) -> None:
    with suppress(IngestError):
        read_calls(decode_request(body, content_encoding=encoding), live())
