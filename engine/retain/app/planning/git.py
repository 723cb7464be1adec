"""A project's folder as it was at a commit, read through git and written nowhere near it."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from retain.errors import RetainError

_SHORT = 10


def read_commit(folder: Path, ref: str, into: Path) -> str:
    """Write the folder as it was at a commit into another one; the commit's short name.

    Args:
        ref: a branch, tag or commit of the repository that the folder is in.

    Raises:
        RetainError: there is no git, no repository, or no such commit.
    """
    cure = "name a branch, a tag, a commit, or a folder with another copy of the project"
    if ref.startswith("-"):
        raise RetainError(f"{ref!r} is no commit", cure=cure)
    found = _git(folder, ["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"])
    if found is None:
        if _git(folder, ["rev-parse", "--git-dir"]) is None:
            raise RetainError(
                "the project is in no git repository",
                where=str(folder),
                cure="name a folder or what the daemon runs: --against DIR, --against running",
            )
        raise RetainError(f"there is no commit {ref!r}", where=str(folder), cure=cure)
    commit = found.decode().strip()
    prefix = (_git(folder, ["rev-parse", "--show-prefix"]) or b"").decode().strip().rstrip("/")
    top = (_git(folder, ["rev-parse", "--show-toplevel"]) or b"").decode().strip()
    packed = _git(Path(top), ["archive", "--format=tar", f"{commit}:{prefix}" if prefix else commit])
    if packed is None:
        raise RetainError(f"the folder was not there at {ref}", where=str(folder), cure=cure)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(into, filter="data")
    return commit[:_SHORT]


def _git(folder: Path, arguments: Sequence[str]) -> bytes | None:
    """What git answers; None where it says no."""
    program = shutil.which("git")
    if program is None:
        raise RetainError("git is not installed", cure="install git, or name a folder: --against DIR")
    done = subprocess.run([program, "-C", str(folder), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
