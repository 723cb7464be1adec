"""Customers as the last batches left them, so that the next one need not read them again.

The store is what counts. A working set takes customers out and gives them back once it is committed; whatever is
written otherwise, but for messages that are taken in, makes all of them void.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from retain.decide.facts import CustomerFacts, Facts
from retain.language.plan import Plan
from retain.model import Instant, Millis, Run, RunState
from retain.store.store import Store

_LONGEST = 200  # events of one name, or messages; a customer with more is read anew
_EACH = 10  # events and messages, on average: with the number of customers the bound of memory
_TRIED = 2  # as many customers as are kept, times this, are asked for until it is judged whether keeping them pays
_PAYS = 3  # one in so many must be found: keeping one costs a third of reading it
_RESTS = 10  # where it does not pay, it is tried again after so many times as long


class Warm:
    """The customers used last, up to a bound, in two halves: once the younger is full, the older is let go.

    Args:
        size: how many at most; with other workers none, since these may write about them.
    """

    def __init__(self, store: Store, size: int) -> None:
        self._store = store
        self._half = 0 if store.is_shared else size // 2
        self._asked = self._found = 0
        self._is_resting = False
        self._young: dict[int, CustomerFacts] = {}
        self._old: dict[int, CustomerFacts] = {}
        self._remembered = 0  # events and messages of the young
        self._writes = store.writes
        self._windows: Mapping[str, Millis | None] = {}  # how far back the rules look at events of each name

    def take(self, wanted: Collection[int], at: Instant) -> dict[int, CustomerFacts]:
        """Those of the wanted that are kept, with all that deciding from an instant on needs; they are given away."""
        self.check()
        self._asked += len(wanted)
        if self._is_resting:
            return {}
        young, old = self._young, self._old
        found = {}
        for customer in wanted:
            known = young.pop(customer, None)
            if known is not None:
                self._remembered -= _remembered(known)
            else:
                known = old.pop(customer, None)
            if known is not None and known.known_since <= at:
                self._trim(known, at)
                found[customer] = known
        self._found += len(found)
        return found

    def keep(self, facts: Facts, numbers: Mapping[int, int]) -> None:
        """Take the customers of a working set back, right after its commit.

        Args:
            numbers: places in the order of the events that it has made, by their working numbers.
        """
        self._writes = self._store.writes
        self._judge()
        if facts.changes.merges or self._is_resting or not self._half:
            self.forget()
            return
        needed = self._windows = facts.plan.needs.events
        for number, customer in facts.customers.items():
            if not number or (customer.runs and not _settle_runs(customer, facts.plan, numbers)):
                continue
            history = customer.history
            history.series = {name: series for name, series in history.series.items() if name in needed}
            if len(customer.sends) <= _LONGEST and all(len(one.at) <= _LONGEST for one in history.series.values()):
                self._young[number] = customer
                self._remembered += _remembered(customer)
        if len(self._young) > self._half or self._remembered > _EACH * self._half:
            self._old, self._young, self._remembered = self._young, {}, 0

    def _judge(self) -> None:
        """Rest where customers hardly ever come again while they are kept, as in an import; later try anew."""
        if self._asked >= 2 * self._half * _TRIED * (_RESTS if self._is_resting else 1):
            self._is_resting = not self._is_resting and self._found * _PAYS < self._asked
            self._asked = self._found = 0

    def _trim(self, customer: CustomerFacts, at: Instant) -> None:
        """Leave out events that no window reaches any more, as if the customer were read now."""
        for name, series in customer.history.series.items():
            window = self._windows[name]
            if window is not None:
                series.forget_before(at - window)
        customer.known_since = at

    def check(self) -> None:
        """Forget all where something was written otherwise."""
        if self._writes != self._store.writes:
            self.forget()

    def forget(self) -> None:
        """Let all of them be read anew."""
        self._young, self._old, self._remembered = {}, {}, 0
        self._writes = self._store.writes


def _remembered(customer: CustomerFacts) -> int:
    return len(customer.sends) + sum(len(one.at) for one in customer.history.series.values())


def _settle_runs(customer: CustomerFacts, plan: Plan, numbers: Mapping[int, int]) -> bool:
    """Leave a customer the runs that would be read anew; False where these follow a text that needs other facts."""
    customer.runs = {name: run for name, run in customer.runs.items() if _counts(run, plan, customer.known_since)}
    for run in customer.runs.values():
        rule = plan.rules.get(run.rule)
        if rule is None or rule.revision != run.revision:
            return False
        run.started_seq = numbers.get(run.started_seq, run.started_seq)
    return True


def _counts(run: Run, plan: Plan, since: Instant) -> bool:
    if run.state is not RunState.ENDED:
        return True
    longest = plan.counted.get(run.rule)
    return longest is not None and run.first_sent_at is not None and run.first_sent_at >= since - longest
