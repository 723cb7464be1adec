"""What came of rules: the store's counts, with the refusals that stand packed in the summaries of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from retain.decide.starts import SUMMARY_ONLY
from retain.model import Outcome
from retain.pipeline.packing import Unpacking
from retain.store.rows import RuleStats, Summary
from retain.store.store import Store

__all__ = ["RuleStats", "outcomes_of", "rule_stats"]
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


def outcomes_of(store: Store, summary: Summary) -> list[tuple[int, Outcome, int]]:
    """(number of the rule's text, outcome, clause) of every rule that was looked at."""
    return Unpacking(store).each(summary.packed)


def _refusals(store: Store) -> dict[str, Counter[str]]:
    names = {row.number: row.rule for row in store.list_revisions()}
    counted: Counter[tuple[int, Outcome]] = Counter()
    position, unpacking = -1, Unpacking(store)
    while summaries := store.summaries_after(position, _CHUNK):
        for summary in summaries:
            counted.update((number, what) for number, what, _ in unpacking.each(summary.packed))
        position = summaries[-1].event_seq
    found: dict[str, Counter[str]] = {}
    for (number, what), count in counted.items():
        if number in names and what in SUMMARY_ONLY:
            found.setdefault(names[number], Counter())[what.value] += count
    return found
