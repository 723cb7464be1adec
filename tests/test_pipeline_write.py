"""How the outcomes of an event are packed, and read again."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from decide_help import engine, plan
from retain.decide.facts import OUTCOMES
from retain.decide.outcomes import Outcomes, Refused
from retain.language.candidates import CONDITION
from retain.pipeline.packing import Packing, Unpacking
from retain.store.store import Store

NUMBERS = {"a": 1, "b": 200, "c": 70_000}
OUTCOME = st.tuples(st.sampled_from([*NUMBERS, "unknown"]), st.integers(0, 15), st.integers(-1, 40))
SIZE = 40
RULES = plan("rules:\n" + "".join(f"  r{n:02}: {{when: {{event: a}}, then: [{{stop: ok}}]}}\n" for n in range(SIZE)))
CANDIDATES = RULES.candidates("a")
TEXTS = {candidate.rule.revision: 100 + place for place, candidate in enumerate(CANDIDATES.all)}


@given(st.lists(OUTCOME, max_size=40))
def test_single_outcomes_are_one_message_of_revision_number_outcome_and_clause(
    outcomes: list[tuple[str, int, int]],
) -> None:
    packed = Packing(NUMBERS, {}).pack(Outcomes(outcomes))
    assert msgspec.msgpack.decode(packed) == [
        [NUMBERS.get(name, 0), number, clause] for name, number, clause in outcomes
    ]


def test_more_outcomes_than_one_byte_can_count_are_packed_too() -> None:
    packed = Packing(NUMBERS, {}).pack(Outcomes([("a", 1, 0)] * 1_000))
    assert msgspec.msgpack.decode(packed) == [[1, 1, 0]] * 1_000


@given(st.dictionaries(st.integers(0, SIZE - 1), st.integers(0, 15)), st.lists(OUTCOME, max_size=3))
def test_what_many_conditions_refuse_is_read_as_it_was_packed(
    refused: dict[int, int], single: list[tuple[str, int, int]]
) -> None:
    failing = sum(1 << place for place in refused)
    digits = [sum((clause >> power & 1) << place for place, clause in refused.items()) for power in range(4)]
    with Store.in_memory() as store:
        (number,) = store.number_lists([list(TEXTS.values())])
        packing = Packing(NUMBERS | TEXTS, {"a": number})
        packed = packing.pack(Outcomes(list(single), [Refused(CANDIDATES, failing, digits)] if refused else []))
        found = Unpacking(store).each(packed)
    expected = [(NUMBERS.get(name, 0), OUTCOMES[outcome], clause) for name, outcome, clause in single]
    expected += [(100 + place, OUTCOMES[CONDITION], clause) for place, clause in refused.items()]
    assert sorted(found) == sorted(expected)


def test_forty_refusals_take_less_than_a_byte_each() -> None:
    every = (1 << SIZE) - 1
    packed = Packing(TEXTS, {"a": 1}).pack(Outcomes([], [Refused(CANDIDATES, every, [every, 0])]))
    assert len(packed) < SIZE


def test_conditions_that_are_watched_beside_rules_make_no_summary_longer() -> None:
    rules = [f"  r{n}: {{when: {{event: a}}, if: [event.n > 5], then: [{{stop: ok}}]}}" for n in range(9)]
    watched = "[count(a) > 5, customer.score > 1, customer.tier == 'b', customer.score < 9]"
    packed = []
    for beside in ([], [f"  w: {{when: {{becomes: {watched}}}, then: [{{stop: ok}}]}}"]):
        world = engine("\n".join(["rules:", *rules, *beside]))
        world.event("c1", "a", {"n": 1})
        summary = world.store.summary_of(1)
        assert summary is not None
        packed.append(summary.packed)
    assert packed[0] == packed[1]


def test_the_same_list_of_rules_has_the_same_number() -> None:
    with Store.in_memory() as store:
        first = store.number_lists([[1, 2], [3], [1, 2]])
        assert first[0] == first[2]
        assert store.number_lists([[3], [1, 2], []])[:2] == [first[1], first[0]]
        assert [store.members_of(number) for number in first] == [[1, 2], [3], [1, 2]]
