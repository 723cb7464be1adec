"""Encryption towards the mail server: demanded, never only taken where it is offered."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mail_help import Shop, serving, shop_in
from retain.errors import TemporaryError


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return shop_in(tmp_path)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for localhost that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_message_goes_out_over_starttls(shop: Shop, certificate: Path) -> None:
    async with serving(tls=server_context(certificate)) as server:
        await shop.send(server, config={"host": "localhost", "tls": "starttls", "ca_file": str(certificate)})
        assert len(server.letters) == 1


async def test_a_server_that_offers_no_encryption_gets_no_message(shop: Shop) -> None:
    async with serving() as server:
        with pytest.raises(TemporaryError, match="STARTTLS"):
            await shop.send(server, config={"tls": "starttls"})
        assert server.envelopes == []


async def test_a_certificate_that_nobody_vouches_for_gets_no_message(shop: Shop, certificate: Path) -> None:
    async with serving(tls=server_context(certificate)) as server:
        with pytest.raises(TemporaryError, match="certificate verify failed"):
            await shop.send(server, config={"host": "localhost", "tls": "starttls"})
        assert server.envelopes == []


async def test_a_certificate_for_another_name_gets_no_message(shop: Shop, certificate: Path) -> None:
    async with serving(tls=server_context(certificate)) as server:
        with pytest.raises(TemporaryError, match="certificate"):
            await shop.send(server, config={"host": "127.0.0.1", "tls": "starttls", "ca_file": str(certificate)})
        assert server.envelopes == []


async def test_a_certificate_file_that_is_not_there_is_said(shop: Shop) -> None:
    async with serving() as server:
        with pytest.raises(TemporaryError, match="ca_file cannot be used: FileNotFoundError"):
            await shop.send(server, config={"tls": "tls", "ca_file": "/nowhere.pem"})


async def test_a_refused_password_pauses_the_channel_and_is_tried_again(shop: Shop, certificate: Path) -> None:
    async with serving(tls=server_context(certificate)) as server:
        config = {"host": "localhost", "tls": "starttls", "ca_file": str(certificate)}
        with pytest.raises(TemporaryError) as caught:
            await shop.send(server, config={**config, "username": "shop", "password": "hunter2hunter2"})
    assert caught.value.pause_channel
    assert "hunter2" not in str(caught.value)
