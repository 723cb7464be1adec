"""The one edge of deciding: whatever a rule or a plugin raises is caught here, and recorded by whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from retain.errors import RepeatedStartError, StoreError

T = TypeVar("T")


class Remembers(Protocol):
    """Keeps things in memory between batches."""

    def refresh(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Failed:
    """What was raised."""

    error: Exception

    @property
    def is_repeated(self) -> bool:
        """Whether the same, decided again, refuses a start that was made before, and no more is wrong."""
        return isinstance(self.error, RepeatedStartError)

    @property
    def reason(self) -> str:
        """The exception as people read it."""
        return f"{type(self.error).__name__}: {self.error}"


def attempt(memory: Remembers, decide: Callable[[], T]) -> T | Failed:
    """Decide and commit something; what it raises is handed back, and what was in memory is read anew.

    Raises:
        StoreError: the store failed, which says nothing of what was decided.
    """
    try:
        return decide()
    except StoreError:
        memory.refresh()
        raise
    except Exception as error:  # noqa: BLE001  an edge: a decision may raise anything
        memory.refresh()
        return Failed(error)
