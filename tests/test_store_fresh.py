"""What was accepted just now is decided from memory; it is what the file says, whatever happened in between."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from retain.model import Event, Message, MessageKind
from retain.store.fresh import FreshEvents
from retain.store.rows import Batch, Merge, Summary
from retain.store.store import Store

_AT = 1_790_000_000_000
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def message(number: int, **given: object) -> Message:
    """One event of one of three users."""
    plain = {
        "kind": MessageKind.TRACK,
        "name": "order_completed",
        "fields": {"total": number},
        "occurred_at": _AT + number,
        "received_at": _AT + number,
        "source": "shop",
        "message_id": f"m{number}",
        "user_id": f"u{number % 3}",
    }
    return Message(**{**plain, **given})  # type: ignore[arg-type]


def from_file(path: Path, limit: int = 100) -> list[Event]:
    """The undecided events as another process reads them."""
    with Store.open(path, read_only=True) as store:
        return store.undecided(limit)


def decided(upto: int) -> Batch:
    """What is written once the events up to this one are decided."""
    return Batch(watermark=upto, summaries=[Summary(upto, _AT, b"", b"")])


@settings(max_examples=50)
@given(fields=st.dictionaries(st.text(), _JSON, max_size=4))
def test_an_event_in_memory_has_the_fields_that_the_file_gives(fields: dict[str, object]) -> None:
    store = Store.in_memory()
    store.accept([message(1, fields=fields)], _AT)
    fresh = store.undecided(10)
    store._fresh.forget()
    assert store.undecided(10) == fresh


def test_memory_and_file_agree_while_batches_are_taken_in_and_decided(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        for number in range(0, 60, 6):
            store.accept([message(index) for index in range(number, number + 6)], _AT)
            assert store.undecided(100) == from_file(path)
            assert store.undecided(4) == from_file(path, 4)
            store.commit(decided(store.undecided(5)[-1].seq))
            assert store.undecided(100) == from_file(path)


def test_a_backlog_of_another_process_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        store.accept([message(1), message(2)], _AT)
    with Store.open(path) as store:
        store.accept([message(3)], _AT)
        assert [event.message_id for event in store.undecided(10)] == ["m1", "m2", "m3"]
        store.commit(decided(2))
        assert [event.message_id for event in store.undecided(10)] == ["m3"]


def test_a_merge_renames_what_waits() -> None:
    store = Store.in_memory()
    first, second = store.accept([message(1), message(2)], _AT)
    store.commit(Batch(merges=[Merge(first.customer, second.customer, _AT)]))
    assert [event.customer for event in store.undecided(10)] == [second.customer, second.customer]


def test_only_what_was_received_by_an_instant_is_given() -> None:
    store = Store.in_memory()
    store.accept([message(1), message(5), message(2)], _AT)
    assert [event.message_id for event in store.undecided(10, _AT + 2)] == ["m1"]


def test_a_backlog_is_not_kept_in_memory() -> None:
    fresh = FreshEvents(most=2)
    event = Event(1, 1, MessageKind.TRACK, "x", {}, _AT, _AT, "shop", "m")
    fresh.add([event, event._replace(seq=2), event._replace(seq=3)])
    assert list(fresh.after(0)) == []
