"""A copy of a store to play on with knows what the store knows, as of one instant."""

from __future__ import annotations

from pathlib import Path

import pytest

from retain.model import DecisionRow
from retain.store.copying import copy_state
from retain.store.dialects.sqlite import plain
from retain.store.facts import UPDATED
from retain.store.rows import Batch, Summary
from retain.store.store import Store
from store_help import T0, customer, decide_all, identify, message
from stores import KINDS, new_store


@pytest.mark.parametrize("kind", KINDS)
def test_history_is_the_same_and_the_log_of_decisions_is_empty(kind: str, tmp_path: Path) -> None:
    with new_store(kind, tmp_path) as store, Store.open(tmp_path / "copy.db", scratch=True, log=False) as copy:
        store.accept([message("a"), identify(fields={"city": "Berlin"}), message("a"), message("a")], T0)
        store.commit(
            Batch(
                watermark=3,
                summaries=[Summary(1, T0, b"\x90"), Summary(2, T0, b"\x90", b'[["city",null,"Berlin"]]')],
                decisions=[
                    DecisionRow(
                        at=T0, event_seq=1, rule="r", customer=1, run="", kind="start", outcome="started", path=""
                    )
                ],
                quarantined=[(3, "it raised")],
            )
        )
        copy_state(store, copy)
        asked = [customer(store, "user:1")], {"a": None, UPDATED: None}, store.watermark()
        assert copy.history(*asked) == store.history(*asked)
        assert [name for _, name, _, _ in copy.history(*asked)] == ["a", UPDATED], "the one put aside is none of it"
        assert [failed.event.seq for failed in copy.failed_events()] == [3]
        assert [event.seq for event in copy.undecided(10)] == [4]
        assert store.decisions_of(rule="r") != []
        assert copy.decisions_of(rule="r") == []


def test_what_is_decided_while_a_file_is_copied_is_in_the_copy_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "retain.db"
    with Store.open(path) as daemon:
        daemon.accept([message("a")], T0)
        decide_all(daemon)
        with (
            Store.open(path, read_only=True) as store,
            Store.open(tmp_path / "copy.db", scratch=True, log=False) as copy,
        ):
            meanwhile = [message("a")]

            def before_a_query(sql: str) -> None:
                if sql.startswith("SELECT") and meanwhile:
                    daemon.accept([meanwhile.pop()], T0)
                    decide_all(daemon)

            with store._db.read() as session:
                plain(session.driver).set_trace_callback(before_a_query)
            copy_state(store, copy)
            assert not meanwhile, "something was decided beside"
            assert copy.watermark() == copy.newest_event()
