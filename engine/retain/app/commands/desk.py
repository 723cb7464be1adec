"""Where commands work: an engine's pipeline and what it runs, in the daemon or in a process of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from retain.app.projects.project import Project
from retain.clock import Clock, SystemClock
from retain.config.settings import OnlyTo
from retain.model import Instant, Json
from retain.pipeline import Options, Pipeline
from retain.store.store import Store


@dataclass(slots=True)
class Desk:
    """What every command gets. Its methods and the commands run in the one thread that writes."""

    project: Project
    pipeline: Pipeline
    clock: Clock

    @property
    def store(self) -> Store:
        """The store that commands change."""
        return self.pipeline.store

    def now(self) -> Instant:
        """The present instant."""
        return self.clock.now()

    def audit(self, by: str, what: str, **details: Json) -> None:
        """Keep who did what."""
        self.store.audit(by, what, details, at=self.now())


def options_of(only_to: OnlyTo) -> Options:
    """How a live pipeline of a project decides; who may be written to comes from retain.yaml."""
    if not only_to.is_set:
        return Options()
    return Options(only_to=lambda channel, address: bool(only_to.recipient(address)))


@contextmanager
def open_desk(project: Project) -> Iterator[Desk]:
    """A desk over the project's own store, for a command while no daemon runs.

    Raises:
        StoreBusyError: a daemon holds the store; it must be asked instead.
    """
    clock = SystemClock()
    with Store.open(project.config.store_location(), briefly=True) as store:
        options = options_of(project.config.only_to)
        yield Desk(project, Pipeline(store, project.plan(), clock.now(), options), clock)
