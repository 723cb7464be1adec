"""The task of `peers` on Celery over Redis, in a venv of its own; not a part of the project.

Run: python benchmarks/peer_celery.py URL SECONDS SETTING
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import redis
from celery import Celery

OUTSTANDING = 1_000
# The default on two cores; with threads; with more taken ahead, as its guide to optimising says for short tasks.
SETTINGS = {
    "prefork 2": ("--pool", "prefork", "--concurrency", "2"),
    "threads 8, prefetch 64": ("--pool", "threads", "--concurrency", "8", "--prefetch-multiplier", "64"),
    "prefork 2, prefetch 64": ("--pool", "prefork", "--concurrency", "2", "--prefetch-multiplier", "64"),
}
URL = os.environ.get("BENCH_REDIS", "")
app = Celery("peer_celery", broker=URL)
app.conf.update(task_acks_late=True, task_ignore_result=True, broker_connection_retry_on_startup=True)
store = redis.Redis.from_url(URL) if URL else None


@app.task(name="first")
def first(number: int) -> None:
    """The start of a run, and its delayed step."""
    assert store is not None
    store.hset(f"run:{number}", "state", "waiting")
    second.apply_async((number,), countdown=1)


@app.task(name="second")
def second(number: int) -> None:
    """The effect."""
    assert store is not None
    store.xadd("effects", {"run": number})


def main(url: str, seconds: float, setting: str) -> None:
    """Start a worker, send for a time, let what is under way end, and print what was done."""
    server = redis.Redis.from_url(url)
    command = [sys.executable, "-m", "celery", "-A", "peer_celery", "worker", "-l", "ERROR", *SETTINGS[setting]]
    worker = subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.DEVNULL)
    try:
        first.apply_async((-1,))  # answered once the worker is up
        while not server.xlen("effects"):
            time.sleep(0.05)
        began, sent = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            server.xadd("events", {"body": f'{{"order": {sent}}}'})
            first.delay(sent)
            sent += 1
            while sent % 100 == 0 and sent - server.xlen("effects") > OUTSTANDING:
                time.sleep(0.01)
        while (done := server.xlen("effects") - 1) < sent:
            time.sleep(0.01)
        print(json.dumps({"done": done, "seconds": time.perf_counter() - began}))
    finally:
        worker.terminate()
        worker.wait()


if __name__ == "__main__":
    os.environ["BENCH_REDIS"] = app.conf.broker_url = sys.argv[1]
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
