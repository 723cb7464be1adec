"""The table of addresses that a webhook must not reach, and the URLs that name one."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from retain.errors import PermanentError
from retain_webhook.guard import AllowList, Guard, is_public

DENIED = re.findall(
    r"\S+",
    """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
    192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1
    64:ff9b::a00:1 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 2002:7f00:1::
    2002:a00:1:: fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 ff0e::1
    """,
)
PUBLIC = re.findall(
    r"\S+",
    "1.1.1.1 8.8.8.8 93.184.216.34 172.32.0.1 100.128.0.1 ::ffff:8.8.8.8 2606:4700:4700::1111 2a00:1450::1",
)


@pytest.mark.parametrize("text", DENIED)
def test_an_address_that_is_not_of_the_internet_at_large_is_denied(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_at_large_is_allowed(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_inside_ipv6(address: IPv4Address) -> None:
    assert is_public(IPv6Address(f"::ffff:{address}")) == is_public(address)
    assert not is_public(IPv6Address(f"64:ff9b::{address}"))


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_allowed(address: IPv4Address | IPv6Address) -> None:
    assert not (is_public(address) and (address.is_private or address.is_loopback or address.is_link_local))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://[64:ff9b::7f00:1]/", "not a public address"),
        ("http://93.184.216.34/", "https only"),
        ("https://93.184.216.34:22/", "port 22"),
        ("https://user:password@93.184.216.34/", "no user name"),
        ("https://user@93.184.216.34/", "no user name"),
        ("ftp://93.184.216.34/", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("gopher://127.0.0.1/", "begins with https"),
        ("/relative", "begins with https"),
        ("", "begins with https"),
    ],
)
def test_a_url_that_must_not_be_called_is_refused_before_any_connection(url: str, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        Guard(URL(url), AllowList([]))


@pytest.mark.parametrize(
    "url", ["https://93.184.216.34/", "https://93.184.216.34:8443/", "https://[2606:4700::1]/x?y=z"]
)
def test_https_to_a_public_address_on_a_usual_port_passes(url: str) -> None:
    Guard(URL(url), AllowList([]))


@pytest.mark.parametrize("allow", [["10.1.0.0/16"], ["10.1.2.3"], ["fd00::/8", "10.0.0.0/8"]])
def test_a_private_network_is_reached_only_where_it_is_allowed(allow: list[str]) -> None:
    Guard(URL("http://10.1.2.3:8080/"), AllowList(allow))
    with pytest.raises(PermanentError):
        Guard(URL("http://11.1.2.3:8080/"), AllowList(allow))
    with pytest.raises(PermanentError):
        Guard(URL("http://192.168.1.1/"), AllowList(allow))


def test_a_refusal_names_the_cure() -> None:
    with pytest.raises(PermanentError) as caught:
        Guard(URL("https://10.0.0.1/"), AllowList([]))
    assert "`allow` in the section `webhook`" in caught.value.cure
