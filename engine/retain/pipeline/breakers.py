"""The live starts that breakers count: kept in memory; several workers compare them at each commit."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from retain.decide.facts import Facts
from retain.language.plan import Plan
from retain.model import Instant
from retain.store.rows import Starts
from retain.store.store import Store


class Counted(deque[Instant]):
    """When a rule's live runs started; those that are not in the store yet are counted besides."""

    def __init__(self, rule: str, starts: Iterable[Instant], fresh: Counter[str]) -> None:
        super().__init__(starts)
        self._rule = rule
        self._fresh = fresh

    def append(self, at: Instant) -> None:
        """Note one more start."""
        self._fresh[self._rule] += 1
        super().append(at)


class Breakers:
    """What the breakers of a plan count, as of one look at the store."""

    def __init__(self, store: Store, plan: Plan, now: Instant) -> None:
        facts = Facts(plan=plan)
        self.starts: dict[str, deque[Instant]] = {}
        self._most: dict[str, int] = {}
        self._fresh: Counter[str] = Counter()
        self._known = store.counted_starts()  # before they are read: counted twice does no harm
        resets = store.breaker_resets()
        for rule in plan.rules.values():
            count, per = facts.breaker_of(rule)
            if count:
                names = [rule.id, rule.was] if rule.was else [rule.id]
                since = max(now - per, *(resets.get(name, 0) for name in names))
                starts = sorted(at for name in names for at in store.starts_since(name, since))
                self.starts[rule.id] = Counted(rule.id, starts, self._fresh)
                self._most[rule.id] = count

    def to_commit(self) -> list[Starts]:
        """The starts that are not in the store yet, and how many others there may be beside those that are known."""
        return [
            Starts(rule, count, self._known.get(rule, 0) + self._spare(rule)) for rule, count in self._fresh.items()
        ]

    def committed(self, written: list[Starts]) -> None:
        """Take note of what is in the store now."""
        for one in written:
            self._fresh.pop(one.rule, None)
            self._known[one.rule] = self._known.get(one.rule, 0) + one.count

    def _spare(self, rule: str) -> int:
        """How many starts more do not open the breaker."""
        return max(0, self._most[rule] - len(self.starts[rule]))
