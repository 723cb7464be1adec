"""Whom a condition holds for: the database answers, and Python decides about those of whom it cannot be sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from typing import TypeAlias, cast

from retain.language.codegen.conditions import compile_values
from retain.language.condition import Condition
from retain.language.evaluation.values import type_of
from retain.language.scope import History, Scope
from retain.language.sql import statements
from retain.language.sql.conditions import Search, SqlCompiler
from retain.language.sql.setting import Setting
from retain.language.sql.statements import Asked, Statement
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.time.schedules import zone_of
from retain.model import Instant
from retain.pipeline.load import decode
from retain.pipeline.paging import setting_of
from retain.store.database import Row
from retain.store.store import Store

SPAN = 100_000  # ids that one query looks through, so that what it finds fits in memory
OPEN = 5_000  # customers whom Python decides about at a time
MANY = 10  # events a customer, on average, above which reading all of them costs more than looking into few

Pattern: TypeAlias = tuple[bool | None, ...]  # of one customer, the verdict on each clause
_VERDICTS: Mapping[int, bool | None] = {statements.YES: True, statements.NO: False, statements.UNKNOWN: None}


@dataclass(frozen=True, slots=True)
class Loss:
    """What one clause costs.

    Args:
        held: for how many customers it is true.
        lost: how many come as far as this clause, and no farther.
        unknown: for how many of those it is neither true nor false, because a value is missing.
        alone: how many pass every other clause, so that this one alone keeps them out.
    """

    held: int
    lost: int
    unknown: int
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
        self._indexed = indexed
        self._setting = setting_of(store, zone, now)
        self._newest = self._setting.watermark if self._setting.is_settled else None

    def pages(self) -> Iterator[list[int]]:
        """Their ids in order, a page at a time."""
        for after in range(0, self._store.last_customer(), SPAN):
            rows = self._ask(partial(self._page, ids=statements.Ids(after, after + SPAN)))
            open_ = [customer for customer, how in rows if how == statements.PERHAPS]
            held = {customer: all(found) for customer, found in self._decided(open_).items()}
            if found := [customer for customer, _ in rows if held.get(customer, True)]:
                yield found

    def count(self) -> int:
        """How many they are."""
        ((surely, perhaps),) = self._ask(lambda compiler: statements.count(compiler, self._search(compiler)))
        found: int = surely
        if perhaps:
            for page in self._undecided(lambda compiler: [Asked(self._search(compiler))]):
                found += sum(all(held) for held in self._decided(page).values())
        return found

    def losses(self) -> tuple[int, list[Loss]]:
        """How many customers there are, and what each clause costs.

        What is asked of an event is unknown, since none is being decided.
        """
        nodes = self._condition.nodes

        def clauses(compiler: SqlCompiler) -> list[Asked]:
            return [_asked(compiler, node) for node in nodes]

        rows = self._ask(lambda compiler: statements.patterns(compiler, clauses(compiler)))
        counts: Counter[Pattern] = Counter()
        for *found, number in rows:
            if statements.PERHAPS not in found:
                counts[tuple(_VERDICTS[how] for how in found)] += number
        if any(statements.PERHAPS in row[:-1] for row in rows):
            for page in self._undecided(clauses):
                counts.update(self._decided(page).values())
        return sum(row[-1] for row in rows), [_loss(counts, index) for index in range(len(nodes))]

    def _page(self, compiler: SqlCompiler, ids: statements.Ids) -> Statement:
        return statements.members(compiler, self._search(compiler), ids)

    def _search(self, compiler: SqlCompiler) -> Search:
        """Found by an index, else from the events where these are not too many, else by looking at everybody."""
        few = self._store.newest_event() <= MANY * self._store.last_customer()
        return compiler.search(self._condition.nodes, from_events=few and not self._indexed)

    def _ask(self, question: Callable[[SqlCompiler], Statement]) -> list[Row]:
        """The rows of a statement, in which no event counts that was not decided when this was made.

        Where all are decided, none is asked for its number; where one has come meanwhile, the question is put again.
        """
        if self._newest is not None:
            rows = self._store.ask(question(self._compiler(replace(self._setting, watermark=None))))
            if self._store.newest_event() == self._newest:
                return rows
            self._newest = None
        return self._store.ask(question(self._compiler(self._setting)))

    def _compiler(self, setting: Setting) -> SqlCompiler:
        return SqlCompiler(self._store.database, setting, indexed=self._indexed)

    def _undecided(self, clauses: Callable[[SqlCompiler], list[Asked]]) -> Iterator[list[int]]:
        """Customers of whom the database cannot tell some clause, a page at a time."""
        ids = statements.Ids(limit=OPEN)
        while rows := self._ask(partial(_open_to_some, clauses=clauses, ids=ids)):
            ids = replace(ids, after=rows[-1][0])
            yield [row[0] for row in rows]

    def _decided(self, ids: Sequence[int]) -> dict[int, Pattern]:
        """For each customer, the verdict on every clause."""
        found: dict[int, Pattern] = {}
        verdicts = compile_values([(node, False) for node in self._condition.nodes])
        for start in range(0, len(ids), OPEN):
            scopes = self._scopes(ids[start : start + OPEN])
            found |= {customer: cast(Pattern, verdicts(scope)) for customer, scope in scopes.items()}
        return found

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


def _asked(compiler: SqlCompiler, node: Node) -> Asked:
    # A field of an event that is never missing there is missing here, where no event is being decided.
    reads_event = any(isinstance(part, ast.Field) and part.root != "customer" for part in node.walk())
    fails = compiler.everybody([node], False) if reads_event or type_of(node).nullable else None
    return Asked(compiler.everybody([node]), fails)


def _open_to_some(
    compiler: SqlCompiler, clauses: Callable[[SqlCompiler], list[Asked]], ids: statements.Ids
) -> Statement:
    return statements.undecided(compiler, clauses(compiler), ids)


def _loss(counts: Mapping[Pattern, int], index: int) -> Loss:
    held = sum(number for found, number in counts.items() if found[index])
    kept_out = [(found, number) for found, number in counts.items() if not found[index]]
    lost = [(found, number) for found, number in kept_out if all(found[:index])]
    unknown = sum(number for found, number in lost if found[index] is None)
    alone = sum(number for found, number in lost if all(found[index + 1 :]))
    return Loss(held, sum(number for _, number in lost), unknown, alone)
