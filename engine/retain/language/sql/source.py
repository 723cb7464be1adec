"""The columns that conditions as SQL read, named as the store names them; made without the store's own tables."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, Text, column, table
from sqlalchemy.sql import FromClause

Sql: TypeAlias = ColumnElement[Any]
From: TypeAlias = FromClause

CUSTOMERS = table(
    "customers",
    column("id", BigInteger),
    column("fields", Text),
    column("first_seen", BigInteger),
    column("merged_into", BigInteger),
)
EVENTS = table(
    "events",
    column("seq", BigInteger),
    column("customer", BigInteger),
    column("name", Text),
    column("body", Text),
    column("occurred_at", BigInteger),
    column("cause_seq", BigInteger),
)
FAILED = table("failed_events", column("event_seq", BigInteger))
DOC = "doc"  # name of a document that is read once for all tests of its row
EVENT_DOC = "event_doc"  # name of what holds that of an event
ZONES = "zones"  # name of the table of local instants, where a condition has any
