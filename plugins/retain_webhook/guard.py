"""Where a webhook may go. A rule's URL can be made of a customer's data, so it must not reach into the own network.

Every address that a name resolves to is looked at, and the connection goes to the very address that passed: a name that
answers otherwise a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from retain.errors import PermanentError

Address = IPv4Address | IPv6Address
_PORTS = (443, 8443)
# is_global alone is no guard: it calls multicast and some addresses that embed private ones global
_DENIED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
        "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_MAPPED = IPv6Network("::ffff:0:0/96")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet at large, also once an IPv4 address inside it is taken out."""
    if isinstance(address, IPv6Address) and address in _MAPPED:
        address = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address.version == network.version and address in network for network in _DENIED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class AllowList:
    """Names and networks of the own house that webhooks may go to, as retain.yaml names them."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in entries:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(_plain(entry))

    def has_name(self, host: str) -> bool:
        """Whether the host is allowed by its name, whatever it resolves to."""
        return _plain(host) in self._names

    def has_address(self, address: Address) -> bool:
        """Whether the address lies in an allowed network."""
        return any(address.version == network.version and address in network for network in self._networks)


class Guard(AbstractResolver):
    """Resolves the host of one URL, and refuses it unless every answer may be connected to."""

    def __init__(self, url: URL, allow: AllowList) -> None:
        if url.scheme not in ("http", "https") or not url.raw_host:
            raise PermanentError("a webhook's URL begins with https:// and a host")
        if url.raw_user is not None or url.raw_password is not None:
            raise PermanentError("a webhook's URL must hold no user name or password")
        self._url = url
        self._host = url.raw_host
        self._allow = allow
        literal = _literal(self._host)  # the client asks no resolver about an address
        if literal is not None:
            self.check(literal)

    def check(self, address: Address) -> None:
        """Refuse an address that must not be connected to for this URL.

        Raises:
            PermanentError: it is not public, or the URL is not https on a usual port, and nothing allows it.
        """
        if self._allow.has_name(self._host) or self._allow.has_address(address):
            return
        cure = "if it is meant, name the host or its network under `allow` in the section `webhook` of retain.yaml"
        if not is_public(address):
            raise PermanentError(f"{self._host} is not a public address", cure=cure)
        if self._url.scheme != "https":
            raise PermanentError("a webhook goes out by https only", cure=cure)
        if self._url.port not in _PORTS:
            raise PermanentError(f"port {self._url.port} is not a usual one for https", cure=cure)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the host, all of them checked."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = []
        for answer_family, _, protocol, _, place in found:
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            self.check(address)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address),
                    port=port,
                    family=answer_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing to close."""


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _plain(host: str) -> str:
    return host.casefold().rstrip(".")
