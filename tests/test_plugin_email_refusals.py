"""What each answer of a mail server leads to, stage by stage, on a real connection."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from mail_help import ABORT, Shop, serving, shop_in
from patience import shortest_of
from retain.errors import DeliveryError, InDoubtError, PermanentError, TemporaryError


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return shop_in(tmp_path)


async def refusal(shop: Shop, config: dict[str, object] | None = None, **script: object) -> DeliveryError:
    """The error that a server with this script leads to."""
    async with serving(**script) as server:
        with pytest.raises(DeliveryError) as caught:
            await shop.send(server, config=config or {})
    return caught.value


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("answer", ["421 4.3.2 shutting down", "451 4.7.1 later", "450 busy", "452 4.2.2 full"])
async def test_4xx_at_any_stage_is_tried_again(shop: Shop, stage: str, answer: str) -> None:
    assert isinstance(await refusal(shop, **{stage: answer}), TemporaryError)


@pytest.mark.parametrize("answer", ["450 4.7.1 greylisted", "451 try again later"])
async def test_a_greylisted_recipient_is_tried_again_after_five_minutes(shop: Shop, answer: str) -> None:
    error = await refusal(shop, rcpt=answer)
    assert isinstance(error, TemporaryError)
    assert error.after == 300


async def test_the_retry_after_greylisting_is_accepted_with_the_same_message_id(shop: Shop) -> None:
    async with serving(rcpt=["451 4.7.1 greylisted", "250 OK"]) as server:
        with pytest.raises(TemporaryError):
            await shop.send(server)
        result = await shop.send(server, attempt=2)
        assert f"Message-ID: {result.output['message_id']}".encode() in server.letters[0]


@pytest.mark.parametrize(
    "answer",
    ["550 5.1.1 no such user", "550 no such user", "553 5.1.3 bad address", "550 5.2.1 disabled", "551 5.1.6 gone"],
)
async def test_an_address_that_does_not_exist_is_suppressed(shop: Shop, answer: str) -> None:
    error = await refusal(shop, rcpt=answer)
    assert isinstance(error, PermanentError)
    assert error.suppress is not None
    assert (error.suppress.channel, error.suppress.address) == ("email", "ann@example.test")
    assert error.pause_channel == ""


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.7.1 our policy", "550 5.7.515 not authenticated", "554 5.7.26 unauthenticated", "550 5.1.8 bad sender",
        "553 5.1.7 bad sender",
    ],
)  # fmt: skip
async def test_a_blocked_sender_pauses_the_channel_and_never_suppresses_the_customer(shop: Shop, answer: str) -> None:
    error = await refusal(shop, rcpt=answer)
    assert isinstance(error, PermanentError)
    assert error.suppress is None
    assert answer in error.pause_channel


@pytest.mark.parametrize("answer", ["550 rejected as spam", "550 listed at a blocklist", "550 relaying denied"])
async def test_a_refusal_without_code_that_speaks_of_the_sender_suppresses_nobody(shop: Shop, answer: str) -> None:
    error = await refusal(shop, rcpt=answer)
    assert isinstance(error, PermanentError)
    assert (error.suppress, error.pause_channel) == (None, "")


@pytest.mark.parametrize("answer", ["552 5.2.2 mailbox full", "552 full", "550 5.2.2 over quota"])
async def test_a_full_mailbox_is_tried_again(shop: Shop, answer: str) -> None:
    assert isinstance(await refusal(shop, rcpt=answer), TemporaryError)


@pytest.mark.parametrize(
    "answer", ["554 5.3.0 no", "554 5.6.0 bad content", "550 5.1.1 no such user", "554 5.7.1 spam"]
)
async def test_a_refused_message_is_final_and_neither_suppresses_nor_pauses(shop: Shop, answer: str) -> None:
    error = await refusal(shop, data=answer)
    assert isinstance(error, PermanentError)
    assert (error.suppress, error.pause_channel) == (None, "")


async def test_a_message_refused_for_its_authentication_pauses_the_channel(shop: Shop) -> None:
    assert "5.7.515" in (await refusal(shop, data="550 5.7.515 access denied")).pause_channel


async def test_a_refused_sender_pauses_the_channel(shop: Shop) -> None:
    error = await refusal(shop, mail="550 5.7.0 you may not send")
    assert isinstance(error, PermanentError)
    assert error.pause_channel


async def test_a_message_too_large_is_final_but_no_reason_to_pause(shop: Shop) -> None:
    error = await refusal(shop, mail="552 5.3.4 too large")
    assert isinstance(error, PermanentError)
    assert error.pause_channel == ""


async def test_a_refused_greeting_is_tried_again(shop: Shop) -> None:
    assert isinstance(await refusal(shop, greet="554 5.7.1 go away"), TemporaryError)


async def test_a_server_that_is_down_is_tried_again(shop: Shop) -> None:
    async with serving() as server:
        pass
    with pytest.raises(TemporaryError, match="cannot connect to"):
        await shop.send(server)


@pytest.mark.parametrize("stage", ["mail", "rcpt"])
async def test_a_connection_lost_before_the_message_is_tried_again(shop: Shop, stage: str) -> None:
    assert isinstance(await refusal(shop, **{stage: ABORT}), TemporaryError)


async def test_a_connection_lost_after_the_final_dot_is_in_doubt(shop: Shop) -> None:
    error = await refusal(shop, data=ABORT)
    assert isinstance(error, InDoubtError)
    assert "did not answer after the message" in str(error)


async def test_no_answer_in_time_after_the_final_dot_is_in_doubt(shop: Shop) -> None:
    assert isinstance(await refusal(shop, {"data_timeout_s": 0.1}, delay_s=0.5), InDoubtError)


async def test_a_server_that_does_not_greet_is_tried_again_within_the_time_limit(shop: Shop) -> None:
    writers = []

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    listener = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]

    async def seconds() -> float:
        began = time.monotonic()
        async with serving() as server:
            with pytest.raises(TemporaryError):
                await shop.send(server, config={"port": port, "timeout_s": 0.2})
        return time.monotonic() - began

    assert await shortest_of(seconds, 1) < 1
    for writer in writers:
        writer.close()
    listener.close()


async def test_an_answer_that_is_no_smtp_after_the_message_is_in_doubt(shop: Shop) -> None:
    assert isinstance(await refusal(shop, data="welcome"), InDoubtError)


async def test_a_refusal_spoils_the_connection_for_nobody(shop: Shop) -> None:
    async with serving(rcpt=["550 5.1.1 no", "250 OK"]) as server:
        with pytest.raises(PermanentError):
            await shop.send(server, "run1:1")
        await shop.send(server, "run2:1")
        assert server.connections == 1
        assert server.envelopes == [("shop@example.com", ["ann@example.test"])]


async def test_a_kept_connection_that_the_server_closed_is_neither_an_error_nor_in_doubt(shop: Shop) -> None:
    async with serving() as server:
        await shop.send(server, "run1:1")
        server.hang_up()
        await shop.send(server, "run2:1")
        await asyncio.sleep(0.02)
        server.hang_up()
        await asyncio.sleep(0.02)
        await shop.send(server, "run3:1")
        assert (server.connections, len(server.letters)) == (3, 3)


async def test_a_kept_connection_on_which_the_server_says_421_is_replaced(shop: Shop) -> None:
    async with serving(mail=["250 OK", "421 4.4.2 idle too long", "250 OK"]) as server:
        await shop.send(server, "run1:1")
        await shop.send(server, "run2:1")
        assert (server.connections, len(server.letters)) == (2, 2)


async def test_connections_are_reused_so_that_fifty_messages_take_less_than_a_second(shop: Shop) -> None:
    async def seconds() -> float:
        async with serving() as server:
            limit = asyncio.Semaphore(8)

            async def one(number: int) -> None:
                async with limit:
                    await shop.send(server, f"run{number}:1")

            began = time.monotonic()
            await asyncio.gather(*(one(number) for number in range(50)))
            took = time.monotonic() - began
            assert server.connections <= 8
            assert len(server.letters) == 50
            return took

    assert await shortest_of(seconds, 1) < 1
