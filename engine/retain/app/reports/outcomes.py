"""What came of rules: the store's counts, with the refusals that stand packed in the summaries of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

import msgspec

from retain.decide.facts import OUTCOMES
from retain.decide.starts import SUMMARY_ONLY
from retain.model import Outcome
from retain.store.rows import RuleStats, Summary
from retain.store.store import Store

__all__ = ["RuleStats", "outcomes_of", "rule_stats"]
_unpack = msgspec.msgpack.Decoder(list[tuple[int, int, int]]).decode
_CHUNK = 20_000


def rule_stats(store: Store, rules: Collection[str]) -> dict[str, RuleStats]:
    """What came of each of these rules, over everything that the store holds.

    Refusals before or at `if` stand in the summaries of events only, later ones in the log too.
    """
    refused = _refusals(store)
    found = {}
    for rule in rules:
        stats = store.rule_stats(rule)
        counts = Counter(stats.refused) + refused.get(rule, Counter())
        found[rule] = replace(stats, refused=dict(sorted(counts.items())))
    return found


def outcomes_of(summary: Summary) -> list[tuple[int, Outcome, int]]:
    """(number of the rule's text, outcome, clause) of every rule that was looked at."""
    return [(number, OUTCOMES[outcome], clause) for number, outcome, clause in _unpack(summary.packed)]


def _refusals(store: Store) -> dict[str, Counter[str]]:
    names = {row.number: row.rule for row in store.list_revisions()}
    counted: dict[str, Counter[str]] = {}
    position = -1
    while summaries := store.summaries_after(position, _CHUNK):
        for summary in summaries:
            for number, what, _ in outcomes_of(summary):
                rule = names.get(number)
                if rule is not None and what in SUMMARY_ONLY:
                    counted.setdefault(rule, Counter())[what.value] += 1
        position = summaries[-1].event_seq
    return counted
