"""The admin door: the command line asks the running daemon through a socket that only its owner may open."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from retain.errors import AdminError, StoreBusyError, StoreFullError
from retain.serve.admin import MAX_REQUEST_BYTES, AdminClient, AdminServer, os_user


async def echo(*, by: str, **args: Any) -> dict[str, Any]:
    """Answer with what was asked."""
    return {"by": by, **args}


async def refuse(*, by: str) -> None:
    """Refuse in the words of the store."""
    raise StoreFullError("no space left on the device", where="retain.db", cure="make room")


async def fail(*, by: str) -> None:
    """Fail as a bug does."""
    raise ZeroDivisionError("a bug")


HANDLERS = {"echo": echo, "refuse": refuse, "fail": fail}


async def ask(path: Path, command: str, **args: Any) -> Any:
    """One call from another thread, as the command line is another process."""
    return await asyncio.to_thread(AdminClient(path, timeout_s=5).call, command, **args)


@pytest.fixture
async def server(tmp_path: Path) -> Any:
    door = AdminServer(tmp_path / "retain.sock", HANDLERS)
    await door.start()
    yield door
    await door.stop()


async def test_a_command_is_answered(server: AdminServer) -> None:
    assert await ask(server.path, "echo", rule="abandoned-cart", n=1, by="ann") == {
        "by": "ann",
        "rule": "abandoned-cart",
        "n": 1,
    }


async def test_who_asks_is_the_user_of_the_terminal_unless_said(server: AdminServer) -> None:
    assert (await ask(server.path, "echo"))["by"] == os_user()


async def test_only_the_owner_may_open_the_door(server: AdminServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


async def test_an_error_comes_with_its_words_and_exit_code(server: AdminServer) -> None:
    with pytest.raises(AdminError) as caught:
        await ask(server.path, "refuse")
    assert caught.value.render() == "retain.db: no space left on the device\n  help: make room"
    assert caught.value.exit_code == 2


async def test_an_unknown_command_names_the_nearest(server: AdminServer) -> None:
    with pytest.raises(AdminError, match="did you mean echo"):
        await ask(server.path, "ecko")


async def test_a_failing_command_leaves_the_door_open(server: AdminServer) -> None:
    with pytest.raises(AdminError, match="ZeroDivisionError"):
        await ask(server.path, "fail")
    with pytest.raises(AdminError, match="unexpected keyword"):
        await ask(server.path, "refuse", extra=1)
    assert await ask(server.path, "echo", still="here", by="x") == {"by": "x", "still": "here"}


@pytest.mark.parametrize(
    "line", [b"junk\n", b"[]\n", b"{}\n", b'{"command": 1}\n', b"[" * 5000 + b"\n", b'{"command":"echo","args":3}\n']
)
async def test_a_request_that_is_none_is_refused(server: AdminServer, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(line)
    answer = json.loads(await reader.readline())
    writer.close()
    assert answer["ok"] is False


async def test_a_request_over_the_limit_is_refused(server: AdminServer) -> None:
    with pytest.raises(AdminError):
        await ask(server.path, "echo", text="x" * (MAX_REQUEST_BYTES + 10))


async def test_a_long_answer_arrives_whole(server: AdminServer) -> None:
    text = "x" * (MAX_REQUEST_BYTES // 2)
    assert (await ask(server.path, "echo", text=text))["text"] == text


async def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "retain.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    door = AdminServer(path, HANDLERS)
    await door.start()
    assert await ask(path, "echo", by="x") == {"by": "x"}
    await door.stop()
    assert not path.exists()


async def test_a_second_daemon_is_refused(server: AdminServer) -> None:
    with pytest.raises(StoreBusyError):
        await AdminServer(server.path, HANDLERS).start()
    assert await ask(server.path, "echo", by="x") == {"by": "x"}


async def test_a_deep_folder_can_have_a_door(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 60) / ("e" * 60)
    folder.mkdir(parents=True)
    door = AdminServer(folder / "retain.sock", HANDLERS)
    await door.start()
    assert await ask(door.path, "echo", by="x") == {"by": "x"}
    await door.stop()


async def test_without_a_daemon_the_client_says_so(tmp_path: Path) -> None:
    client = AdminClient(tmp_path / "retain.sock")
    assert not client.is_answered()
    with pytest.raises(AdminError, match="retain run"):
        client.call("echo")


async def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(AdminError, match="cannot make the socket"):
        await AdminServer(tmp_path / "missing" / "retain.sock", HANDLERS).start()


async def test_a_silent_daemon_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "retain.sock"

    async def silent(*, by: str) -> None:
        await asyncio.sleep(0.5)

    door = AdminServer(path, {"silent": silent})
    await door.start()
    with pytest.raises(AdminError, match=r"within 0\.1 s"):
        await asyncio.to_thread(AdminClient(path, timeout_s=0.1).call, "silent")
    await door.stop()
