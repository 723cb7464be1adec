"""The past that a comparison plays over: of the project's store, or of files."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from retain.app.commands.messages import BadRow, read_messages, stored_messages
from retain.app.projects.project import Project
from retain.app.reports.reading import FILL_OR_NAME, reading
from retain.app.simulation.feeding import Given
from retain.app.simulation.ordering import Ordered
from retain.app.simulation.simulating import given_of
from retain.errors import RetainError
from retain.model import Instant, Message
from retain.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Messages in the order of their receipt, as often as they are asked for, and what is known from elsewhere.

    Args:
        at: the end of it, which is the present of the comparison.
        store: the project's own, with the runs that wait; None where the past comes from files.
        bad: refused rows by code.
    """

    messages: Iterable[Message]
    at: Instant
    given: Given
    store: Store | None = None
    bad: Counter[str] = field(default_factory=Counter)

    def before(self, start: Instant) -> Iterator[Message]:
        """What was received before an instant."""
        return (message for message in self.messages if message.received_at < start)

    def since(self, start: Instant) -> Iterator[Message]:
        """What was received from an instant on."""
        return (message for message in self.messages if message.received_at >= start)


@contextmanager
def history_of(
    project: Project, now: Instant, files: Sequence[Path] = (), mapping: Path | None = None
) -> Iterator[History]:
    """The past of a project's store up to now, or that of files up to their last event.

    Raises:
        RetainError: there is none.
    """
    with tempfile.TemporaryDirectory(prefix="retain-history-") as folder:
        ordered = Ordered(Path(folder))
        if files:
            bad = _take_files(ordered, project, files, mapping)
            yield History(messages=ordered, at=ordered.last, given=Given(), bad=bad)
            return
        with reading(project.config, cure=FILL_OR_NAME) as store:
            ordered.take(message._replace(historical=False) for message in stored_messages(store, now))
            yield History(messages=ordered, at=now, given=given_of(store), store=store)


def _take_files(ordered: Ordered, project: Project, files: Sequence[Path], mapping: Path | None) -> Counter[str]:
    bad: Counter[str] = Counter()

    def count(row: BadRow) -> None:
        bad[row.code] += 1

    ordered.take(
        message for file in files for message in read_messages(file, project.schema, mapping=mapping, bad=count)
    )
    if not ordered.count:
        raise RetainError("there are no events", where=", ".join(map(str, files)), cure="name a file with events")
    return bad
