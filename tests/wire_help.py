"""A small schema and short ways to read calls with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retain.instants import parse_instant
from retain.language.types import Schema, Type
from retain.model import Message
from retain.wire.calls import Rejection, decode_request
from retain.wire.fields import FieldTypes
from retain.wire.message import Intake, Reading, read_calls

NOW = parse_instant("2026-03-01T10:00:00Z") or 0
SAMPLES = Path(__file__).parent / "data" / "segment_calls.jsonl"


def _may(kind: Any, **more: Any) -> Type:
    return Type(kind, nullable=True, **more)


SCHEMA = Schema(
    customer={
        "email": _may("text"),
        "first_name": _may("text"),
        "created_at": _may("instant"),
        "birth_date": _may("date"),
        "age": _may("int"),
        "vip": _may("bool"),
        "plan": _may("text", enum=("free", "paid")),
        "tags": _may("text_set"),
        "lucky": _may("number_set"),
        "score": _may("number"),
        "timezone": _may("text"),
        "address.city": _may("text"),
        "address.postal_code": _may("text"),
        "company.id": _may("text"),
        "extra": _may("opaque"),
    },
    events={
        "order_completed": {
            "order_id": _may("text"),
            "total": _may("money", scale=100),
            "products.category": _may("text_set"),
            "products.price": _may("number_set"),
        },
        "product_added": {"cart_id": _may("text"), "price": _may("money", scale=100), "quantity": _may("int")},
        "page_viewed": {"name": _may("text")},
    },
)
TYPES = FieldTypes(SCHEMA)


def live(**more: Any) -> Reading:
    """How a live request is read."""
    return Reading(**{"source": "shop", "types": TYPES, "received_at": NOW, **more})


def read(body: dict[str, Any], kind: str = "", reading: Reading | None = None) -> Intake:
    """One request body, read."""
    return read_calls(decode_request(json.dumps(body).encode(), path_kind=kind), reading or live())


def message(body: dict[str, Any], kind: str = "", reading: Reading | None = None) -> Message:
    """The one message of one call."""
    intake = read(body, kind, reading)
    assert not intake.rejections, intake.rejections
    (only,) = intake.messages
    return only


def rejection(body: dict[str, Any], kind: str = "", reading: Reading | None = None) -> Rejection:
    """The one rejection of one call."""
    intake = read(body, kind, reading)
    assert not intake.messages, intake.messages
    (only,) = intake.rejections
    return only


def track(**more: Any) -> dict[str, Any]:
    """A plain call, changed here and there."""
    return {"type": "track", "userId": "u1", "messageId": "m1", "event": "Order Completed", **more}
