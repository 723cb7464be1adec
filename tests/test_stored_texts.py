"""Texts from outside that not every database can keep: they come in so that all of them can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from decide_help import NOON, plan, said
from retain.instants import HOUR
from retain.model import Message, MessageKind
from retain.testing.virtual import VirtualEngine
from retain.wire.calls import decode_request
from retain.wire.fields import FieldTypes
from retain.wire.message import Intake, Reading, read_calls
from stores import KINDS, new_store

RULES = """
rules:
  r:
    when: {event: a}
    runs: {per: event.k}
    then:
      - note.write: {text: "{{ event.k }}"}
"""
ZERO, KEPT = "x\0y", "x\ufffdy"


def read(*calls: dict[str, object]) -> Intake:
    reading = Reading(source="s", types=FieldTypes(plan(RULES).schema), received_at=NOON)
    return read_calls(decode_request(json.dumps({"batch": calls}).encode()), reading)


@pytest.mark.parametrize("kind", KINDS)
def test_a_zero_byte_in_an_event_stops_nobody(kind: str, tmp_path: Path) -> None:
    events = [
        {"type": "identify", "userId": "u", "traits": {"timezone": ZERO, ZERO: 1}},
        {"type": "track", "userId": "u", "event": "a", "properties": {"k": ZERO}},
        {"type": "track", "userId": "v", "event": "a", "properties": {"k": "plain"}},
    ]
    with new_store(kind, tmp_path) as store:
        world = VirtualEngine(plan(RULES), NOON, store=store)
        world.send(*read(*events).messages)
        assert said(world) == [KEPT, "plain"]
        assert (store.failed_events(), store.has_undecided()) == ([], False)
        assert world.fields_of("u")[KEPT] == 1
        assert store.timezones() == {KEPT: 1}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_at_a_name_with_a_zero_byte_can_be_listed(kind: str, tmp_path: Path) -> None:
    (refused,) = read({"type": "track", "userId": "u", "event": "a", "properties": {ZERO: 1e300}}).rejections
    with new_store(kind, tmp_path) as store:
        store.add_rejects([(NOON, "s", refused.what, "{}")])
        assert store.list_rejects(1)[0].reason.startswith(f"properties.{KEPT}: ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_zero_byte_that_is_stored_already_ends_no_question_about_all_customers(kind: str, tmp_path: Path) -> None:
    with new_store(kind, tmp_path) as store:
        store.accept([_before()], NOON)
        VirtualEngine(plan(RULES), NOON, store=store).move_to(NOON + HOUR)
        assert store.timezones() == {"UTC": 1}


def _before() -> Message:
    fields = {"timezone": "UTC", "first_name": ZERO}
    return Message(
        kind=MessageKind.IDENTIFY, name="customer_updated", fields=fields, occurred_at=NOON, received_at=NOON,
        source="s", message_id="m1", user_id="u", anonymous_id="",
    )  # fmt: skip
