"""The bytes that go over the wire: headers that providers find, and none that data could add."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_help import MailServer, Shop, serving, shop_in
from retain.errors import PermanentError, TemporaryError
from retain_email.addresses import Mailbox, is_address
from retain_email.mime import Letter, header_line, to_bytes
from retain_email.sending import SEND
from retain_email.settings import read_settings


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return shop_in(tmp_path)


def letter(**values: object) -> Letter:
    filled = {
        "effect_id": "run1:1", "at": 1_780_000_000_000, "sender": Mailbox("Shop", "shop@example.com"),
        "to": "ann@example.test", "subject": "Hello", "text": "Dear Ann", **values,
    }  # fmt: skip
    return Letter(**filled)


def parsed(wire: bytes) -> EmailMessage:
    message = message_from_bytes(wire, policy=default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def content(message: EmailMessage) -> str:
    text = message.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


async def wire_of(shop: Shop, **values: object) -> bytes:
    async with serving() as server:
        await shop.send(server, **values)
        return server.letters[0]


async def test_a_marketing_message_carries_the_headers_of_rfc_8058_in_one_line_each(shop: Shop) -> None:
    wire = await wire_of(shop, purpose="marketing", customer_key="email:a.very.long.name.of.a.customer@example.test")
    assert re.search(rb"\r\nList-Unsubscribe: <https://shop\.example\.com/u/[A-Za-z0-9_-]{90,}>\r\n", wire)
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in wire
    assert b"\r\nList-Id: <news.example.com>\r\n" in wire


@pytest.mark.parametrize("purpose", ["", "transactional"])
async def test_a_transactional_message_has_no_unsubscribe_link(shop: Shop, purpose: str) -> None:
    wire = await wire_of(shop, purpose=purpose)
    assert b"List-" not in wire


def test_no_input_says_what_a_message_is_for_as_the_policy_of_its_channel_does() -> None:
    assert "purpose" not in SEND.inputs["properties"]
    assert SEND.inputs["additionalProperties"] is False


async def test_every_message_says_that_a_machine_wrote_it_and_when(shop: Shop) -> None:
    message = parsed(await wire_of(shop))
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.timestamp() == 1_780_000_000


async def test_the_same_effect_gives_the_same_bytes_and_another_effect_another_message_id(shop: Shop) -> None:
    shop.template("Subject: Hello\n\nText", "<p>Text</p>")
    async with serving() as server:
        for effect_id in ("run1:1", "run1:1", "run1:2"):
            await shop.send(server, effect_id)
    first, again, other = server.letters
    assert first == again
    assert parsed(first)["Message-ID"] != parsed(other)["Message-ID"]


async def test_text_and_html_are_alternatives_and_values_are_escaped_in_html_only(shop: Shop) -> None:
    shop.template("Subject: Hello\n\nDear {{ customer.first_name }}", "<p>Dear {{ customer.first_name }}</p>")
    message = parsed(await wire_of(shop, customer={"first_name": "<b>Änn & Co"}))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert content(text) == "Dear <b>Änn & Co\n"
    assert content(html) == "<p>Dear &lt;b&gt;Änn &amp; Co</p>\n"


@pytest.mark.parametrize(
    "subject", ["Grüße an Zoë 🎂", "=?utf-8?q?hello?=", "日本語" * 60, "plain " * 60, "a, b: c <d>"]
)
async def test_any_subject_is_read_as_it_was_written_and_no_encoded_word_is_too_long(shop: Shop, subject: str) -> None:
    wire = await wire_of(shop, inputs={"subject": subject})
    assert parsed(wire)["Subject"] == subject.strip()
    assert all(len(word) <= 75 for word in re.findall(rb"=\?utf-8\?[^ ]*\?=", wire))


async def test_the_senders_name_may_hold_any_letters_and_signs(shop: Shop) -> None:
    for name in ("Käse & Co, Köln", 'Shop "One", Inc.', "店"):
        message = parsed(await wire_of(shop, inputs={"from": f"{name} <shop@example.com>"}))
        (address,) = message["From"].addresses
        assert (address.display_name, address.addr_spec) == (name, "shop@example.com")


@pytest.mark.parametrize("text", ["a\r.\rb", "a\n.\nb", "a\r\n.\r\nb", ".", "..\n.", "\n.\nRSET\nMAIL FROM:<x@y.z>\n"])
async def test_no_text_can_end_the_message_early(shop: Shop, text: str) -> None:
    shop.template("Subject: Hello\n\n{{ data.text }}")
    async with serving() as server:
        await shop.send(server, inputs={"data": {"text": text}})
        assert len(server.letters) == 1
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    assert content(parsed(server.letters[0])) == lines


@given(st.text(max_size=400), st.text(alphabet=".\r\n= aé", max_size=60))
def test_the_wire_is_ascii_in_crlf_lines_of_at_most_998_characters(html: str, text: str) -> None:
    wire = to_bytes(letter(html=html, text=text))
    assert wire.isascii()
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", wire)


INJECTIONS = [
    "x\r\nBcc: evil@example.test", "x\nBcc: evil@example.test", "x\rBcc: y", "x\x00y", "x\x0by", "x\u2028y", "x\x85y",
    "=?utf-8?q?x=0ABcc=3A_evil=40example.test?=", "=?utf-8?b?eA0KQmNjOiBl?=",
]  # fmt: skip


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("place", ["subject", "from", "reply_to", "first_name"])
async def test_no_value_can_add_a_header_also_once_it_is_decoded(shop: Shop, place: str, value: str) -> None:
    inputs = {
        "subject": {"subject": value},
        "from": {"from": f"{value} <a@example.com>"},
        "reply_to": {"reply_to": value},
    }
    async with serving() as server:
        with pytest.raises(PermanentError):
            await shop.send(server, inputs=inputs.get(place, {}), customer={"first_name": value})
        assert server.letters == []


@given(st.text(min_size=1).filter(lambda name: not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name)))
def test_no_header_name_holds_anything_but_letters_digits_and_hyphens(name: str) -> None:
    with pytest.raises(PermanentError):
        header_line(name, "value")


@pytest.mark.parametrize(
    "address", ["a@b.test", "a.b+c@sub.example.co", "user_0000@example.test", "x@xn--mller-kva.de"]
)
def test_plain_addresses_are_accepted(address: str) -> None:
    assert is_address(address)


BAD_ADDRESSES = [
    "", "a", "a@b", "a@@b.test", "a b@c.test", '"x\r\nRSET"@b.test', "a@b.test\n", "a@b.test>", "<a@b.test>",
    "a@-b.test", "a..b@c.test", ".a@b.test", "Ann <a@b.test>", "a@b.test, c@d.test", "ä@b.test", "a@münchen.test",
    "a" * 65 + "@b.test", "a@" + "b" * 64 + ".test", "a@[127.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("address", BAD_ADDRESSES)
async def test_an_address_is_checked_strictly_and_never_repaired(shop: Shop, address: str) -> None:
    assert not is_address(address)
    async with serving() as server:
        with pytest.raises(PermanentError):
            await shop.send(server, inputs={"to": address} if address else {}, customer={"email": address})
        assert server.connections == 0


async def test_a_customer_without_an_address_is_a_dead_letter_with_its_cure(shop: Shop) -> None:
    async with serving() as server:
        with pytest.raises(PermanentError, match="no e-mail address") as caught:
            await shop.send(server, customer={"email": None})
    assert "customer.email is present" in caught.value.cure


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (
            "Subject: Hi\n\n{{ customer.frist_name }}",
            "undefined value: `customer.frist_name` is undefined (in hello.txt:3)",
        ),
        ("Subject: Hi {{ event.total }}\n\nx", "hello.txt, Subject"),
        ("Subject: Hi\n\n{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}", "fuel"),
        ("Hi\n\nx", "neither a header nor empty"),
        ("Subject: Hi\nBcc: a@b.test\n\nx", "unknown header Bcc"),
        ("\nSubject: Hi\n\nx", "no Subject"),
    ],
)
async def test_a_template_that_cannot_be_rendered_is_a_dead_letter_before_any_send(
    shop: Shop, template: str, says: str
) -> None:
    shop.template(template)
    async with serving() as server:
        with pytest.raises(PermanentError, match=re.escape(says)):
            await shop.send(server)
        assert server.connections == 0


async def test_a_template_may_ask_whether_a_value_is_there(shop: Shop) -> None:
    shop.template(
        "Subject: Hi\n\n{% if customer.title %}{{ customer.title }} {% endif %}{{ data.name | default('you') }}"
    )
    assert content(parsed(await wire_of(shop))) == "you\n"


async def test_a_template_sees_the_run_and_includes_others_of_its_folder(shop: Shop) -> None:
    shop.template(
        "Subject: Code {{ data.code }}\n\n{% include 'foot.txt' %} {{ event.cart }} {{ steps.c.id }} {{ trigger.name }}"
    )
    (shop.folder / "templates" / "foot.txt").write_text("Yours")
    values = {
        "inputs": {"data": {"code": "X1"}},
        "event": {"cart": "k1"},
        "steps": {"c": {"id": 7}},
        "trigger": {"name": "t"},
    }
    message = parsed(await wire_of(shop, **values))
    assert (message["Subject"], content(message)) == ("Code X1", "Yours k1 7 t\n")


async def test_data_is_never_rendered_again(shop: Shop) -> None:
    message = parsed(await wire_of(shop, customer={"first_name": "{{ 7 * 7 }}"}))
    assert message["Subject"] == "Hello {{ 7 * 7 }}"


async def test_plugins_filters_can_be_used_in_templates(shop: Shop) -> None:
    shop.template("Subject: Hi\n\n{{ 'ann'|shout }}")
    message = parsed(await wire_of(shop, filters={"shout": lambda text: text.upper() + "!"}))
    assert content(message) == "ANN!\n"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "missing", ".hidden", "a\x00b"])
async def test_no_template_name_leads_out_of_the_folder(shop: Shop, name: str) -> None:
    (shop.folder / "secret.txt").write_text("Subject: x\n\nx")
    async with serving() as server:
        with pytest.raises(PermanentError, match="no template is called"):
            await shop.send(server, inputs={"template": name})


async def test_an_acceptance_is_reported_as_such_and_not_as_a_delivery(shop: Shop) -> None:
    async with serving() as server:
        result = await shop.send(server, purpose="marketing")
    assert result.output["response"] == "250 2.0.0 queued as 4711"
    (event,) = result.events
    assert event.name == "email_accepted"
    assert event.fields["email_subject"] == "Hello Ann"
    assert event.fields["email_id"] == "run1:1"
    assert "ann@example.test" not in str(event.fields), "the event outlives the address"


@pytest.mark.parametrize("missing", ["public_url", "unsubscribe_secrets"])
async def test_a_marketing_message_without_an_unsubscribe_link_is_not_sent(shop: Shop, missing: str) -> None:
    async with serving() as server:
        with pytest.raises(PermanentError, match="needs an unsubscribe link"):
            await shop.send(server, purpose="marketing", config={missing: None or ""})


async def test_the_unsubscribe_link_is_https(shop: Shop) -> None:
    async with serving() as server:
        with pytest.raises(PermanentError, match="not https"):
            await shop.send(server, purpose="marketing", config={"public_url": "http://shop.example.com"})


def test_mail_leaves_this_machine_only_encrypted() -> None:
    section = {"host": "smtp.example.com", "from": "a@example.com"}
    assert (read_settings(section).tls, read_settings(section).port) == ("starttls", 587)
    assert read_settings({**section, "host": "localhost"}).tls == "none"
    with pytest.raises(TemporaryError, match="unencrypted"):
        read_settings({**section, "tls": "none"})


async def test_without_configuration_messages_wait() -> None:
    with pytest.raises(TemporaryError, match="no mail server is configured"):
        read_settings({})


def test_an_unsubscribe_secret_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(TemporaryError, match="shorter than 16 characters"):
        read_settings({**MailServer().config(), "unsubscribe_secrets": ["short"]})


def test_settings_never_show_their_secrets() -> None:
    section = {**MailServer().config(), "password": "hunter2hunter2"}
    assert "hunter2" not in repr(read_settings(section))
    assert "a-secret-of" not in repr(read_settings(section))
