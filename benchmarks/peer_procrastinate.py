"""The task of `peers` on procrastinate, in a venv of its own; not a part of the project.

Run: python benchmarks/peer_procrastinate.py URL SECONDS SETTING
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import procrastinate
from psycopg_pool import AsyncConnectionPool

OUTSTANDING = 1_000
# Jobs at once, and events that are deferred together.
SETTINGS = {"concurrency 1": (1, 1), "concurrency 20": (20, 1), "concurrency 20, deferred by 100": (20, 100)}
TABLES = (
    "CREATE TABLE bench_events (id bigint PRIMARY KEY, body text)",
    "CREATE TABLE bench_runs (id bigint PRIMARY KEY)",
    "CREATE TABLE bench_effects (id bigint PRIMARY KEY)",
)


async def main(url: str, seconds: float, setting: str) -> None:
    """Make everything, run for a time, let what is under way end, and print what was done."""
    concurrency, together = SETTINGS[setting]
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    free = asyncio.Semaphore(OUTSTANDING)
    done = 0
    async with app.open_async(), AsyncConnectionPool(url, kwargs={"autocommit": True}) as pool:

        async def write(sql: str, *values: object) -> None:
            async with pool.connection() as connection:
                await connection.execute(sql, values)

        @app.task(name="first")
        async def first(number: int) -> None:
            await write("INSERT INTO bench_runs VALUES (%s)", number)
            await second.configure(schedule_in={"seconds": 1}).defer_async(number=number)

        @app.task(name="second")
        async def second(number: int) -> None:
            nonlocal done
            await write("INSERT INTO bench_effects VALUES (%s)", number)
            done += 1
            free.release()

        await app.schema_manager.apply_schema_async()
        for table in TABLES:
            await write(table)
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=concurrency, fetch_job_polling_interval=0.5, install_signal_handlers=False, wait=True
            )
        )
        began, sent = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            for _ in range(together):
                await free.acquire()
            numbers = range(sent, sent + together)
            async with pool.connection() as connection, connection.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO bench_events VALUES (%s, %s)",
                    [(number, f'{{"order": {number}}}') for number in numbers],
                )
            if together == 1:
                await first.defer_async(number=sent)
            else:
                await first.batch_defer_async(*({"number": number} for number in numbers))
            sent = numbers.stop
        while done < sent:
            await asyncio.sleep(0.01)
        print(json.dumps({"done": done, "seconds": time.perf_counter() - began}))
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
