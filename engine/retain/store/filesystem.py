"""Which file systems a store may stand on: local ones, since locks and shared memory fail silently on the others."""

from __future__ import annotations

import os
from pathlib import Path

from retain.errors import StoreError

_MOUNTS = Path("/proc/self/mountinfo")  # Linux; elsewhere nothing is refused
_NETWORK = frozenset({
    "afs", "ceph", "cifs", "coda", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gfs2", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs", "beegfs", "9p", "vboxsf",
})  # fmt: skip


def refuse_network(folder: Path, mounts: str | None = None) -> None:
    """Refuse a folder on a network file system.

    Args:
        folder: of the store; must exist.
        mounts: text in the form of /proc/self/mountinfo; the machine's own where not given.

    Raises:
        StoreError: the file system is shared over a network.
    """
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        words = line.split()
        kind = words[words.index("-") + 1]
        if words[2] == number and kind in _NETWORK:
            raise StoreError(
                f"the folder is on a network file system ({kind}), where SQLite cannot lock",
                where=str(folder),
                cure="keep the store on a disk of this machine",
            )
