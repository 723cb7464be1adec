"""The project's store, for commands that read it; others do not wait for its libraries to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from retain.app.reports.reading import Store, reading
from retain.config.settings import Config
from retain.serve.cli.context import config


@contextmanager
def opened() -> Iterator[tuple[Config, Store]]:
    """The project's configuration and its store, read-only."""
    found = config()
    with reading(found) as store:
        yield found, store
