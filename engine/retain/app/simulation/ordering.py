"""Messages in the order of their receipt, however many: sorted in pieces on disk, and merged as they are read."""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from retain.app.simulation.feeding import receipt
from retain.model import Instant, Message

_PIECE = 10_000
_BLOCK = 25  # of each piece so many messages are in memory while they are merged


@dataclass(slots=True)
class Ordered:
    """Messages by received_at, those of one instant as they came; read once.

    Args:
        folder: where pieces are kept that are too many for memory; of a process that made them itself.
        piece: how many messages are held in memory at once.
    """

    folder: Path
    piece: int = _PIECE
    first: Instant = 0
    last: Instant = 0
    count: int = 0
    _pieces: list[Path] = field(default_factory=list)
    _rest: list[Message] = field(default_factory=list)

    def take(self, messages: Iterable[Message]) -> None:
        """Read all of them."""
        iterator = iter(messages)
        while found := sorted(islice(iterator, self.piece), key=receipt):
            self.first = min(self.first, found[0].received_at) if self.count else found[0].received_at
            self.last = max(self.last, found[-1].received_at)
            self.count += len(found)
            if len(found) < self.piece:
                self._rest = found
                break
            self._pieces.append(self._written(found))

    def __iter__(self) -> Iterator[Message]:
        return heapq.merge(*map(_read, self._pieces), self._rest, key=receipt)

    def _written(self, messages: Sequence[Message]) -> Path:
        path = self.folder / f"piece{len(self._pieces)}"
        with path.open("wb") as file:
            for start in range(0, len(messages), _BLOCK):
                pickle.dump(messages[start : start + _BLOCK], file, pickle.HIGHEST_PROTOCOL)
        return path


def _read(path: Path) -> Iterator[Message]:
    with path.open("rb") as file:
        while file.peek(1):
            yield from pickle.load(file)  # noqa: S301  of this very process
