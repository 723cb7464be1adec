"""Many rows by one statement on PostgreSQL are the rows that a statement for each would have written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postgres_help import database
from retain.errors import StoreError
from retain.store.database import Database, Session
from retain.store.dialects.arrays import by_columns
from retain.store.dialects.base import insert, upsert
from retain.store.dialects.postgres import PostgresDialect
from retain.store.tables import effects, events, pauses, summaries

ODD = ["", "NULL", "null", "{}", '{"a": "b\\"c\\\\"}', "a,b", "'", '"', "\\", "\\x41", " ", "%s", "?", "é✓", "\n\t"]
TEXTS = st.sampled_from(ODD) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
INSERT_EVENT = insert(events)
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**15), 2**15 - 1), TEXTS, TEXTS, NUMBERS, st.booleans(), st.none() | TEXTS, st.none() | NUMBERS
    ),
    min_size=4,
    max_size=12,
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    """A session of a new store, whose changes are undone by nobody."""
    with database() as url:
        opened = Database(PostgresDialect(url))
        with opened.read() as session:
            yield session
        opened.close()


def event_rows(drawn: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [
        (seq, 1, kind, name, body, at, at, 1, f"m{seq}", 0, truth, origin, merged, None, None)
        for seq, (kind, name, body, at, truth, origin, merged) in enumerate(drawn)
    ]


@given(ROWS)
@settings(max_examples=60)
def test_every_value_is_stored_as_it_is(session: Session, drawn: list[tuple[object, ...]]) -> None:
    rows = event_rows(drawn)
    session.change("DELETE FROM events")
    assert session.change_many(INSERT_EVENT, rows) == len(rows)
    assert session.rows("SELECT * FROM events ORDER BY seq") == rows


@given(st.lists(st.binary(max_size=8), min_size=4, max_size=8))
@settings(max_examples=20)
def test_bytes_are_stored_as_they_are(session: Session, drawn: list[bytes]) -> None:
    session.change("DELETE FROM summaries")
    session.change_many(insert(summaries), [(seq, 0, packed, None) for seq, packed in enumerate(drawn)])
    assert session.rows("SELECT packed FROM summaries ORDER BY event_seq") == [(packed,) for packed in drawn]


def test_a_column_whose_name_is_a_word_of_the_language_is_written(session: Session) -> None:
    session.change("DELETE FROM pauses")
    session.change_many(upsert(pauses), [("rule", name, "", "ana", 0) for name in "abcd"])
    assert session.rows("SELECT DISTINCT \"by\" FROM pauses WHERE scope = 'rule'") == [("ana",)]


def test_what_is_known_is_passed_over_and_not_counted(session: Session) -> None:
    rows = event_rows([(1, "", "{}", 0, False, None, None)] * 6)
    session.change("DELETE FROM events")
    session.change_many(INSERT_EVENT, rows[:2])
    assert session.change_many(f"{INSERT_EVENT} ON CONFLICT (source, message_id) DO NOTHING", rows) == 4


def test_a_row_that_comes_twice_is_as_it_came_last(session: Session) -> None:
    session.change("DELETE FROM summaries")
    session.change_many(upsert(summaries), [(seq, at, b"", None) for at, seq in enumerate([1, 2, 3, 1, 4])])
    assert session.rows("SELECT event_seq, at FROM summaries ORDER BY 1") == [(1, 3), (2, 1), (3, 2), (4, 4)]


def test_rows_are_numbered_in_their_order(session: Session) -> None:
    sql = "INSERT INTO rejects (at, source, reason, body) VALUES (?, ?, ?, ?)"
    session.change_many(sql, [(at, "shop", "", "") for at in range(50)])
    assert session.rows("SELECT at FROM rejects ORDER BY id") == [(at,) for at in range(50)]


def test_a_text_that_postgresql_cannot_keep_is_refused_by_name() -> None:
    with database() as url:
        opened = Database(PostgresDialect(url))
        rows = event_rows([(1, name, "{}", 0, False, None, None) for name in ("a", "b", "c\0d", "e")])
        with pytest.raises(StoreError, match="a character that PostgreSQL cannot keep"), opened.write() as session:
            session.change_many(INSERT_EVENT, rows)
        opened.close()


@pytest.mark.parametrize("sql", ["UPDATE events SET name = ?", "INSERT INTO elsewhere (a) VALUES (?)"])
def test_anything_else_is_run_row_by_row(sql: str) -> None:
    assert by_columns(sql) is None


def test_hot_inserts_have_the_form() -> None:
    assert by_columns(INSERT_EVENT) is not None
    assert by_columns(upsert(effects)) is not None
