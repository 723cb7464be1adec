"""Messages of the past into a scratch store, decided as they come on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from retain.model import Effect, Instant, Message
from retain.pipeline import Pipeline
from retain.registry import Action, EffectResult
from retain.store.rows import Accepted, ConsentRow, SuppressionRow
from retain.store.store import Store

CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known from elsewhere before the first event: answers about consent, and suppressed addresses.

    `consents` holds (purpose, granted) by customer key, such as `user:17`.
    """

    consents: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    suppressions: Sequence[SuppressionRow] = ()


class Knowing:
    """Takes messages into a store, and with each customer's first one what is known of the customer from elsewhere."""

    def __init__(self, store: Store, given: Given) -> None:
        self._store = store
        self._given = given
        self._seen: set[str] = set()
        store.add_suppressions(given.suppressions)

    def beside(self, store: Store) -> Knowing:
        """The same for a copy of the store."""
        copy = Knowing(store, self._given)
        copy._seen = set(self._seen)
        return copy

    def accept(self, messages: Sequence[Message], now: Instant) -> Sequence[Accepted]:
        """Store messages; one result for each."""
        accepted = self._store.accept(messages, now)
        answers: list[ConsentRow] = []
        for message, one in zip(messages, accepted, strict=True):
            key = key_of(message)
            if key in self._given.consents and key not in self._seen:
                self._seen.add(key)
                known = self._given.consents[key].items()
                answers += [ConsentRow(one.customer, purpose, granted, 0, "given") for purpose, granted in known]
        if answers:
            self._store.add_consents(answers)
        return accepted


def feed(
    pipeline: Pipeline,
    store: Knowing,
    ordered: Iterable[Message],
    batch: int = CHUNK,
    *,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Decide messages in the order of their receipt; how many were new."""
    events = 0
    for chunk in _chunks(ordered, batch):
        accepted = store.accept(chunk, chunk[-1].received_at)
        events += sum(not one.duplicate for one in accepted)
        # What is received at the very last instant may go on in the next chunk, and goes before the timers then due.
        drain(pipeline, chunk[-1].received_at - 1)
        if progress is not None:
            progress(events)
    return events


def drain(pipeline: Pipeline, until: Instant) -> None:
    """Decide everything that is due up to an instant."""
    while pipeline.step(until).more:
        pass


def stand_in(effect: Effect, action: Action, at: Instant) -> EffectResult:
    """The answer of an action where nothing is sent: its declared example."""
    return EffectResult(effect_id=effect.id, status="done", output=action.example.output)


def receipt(message: Message) -> Instant:
    """What messages are ordered by."""
    return message.received_at


def key_of(message: Message) -> str:
    """The key of the customer whom a message names, such as `user:17`; empty where it names nobody."""
    named = (("user", message.user_id), ("anonymous", message.anonymous_id), ("email", message.email.casefold()))
    return next((f"{kind}:{value}" for kind, value in named if value), "")


def _chunks(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    iterator = iter(messages)
    while chunk := list(islice(iterator, size)):
        yield chunk
