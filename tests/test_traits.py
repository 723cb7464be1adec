"""How customer fields are written: the last writer by occurred_at wins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retain.model import Change, MessageKind
from retain.traits import apply_traits, merge_traits, traits_of

names = st.sampled_from("abc")
values = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["x", "y"]) | st.just({"city": "Ulm"})
writes = st.lists(st.tuples(st.dictionaries(names, values), st.integers(0, 5)), max_size=8)


def written(steps):
    fields, stamps = {}, {}
    for new, at in steps:
        apply_traits(fields, stamps, new, at)
    return fields, stamps


def test_a_later_write_replaces_and_is_reported():
    fields, stamps = {"plan": "free"}, {"plan": 1}
    assert apply_traits(fields, stamps, {"plan": "pro"}, 2) == [Change("plan", "free", "pro")]
    assert (fields, stamps) == ({"plan": "pro"}, {"plan": 2})


def test_a_late_write_that_loses_changes_nothing():
    fields, stamps = {"plan": "pro"}, {"plan": 5}
    assert apply_traits(fields, stamps, {"plan": "free"}, 4) == []
    assert (fields, stamps) == ({"plan": "pro"}, {"plan": 5})


def test_of_equal_instants_the_one_applied_later_wins():
    assert written([({"plan": "free"}, 3), ({"plan": "pro"}, 3)])[0] == {"plan": "pro"}


def test_none_removes_and_an_older_value_does_not_come_back():
    assert written([({"plan": "free"}, 1), ({"plan": None}, 5), ({"plan": "old"}, 3)])[0] == {}


def test_the_same_value_again_is_no_change():
    fields, stamps = {"n": 1}, {"n": 1}
    assert apply_traits(fields, stamps, {"n": 1.0}, 2) == []
    assert apply_traits(fields, stamps, {"n": True}, 3) == [Change("n", 1, True)]


def test_a_nested_object_is_replaced_whole():
    assert written([({"a": {"x": 1, "y": 2}}, 1), ({"a": {"x": 3}}, 2)])[0] == {"a": {"x": 3}}


def test_a_group_is_the_field_company_and_a_track_sets_nothing():
    assert traits_of(MessageKind.GROUP, {"name": "Acme"}) == {"company": {"name": "Acme"}}
    assert traits_of(MessageKind.TRACK, {"name": "Acme"}) == {}


@given(writes)
def test_each_field_holds_its_last_writer(steps):
    fields, _ = written(steps)
    for name in "abc":
        mine = [(at, index, new[name]) for index, (new, at) in enumerate(steps) if name in new]
        assert fields.get(name) == (max(mine, key=lambda write: write[:2])[2] if mine else None)


@given(writes, writes)
def test_a_merge_keeps_the_later_stamp_of_each_field(ours, theirs):
    fields, stamps = written(ours)
    kept, kept_stamps = dict(fields), dict(stamps)
    other, other_stamps = written(theirs)
    merge_traits(fields, stamps, other, other_stamps)
    for name in "abc":
        from_other = name in other_stamps and other_stamps[name] > kept_stamps.get(name, -1)
        assert fields.get(name) == (other if from_other else kept).get(name)
