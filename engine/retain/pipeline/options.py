"""How a pipeline is run: live with an outbox, or virtual, where effects are answered at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from retain.decide.facts import BeforeEffect, Changes, Performed, Respond
from retain.pipeline.backfills import Backfill


class Guard(Protocol):
    """Knows what is being decided at any moment, so that a decision that never ends can be named."""

    def begin(self, name: str) -> None:
        """A decision about `event:SEQ`, `run:ID`, `effect:ID` or `look:CUSTOMER` begins; what this raises fails it."""

    def end(self) -> None:
        """The last decision that began has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What differs between the daemon, `simulate` and tests.

    Args:
        batch: at most this many events, and timers of each kind, in one transaction.
        virtual: timers are decided at the instant they are due, not at the present one.
        respond: answers every effect at once; None = effects go to the outbox.
        only_to: (channel, address) -> may be written to; None = anybody.
        before_effect: the plugins' veto.
        observe: told of every action that is carried out or stood in for.
        tally: counts (rule, outcome) of every start that was judged.
        visits: gains (rule, place) of everything that was reached, for coverage.
        guard: told of every decision that begins.
        committed: told of the changes of every batch once they are written.
        kept: about so many customers stay in memory between batches.
        backfilled: told how far a backfill is after each of its chunks.
    """

    batch: int = 200
    virtual: bool = False
    respond: Respond | None = None
    only_to: Callable[[str, str], bool] | None = None
    before_effect: BeforeEffect | None = None
    observe: Callable[[Performed], None] | None = None
    tally: Counter[tuple[str, str]] | None = None
    visits: set[tuple[str, str]] | None = None
    guard: Guard | None = None
    committed: Callable[[Changes], None] | None = None
    kept: int = 4_000
    backfilled: Callable[[Backfill], None] | None = None
