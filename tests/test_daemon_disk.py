"""A disk that fills up: the sender is told, nothing false is acknowledged, and all goes on once there is room again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon_help import Shop, running, wait_until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk of 4 MB")
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine mounts no tmpfs: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_answers_503_and_recovers_by_itself(tmp_path: Path, small_disk: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(more=f"store: {small_disk}/retain.db\n")
    room = small_disk / "room"
    room.write_bytes(b"x" * (5 << 19))
    acknowledged: list[str] = []
    statuses: list[int] = []

    def send(number: int) -> int:
        ids = [f"{number}-{place}" for place in range(20)]
        calls = [
            {"type": "track", "userId": "ann", "event": "Seen", "messageId": one, "properties": {"text": "x" * 900}}
            for one in ids
        ]
        status, _ = daemon.ask("POST", "/v1/batch", {"batch": calls})
        if status == 200:
            acknowledged.extend(ids)
        statuses.append(status)
        return int(status)

    with running(shop) as daemon:
        wait_until(lambda: send(len(statuses)) == 503, 30)
        assert [send(len(statuses)) for _ in range(3)] == [503] * 3
        assert daemon.ask("GET", "/readyz") == (503, {"ready": False, "reasons": ["the disk is full"]})
        assert daemon.ask("GET", "/livez")[0] == 200
        room.unlink()
        wait_until(lambda: daemon.ask("GET", "/readyz")[0] == 200)
        assert send(len(statuses)) == 200
        wait_until(daemon.decided)
        assert daemon.stop() == 0
    assert set(statuses) == {200, 503}
    shop.folder = small_disk
    with shop.store() as store:
        stored = [event.message_id for event in store.events_after(0, 10**6)]
        assert store.counts().undecided == 0
    assert stored == acknowledged
