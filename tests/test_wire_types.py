"""Values are kept under their declared types: converted where nothing is lost, else left out and named."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from retain.errors import IngestError
from retain.wire.calls import MAX_BODY_BYTES, decode_request
from wire_help import live, message, read, track


def identify(**traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "u1", "messageId": "m1", "traits": traits}


@pytest.mark.parametrize(
    ("trait", "sent", "stored"),
    [
        ("age", 26, 26),
        ("age", 26.0, 26),
        ("age", "26", 26),
        ("score", "49.90", 49.9),
        ("score", 3, 3),
        ("vip", "true", True),
        ("vip", 0, False),
        ("first_name", 7, "7"),
        ("plan", "paid", "paid"),
        ("tags", ["a", 1], ["a", "1"]),
        ("tags", "a", ["a"]),
        ("lucky", [7, "13"], [7, 13]),
        ("created_at", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("created_at", 1767225600, "2026-01-01T00:00:00Z"),
        ("created_at", "1767225600000", "2026-01-01T00:00:00Z"),
        ("birth_date", "1990-05-01", "1990-05-01"),
        ("birth_date", "1990-05-01T00:00:00.000Z", "1990-05-01"),
        ("birth_date", 641520000, "1990-05-01"),
        ("extra", {"any": ["thing"]}, {"any": ["thing"]}),
        ("undeclared", {"any": 1}, {"any": 1}),
        ("age", None, None),
    ],
)
def test_a_value_that_fits_without_loss_is_stored(trait: str, sent: object, stored: object) -> None:
    intake = read(identify(**{trait: sent}))
    assert intake.messages[0].fields == {trait: stored}
    assert type(intake.messages[0].fields[trait]) is type(stored)
    assert not intake.notes


@pytest.mark.parametrize(
    ("trait", "sent"),
    [
        ("age", 26.5),
        ("age", True),
        ("age", "26 years"),
        ("score", "1,5"),
        ("score", "٣"),
        ("score", [1]),
        ("vip", "perhaps"),
        ("vip", 2),
        ("first_name", True),
        ("first_name", {"given": "Ann"}),
        ("plan", "gold"),
        ("tags", ["a", {}]),
        ("lucky", ["many"]),
        ("created_at", "yesterday"),
        ("birth_date", "1990-05-01T13:00:00Z"),
        ("birth_date", "1990-02-30"),
        ("birth_date", 641520001),
    ],
)
def test_a_value_that_does_not_fit_is_left_out_and_named(trait: str, sent: object) -> None:
    intake = read(identify(**{trait: sent, "email": "ann@example.com"}))
    assert intake.messages[0].fields == {"email": "ann@example.com"}
    assert [note.what for note in intake.notes] == [f"{trait} does not fit its declared type and was left out"]


def test_nested_names_are_typed_by_their_path() -> None:
    intake = read(identify(address={"city": 5, "postalCode": {"no": 1}, "floor": 3}))
    assert intake.messages[0].fields == {"address": {"city": "5", "floor": 3}}
    assert "address.postal_code" in intake.notes[0].what


def test_objects_of_an_array_are_typed_one_by_one() -> None:
    products = [{"category": "tea", "price": "4.90"}, {"category": ["x"], "price": 3}, "odd"]
    intake = read(track(properties={"products": products}))
    assert intake.messages[0].fields["products"] == [{"category": "tea", "price": 4.9}, {"price": 3}, "odd"]
    assert "products.category" in intake.notes[0].what


def test_a_property_takes_its_snake_case_name_only_where_that_is_declared() -> None:
    fields = message(track(properties={"orderId": "o1", "giftWrap": True})).fields
    assert fields == {"order_id": "o1", "giftWrap": True}


def test_a_declared_name_that_is_given_wins_over_another_spelling() -> None:
    fields = message(track(properties={"orderId": "old", "order_id": "new"})).fields
    assert fields == {"orderId": "old", "order_id": "new"}


def test_properties_that_are_no_object_are_left_out_and_named() -> None:
    intake = read(track(properties=[1, 2]))
    assert intake.messages[0].fields == {}
    assert intake.notes[0].what.startswith("properties ")


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress, "gzip"),
        (gzip.compress, " GZIP "),
        (gzip.compress, ""),
        (zlib.compress, "deflate"),
        (bytes, "gzip"),
    ],
)
def test_compressed_bodies_are_read(packed: Any, encoding: str) -> None:
    assert len(decode_request(packed(json.dumps(track()).encode()), content_encoding=encoding).calls) == 1


def test_a_small_body_that_unpacks_without_end_is_refused() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < MAX_BODY_BYTES
    with pytest.raises(IngestError, match="larger than"):
        decode_request(bomb, content_encoding="gzip")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"{}", "br"), (b"\x1f\x8bjunk", "gzip"), (gzip.compress(b"{}" * 100, mtime=0)[:-9], "gzip"), (b"{}", "deflate")],
)
def test_a_body_that_cannot_be_unpacked_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(IngestError) as caught:
        decode_request(body, content_encoding=encoding)
    assert caught.value.reason == "bad_encoding"


def test_strictness_belongs_to_the_reading() -> None:
    assert read(track(event="Nobody Knows It"), reading=live(strict=True)).rejections
