"""The task of `peers` on DBOS, in a venv of its own; not a part of the project.

Run: python benchmarks/peer_dbos.py URL SECONDS SETTING
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import sqlalchemy as sa
from dbos import DBOS

OUTSTANDING = {"64 at once": 64, "256 at once": 256, "1,000 at once": 1_000}
metadata = sa.MetaData()
events = sa.Table(
    "bench_events", metadata, sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("body", sa.Text)
)
effects = sa.Table("bench_effects", metadata, sa.Column("id", sa.BigInteger, primary_key=True))


async def main(url: str, seconds: float, setting: str) -> None:
    """Make everything, run for a time, let what is under way end, and print what was done."""
    system = url.replace("postgresql://", "postgresql+psycopg://")
    DBOS(config={"name": "bench", "system_database_url": system, "run_admin_server": False, "log_level": "ERROR"})
    engine = sa.create_engine(system.replace("peer.db", "shop.db"))  # a file has one writer: each gets its own
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def durable(connection: object, record: object) -> None:
            connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[attr-defined]
            connection.execute("PRAGMA synchronous = FULL")  # type: ignore[attr-defined]
            connection.execute("PRAGMA busy_timeout = 10000")  # type: ignore[attr-defined]

    def write(table: sa.Table, values: dict[str, object]) -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(table), values)

    @DBOS.step()
    async def store(number: int) -> None:
        await asyncio.to_thread(write, events, {"id": number, "body": f'{{"order": {number}}}'})

    @DBOS.step()
    async def effect(number: int) -> None:
        await asyncio.to_thread(write, effects, {"id": number})

    @DBOS.workflow()
    async def run(number: int) -> None:
        await store(number)
        await DBOS.sleep_async(1)
        await effect(number)

    DBOS.launch()
    metadata.create_all(engine)
    free = asyncio.Semaphore(OUTSTANDING[setting])
    done = 0

    async def one(number: int) -> None:
        nonlocal done
        handle = await DBOS.start_workflow_async(run, number)
        await handle.get_result()
        done += 1
        free.release()

    began, sent, tasks = time.perf_counter(), 0, []
    while time.perf_counter() - began < seconds:
        await free.acquire()
        tasks.append(asyncio.create_task(one(sent)))
        sent += 1
    await asyncio.gather(*tasks)
    print(json.dumps({"done": done, "seconds": time.perf_counter() - began}))
    DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
