"""Whom a condition holds for: the database answers, and Python decides about those of whom it cannot be sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from retain.language.codegen.conditions import compile_test
from retain.language.condition import Condition
from retain.language.scope import History, Scope
from retain.language.sql import statements
from retain.language.sql.conditions import SqlCompiler, Verdict
from retain.language.syntax.ast import Node
from retain.language.time.schedules import zone_of
from retain.model import Instant
from retain.pipeline.load import decode
from retain.pipeline.paging import setting_of
from retain.store.store import Store

PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Loss:
    """What one clause costs.

    Args:
        held: for how many customers it is true.
        left: for how many it and all clauses before it are.
        alone: how many are not found because of it alone.
    """

    held: int
    left: int
    alone: int


class Members:
    """The customers for whom a condition is true at an instant, as the store knows them.

    Args:
        indexed: a customer's field of which the store has an index.
    """

    def __init__(self, store: Store, condition: Condition, zone: tzinfo, now: Instant, indexed: str = "") -> None:
        self._store = store
        self._condition = condition
        self._zone = zone
        self._now = now
        self._compiler = SqlCompiler(store.database, setting_of(store, zone, now), indexed=indexed)

    def pages(self) -> Iterator[list[int]]:
        """Their ids in order, a page at a time."""
        verdict, after = self._compiler.verdict(self._condition.nodes), 0
        while True:
            rows = self._store.ask(statements.members(self._compiler, verdict, after=after, limit=PAGE))
            open_ = [customer for customer, how in rows if how == statements.PERHAPS]
            holds = {customer: all(held) for customer, held in self._decided(open_, self._condition.nodes).items()}
            if ids := [customer for customer, _ in rows if holds.get(customer, True)]:
                yield ids
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def count(self) -> int:
        """How many they are."""
        verdict = self._compiler.verdict(self._condition.nodes)
        ((surely, perhaps),) = self._store.ask(statements.count(self._compiler, verdict))
        found: int = surely
        if perhaps:
            for page in self._undecided([verdict]):
                found += sum(all(held) for held in self._decided(page, self._condition.nodes).values())
        return found

    def losses(self) -> tuple[int, list[Loss]]:
        """How many customers there are, and what each clause costs."""
        nodes = self._condition.nodes
        verdicts = [self._compiler.verdict([node]) for node in nodes]
        rows = self._store.ask(statements.patterns(self._compiler, verdicts))
        counts: dict[tuple[bool, ...], int] = {}
        for *found, number in rows:
            if statements.PERHAPS not in found:
                pattern = tuple(how == statements.YES for how in found)
                counts[pattern] = counts.get(pattern, 0) + number
        if any(statements.PERHAPS in row[:-1] for row in rows):
            for page in self._undecided(verdicts):
                for held in self._decided(page, nodes).values():
                    counts[held] = counts.get(held, 0) + 1
        return sum(row[-1] for row in rows), [_loss(counts, index) for index in range(len(nodes))]

    def _undecided(self, verdicts: Sequence[Verdict]) -> Iterator[list[int]]:
        """Customers of whom the database cannot tell some clause, a page at a time."""
        after = 0
        while rows := self._store.ask(statements.undecided(self._compiler, verdicts, after=after, limit=PAGE)):
            after = rows[-1][0]
            yield [row[0] for row in rows]

    def _decided(self, ids: Sequence[int], nodes: Sequence[Node]) -> dict[int, tuple[bool, ...]]:
        """For each customer, which clauses are true."""
        if not ids:
            return {}
        tests = [compile_test(node) for node in nodes]
        scopes = self._scopes(ids)
        return {customer: tuple(test(scope) for test in tests) for customer, scope in scopes.items()}

    def _scopes(self, ids: Sequence[int]) -> Mapping[int, Scope]:
        needs = self._condition.needs
        since = {name: None if far is None else self._now - far for name, far in needs.events.items()}
        histories = {customer: History(decode) for customer in ids}
        if since:
            for customer, name, at, body in self._store.history(ids, since, self._store.watermark()):
                histories[customer].add(name, at, body)
        rows = self._store.customers(ids)
        return {
            customer: Scope(
                self._now,
                rows[customer].fields,
                histories[customer],
                rows[customer].first_seen,
                zone=zone_of(rows[customer].fields, self._zone),
            )
            for customer in ids
        }


def _loss(counts: Mapping[tuple[bool, ...], int], index: int) -> Loss:
    held = sum(number for pattern, number in counts.items() if pattern[index])
    left = sum(number for pattern, number in counts.items() if all(pattern[: index + 1]))
    others = [(pattern[:index] + pattern[index + 1 :], pattern[index], number) for pattern, number in counts.items()]
    alone = sum(number for rest, own, number in others if all(rest) and not own)
    return Loss(held, left, alone)
