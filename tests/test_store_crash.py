"""What was acknowledged survives: a process that is killed, a disk that fills up and is freed again."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retain.errors import StoreFullError
from retain.store.store import Store
from store_help import T0, message

HERE = Path(__file__).parent
CHILD = """
import sys
from store_help import T0, message, run, effect
from retain.store.rows import Batch
from retain.store.store import Store

path, name = sys.argv[1:]
store = Store.open(path)
for number in range(100_000):
    ids = [f"{name}-{number}-{place}" for place in range(20)]
    results = store.accept([message(id=id, user_id=id) for id in ids], T0)
    store.commit(Batch(watermark=results[-1].seq, runs=[run(ids[0])], effects=[effect(ids[0], run=ids[0])]))
    sys.stdout.write(" ".join(ids) + "\\n")
    sys.stdout.flush()
"""


def killed(path, name, seconds):
    """Run a writer, kill it with SIGKILL once it has worked for a while; the message ids that it acknowledged."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, path, name], stdout=subprocess.PIPE, cwd=HERE, text=True)
    first = child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    rest = child.stdout.read()
    child.wait()
    child.stdout.close()
    lines = (first + rest).splitlines(keepends=True)
    return [id for line in lines if line.endswith("\n") for id in line.split()]


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
def test_every_acknowledged_message_survives_kill_9_once(tmp_path, kills):
    chance, path, acknowledged = random.Random(7), str(tmp_path / "retain.db"), []
    for kill in range(kills):
        acknowledged += killed(path, str(kill), chance.uniform(0, 0.3))
    with Store.open(path) as store:
        stored = [event.message_id for event in store.events_after(0, 10**7)]
        assert len(stored) == len(set(stored))
        assert set(acknowledged) <= set(stored)
        assert len(stored) - len(acknowledged) <= 40 * kills
        runs, effects = store.list_runs(limit=10**7), store.list_effects(limit=10**7)
        assert {one.id for one in runs} == {one.run for one in effects}
        assert {id for id in acknowledged if id.endswith("-0")} <= {one.id for one in runs}
    assert integrity(path) == "ok"


def integrity(path):
    connection = sqlite3.connect(path)
    [found] = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return found


@pytest.mark.long
def test_a_disk_of_4_mb_fills_up_and_is_freed_again(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting needs root")
    try:
        (disk / "ballast").write_bytes(b"x" * 1_500_000)
        with Store.open(disk / "retain.db") as store:
            acknowledged = flood(store)
            assert store.counts().events == acknowledged > 0
            (disk / "ballast").unlink()
            acknowledged += len(store.accept([message()], T0))
            acknowledged += flood(store)
            assert store.counts().events == acknowledged
        assert integrity(disk / "retain.db") == "ok"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def flood(store):
    acknowledged = 0
    while True:
        try:
            acknowledged += len(store.accept([message(fields={"text": os.urandom(200).hex()})], T0))
        except StoreFullError:
            return acknowledged
