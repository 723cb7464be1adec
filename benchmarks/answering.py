"""The ingest listener of the daemon with nothing behind it: well-formed calls are read, typed and answered at once.

Run: python benchmarks/answering.py PORT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from retain.deliver.loading import load_plugins
from retain.language.schemas.fields import load_schema
from retain.serve.http import create_http_app
from retain.serve.listening import Listener, bind
from retain.serve.ports import Health, HttpPorts
from retain.store.rows import Accepted
from retain.wire.fields import FieldTypes
from retain.wire.message import Intake


async def serve(port: int) -> None:
    """Serve until killed."""
    types = FieldTypes(load_schema([], load_plugins({}).registry)[0])

    async def ingest(intake: Intake) -> Sequence[Accepted]:
        return [Accepted(1, 1) for _ in intake.messages]

    ports = HttpPorts(
        ingest=ingest, types=lambda: types, health=lambda: Health(ready=True), metrics_text=lambda: ""
    )  # fmt: skip
    listener = Listener(create_http_app(ports), bind("127.0.0.1", port, "here"))
    await listener.open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
