"""Secrets are references, `env:NAME` or `file:PATH`, and are read when they are used, never before."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from retain.errors import ConfigError
from retain.model import Json

HIDDEN = "***"
MAX_BYTES = 64 * 1024


class Secret(str):
    """A reference to a secret. As a text, in logs, in JSON and in tracebacks it is `***`; `reveal` reads it."""

    __slots__ = ("folder", "reference")

    reference: str
    folder: Path

    def __new__(cls, reference: str, folder: Path) -> Secret:
        """Make the reference; `folder` is what a relative `file:` starts from."""
        made = super().__new__(cls, HIDDEN)
        made.reference = reference
        made.folder = folder
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.reference, self.folder) == (other.reference, other.folder)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.reference, self.folder))

    def __repr__(self) -> str:
        return HIDDEN

    def reveal(self) -> str:
        """The secret itself, read anew.

        Raises:
            ConfigError: the variable is not set, the file cannot be read, or either is empty.
        """
        kind, _, name = self.reference.partition(":")
        value = self._from_file(name) if kind == "file" else os.environ.get(name)
        if value is None:
            raise ConfigError(f"the environment variable {name} is not set", where=self.reference, cure=f"set {name}")
        if not value:
            raise ConfigError("the secret is empty", where=self.reference, cure="put the secret there")
        return value

    def warning(self) -> str:
        """What is careless about how it is kept; "" where nothing is."""
        kind, _, name = self.reference.partition(":")
        path = self.folder / name
        if kind == "file" and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            return f"{path} can be read by other users; chmod 600 {path}"
        return ""

    def _from_file(self, name: str) -> str:
        path = self.folder / name
        try:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES).decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            cure = "put the secret into that file, alone on one line"
            raise ConfigError(f"cannot read {path}: {reason}", where=self.reference, cure=cure) from error
        return text.rstrip("\r\n")


def is_reference(text: str) -> bool:
    """Whether a text refers to a secret."""
    kind, colon, name = text.partition(":")
    return bool(colon and name) and kind in ("env", "file") and not name.startswith("//")


def hide(value: Json, folder: Path) -> Json:
    """The same value with every reference in it as a `Secret`."""
    if isinstance(value, str):
        return Secret(value, folder) if is_reference(value) else value
    if isinstance(value, Mapping):
        return {key: hide(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [hide(item, folder) for item in value]
    return value


def reveal(value: Json) -> Json:
    """The same value with every `Secret` in it as the secret itself.

    Raises:
        ConfigError: one of them cannot be read.
    """
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(item) for item in value]
    return value


def secrets_in(value: Json) -> list[Secret]:
    """Every `Secret` in a value."""
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, Mapping):
        return [secret for item in value.values() for secret in secrets_in(item)]
    if isinstance(value, list | tuple):
        return [secret for item in value for secret in secrets_in(item)]
    return []
