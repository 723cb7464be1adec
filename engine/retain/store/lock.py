"""The lock file beside a store: one writer at a time, known by its process id."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from retain.errors import StoreBusyError, StoreUnavailableError

_PAUSE_S = 0.05


class StoreLock:
    """Holds PATH.lock while it is open: exclusively for a writer, shared for a reader of a store at rest.

    The kernel drops the lock with the process, however it ends; the file stays and is never deleted, since a deleted
    lock file can be held twice.
    """

    def __init__(self, descriptor: int, *, noted: bool = False) -> None:
        self._descriptor: int | None = descriptor
        self._noted = noted

    @classmethod
    def exclusive(cls, store: Path, *, wait_s: float = 5.0) -> StoreLock:
        """The lock for writing. Readers of a store at rest are waited for, another writer is not.

        Raises:
            StoreBusyError: another process writes, or readers did not finish in time.
        """
        descriptor = _open(store, os.O_RDWR | os.O_CREAT)
        deadline = time.monotonic() + wait_s
        while not _try(descriptor, fcntl.LOCK_EX):
            writer = _writer(descriptor)
            if writer is None and time.monotonic() < deadline:
                time.sleep(_PAUSE_S)
                continue
            os.close(descriptor)
            raise _busy(store, writer)
        with contextlib.suppress(OSError):  # on a full disk the lock holds without its note
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor, noted=True)

    @classmethod
    def shared(cls, store: Path) -> StoreLock | None:
        """The lock for reading a store at rest; None where a writer holds it."""
        try:
            descriptor = _open(store, os.O_RDONLY | os.O_CREAT)
        except StoreUnavailableError:  # a folder that nobody can write to needs no lock
            return cls(os.open(store, os.O_RDONLY | os.O_CLOEXEC))
        if _try(descriptor, fcntl.LOCK_SH):
            return cls(descriptor)
        os.close(descriptor)
        return None

    def release(self) -> None:
        """Give the lock up; more than once is allowed."""
        if self._descriptor is not None:
            if self._noted:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def writer_of(store: Path) -> int | None:
    """The process id of the daemon or command that has the store open for writing; None where there is none."""
    try:
        descriptor = os.open(_file(store), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _try(descriptor, fcntl.LOCK_SH) else _writer(descriptor)
    finally:
        os.close(descriptor)


def _file(store: Path) -> Path:
    return Path(f"{store}.lock")


def _open(store: Path, flags: int) -> int:
    try:
        return os.open(_file(store), flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailableError(
            f"the lock file cannot be opened: {error.strerror}",
            where=str(_file(store)),
            cure="look at the folder and its permissions",
        ) from error


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _writer(descriptor: int) -> int | None:
    """The living process that noted itself; a note of a dead one is left over from a crash."""
    text = os.pread(descriptor, 32, 0).strip()
    if not text.isdigit():
        return None
    try:
        os.kill(int(text), 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return int(text)


def _busy(store: Path, writer: int | None) -> StoreBusyError:
    if writer is None:
        return StoreBusyError("another process reads the store", where=str(store), cure="wait until it is done")
    return StoreBusyError(
        f"process {writer} has the store open for writing",
        where=str(store),
        cure="stop that daemon first, or let it do the work",
    )
