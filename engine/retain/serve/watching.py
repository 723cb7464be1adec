"""Changes of a project's files, once they are quiet: half of a `git pull` is no set of rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TypeAlias

from retain.config.settings import FILE

QUIET_S = 2.0
_LOOK_EVERY_S = 0.5
_FOLDERS = ("rules", "tests", "templates", "schemas")

Seen: TypeAlias = frozenset[tuple[str, int, int]]  # path, time of the last change, size


async def changes_of(directory: Path, told: Seen, *, quiet_s: float = QUIET_S) -> AsyncGenerator[None, None]:
    """Once for every time that files have changed and then been left alone for `quiet_s` seconds.

    Args:
        told: the files as they were before they were read.
    """
    seen, since = told, 0.0
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        now = await asyncio.to_thread(look_at, directory)
        since = since + _LOOK_EVERY_S if now == seen else 0.0
        seen = now
        if seen != told and since >= quiet_s:
            told = seen
            yield


def look_at(directory: Path) -> Seen:
    """A project's files, so that a change of them can be told."""
    paths = [directory / FILE]
    for folder in _FOLDERS:
        paths += (directory / folder).rglob("*")
    found = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found.add((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(found)
