"""Where a store is: a file, or a database on a server."""

from __future__ import annotations

from pathlib import Path

from retain.errors import StoreError
from retain.store.dialects.postgres import SCHEMES, without_password


def is_server(url_or_path: str | Path) -> bool:
    """Whether a location is a database on a server, rather than a file."""
    return str(url_or_path).startswith(SCHEMES)


def file_of(url_or_path: str | Path) -> Path:
    """The file that a location names.

    Raises:
        StoreError: it names a database that this program does not speak.
    """
    text = str(url_or_path)
    if text.startswith("sqlite:///"):
        return Path(text.removeprefix("sqlite:///"))
    if "://" in text:
        scheme = text.split("://", 1)[0]
        cure = "write a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
        raise StoreError(f"stores of the kind {scheme!r} are not supported", cure=cure)
    return Path(text)


def shown(url_or_path: str | Path) -> str:
    """A location for people: without a password."""
    return without_password(str(url_or_path)) if is_server(url_or_path) else str(file_of(url_or_path))
