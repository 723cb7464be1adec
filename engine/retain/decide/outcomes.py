"""What came of the rules that one event was looked at by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from retain.language.candidates import Candidates, Refusal


class Refused(NamedTuple):
    """Candidates whose `if` was not true, by their places; nothing is built for any single one of them.

    Args:
        failing, digits: as in `Look`.
    """

    candidates: Candidates
    failing: int
    digits: Sequence[int]


@dataclass(slots=True)
class Outcomes:
    """One for every rule that was looked at; those whose `if` was not true are noted all at once."""

    single: list[Refusal] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
