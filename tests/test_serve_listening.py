"""The daemon's listening sockets."""

from __future__ import annotations

import asyncio
import socket

from retain.serve.listening import bind


def test_an_answer_in_two_parts_does_not_wait_for_the_first_to_be_acknowledged() -> None:
    async def option() -> int:
        accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        listening = bind("127.0.0.1", 0, "here")
        async with await asyncio.start_server(lambda _, writer: accepted.put(writer), sock=listening):
            _, asking = await asyncio.open_connection(*listening.getsockname()[:2])
            answering = await accepted.get()
            found: int = answering.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            for writer in (asking, answering):
                writer.close()
            return found

    assert asyncio.run(option())
