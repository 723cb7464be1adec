"""What actions answer in a test: a list of attempts in order, or one output for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from retain.instants import parse_duration
from retain.model import Json
from retain.testing.virtual import Answer

KEYS = ("status", "output", "reason", "retry_in", "times")
STATUSES = ("done", "retry", "dead", "in_doubt", "later")
_ALWAYS = 10_000


def script(results: Mapping[str, Json], awaited: list[str]) -> dict[str, deque[Answer]]:
    """The answers by action, as `results` of a test writes them.

    Args:
        awaited: actions whose result a later step gives; each of these answers is left out until then.
    """
    found = {action: deque(answers_of(given)) for action, given in results.items()}
    for action in awaited:
        found.setdefault(action, deque()).append(Answer(status="later"))
    return found


def answers_of(given: Json) -> list[Answer]:
    """A list of attempts, `{status: retry, times: 2}` twice; a map is one output that every attempt answers."""
    if isinstance(given, Mapping) and not is_attempt(given):
        return [Answer(output=given)] * _ALWAYS
    entries = [given] if isinstance(given, Mapping) else given
    return [_answer(entry) for entry in entries for _ in range(entry.get("times", 1))]


def is_attempt(entry: Mapping[str, Json]) -> bool:
    """Whether a map speaks of one attempt and is not the output itself."""
    return bool(entry) and all(key in KEYS for key in entry)


def _answer(entry: Mapping[str, Json]) -> Answer:
    return Answer(
        status=entry.get("status", "done"),
        output=entry.get("output", {}),
        reason=entry.get("reason", ""),
        retry_in=parse_duration(str(entry.get("retry_in", "5s"))) or 0,
    )
