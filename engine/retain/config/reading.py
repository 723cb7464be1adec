"""The tree of a retain.yaml to plain values, each problem at its very place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from retain.config.keys import Key
from retain.config.secrets import Secret, hide, is_reference
from retain.errors import did_you_mean
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar, SourceFile, from_plain, plain
from retain.language.documents.shapes import (
    Problems,
    entries_of,
    misfit,
    read_choice,
    read_duration,
    read_flag,
    read_keys,
    read_limit,
    read_list,
    read_map,
    read_text,
    read_texts,
)
from retain.language.time.zones import zone_or_none
from retain.model import Json

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_COMMON_ZONES = ("UTC", "Europe/London", "Europe/Berlin", "Europe/Paris", "America/New_York", "America/Los_Angeles")


def read_section(
    node: MapNode | None, keys: tuple[Key, ...], what: str, folder: Path, problems: Problems
) -> dict[str, Json]:
    """The values of one section by key; what is not given has its default, what is wrong too."""
    if node is not None:
        read_keys(node, [key.name for key in keys], what, problems, required=[key.name for key in keys if key.required])
    values = {}
    for key in keys:
        given = node.get(key.name) if node is not None else None
        if isinstance(given, Scalar) and given.value is None:
            given = None
        values[key.name] = _read(given, key, folder, problems)
    return values


def _read(node: Node | None, key: Key, folder: Path, problems: Problems) -> Json:
    if key.kind == "section":
        return read_section(read_map(_in_full(node, key), key.name, problems), key.keys, key.name, folder, problems)
    if key.kind == "sections":
        return _read_sections(read_map(node, key.name, problems), key, folder, problems)
    if key.kind == "list":
        items = read_list(node, key.name, problems) or []
        return [
            read_section(section, key.keys, f"each of {key.name}", folder, problems)
            for item in items
            if (section := read_map(item, f"each of {key.name}", problems)) is not None
        ]
    if node is None:
        if key.default is None or key.required:
            return None
        node = from_plain(key.default, SourceFile("", ""))
    if key.kind == "choice":
        return read_choice(node, key.choices, key.name, problems) or key.default
    if key.kind in ("secret", "location"):
        return _read_reference(node, key, folder, problems)
    return _READERS[key.kind](node, key.name, problems)


def _in_full(node: Node | None, key: Key) -> Node | None:
    """A section in its short form as the map that it stands for."""
    name = key.list_key if isinstance(node, ListNode) else key.text_key if isinstance(node, Scalar) else ""
    if not name or node is None:
        return node
    full = MapNode(node.file, node.start, node.end)
    full.keys[name] = Scalar(node.file, node.start, node.end, name, name)
    full.entries[name] = node
    return full


def _read_sections(node: MapNode | None, key: Key, folder: Path, problems: Problems) -> Json:
    own = {known.name: known for known in key.keys}
    values: dict[str, Json] = {
        name: _read(node.get(name) if node else None, own[name], folder, problems) for name in own
    }
    sections = {}
    for name, value in entries_of(node) if node is not None else ():
        if name.text not in own and read_map(value, f"the section of {name.text}", problems) is not None:
            sections[name.text] = hide(plain(value), folder)
    return {**values, "sections": sections}


def _read_reference(node: Node, key: Key, folder: Path, problems: Problems) -> Json:
    text = read_text(node, key.name, problems)
    if is_reference(text):
        return Secret(text, folder)
    if key.kind == "secret" and text:
        cure = "write env:NAME or file:PATH, so that the secret does not stand in this file"
        problems.append(node.complain("E210", f"{key.name} must be a reference to a secret", cure))
        return None
    return text


def _read_version(node: Node, what: str, problems: Problems) -> Json:
    if not isinstance(node, Scalar) or node.value != 1 or isinstance(node.value, bool):
        problems.append(misfit(node, "1", what, "write version: 1"))
    return 1


def _read_zone(node: Node, what: str, problems: Problems) -> Json:
    name = read_text(node, what, problems)
    if zone_or_none(name) is None:
        cure = did_you_mean(name, _COMMON_ZONES)
        problems.append(misfit(node, "a time zone such as Europe/Berlin", what, cure))
        return "UTC"
    return name


def _read_address(node: Node, what: str, problems: Problems) -> Json:
    text = read_text(node, what, problems)
    name, at, domain = text.partition("@")
    if text and not (name and at and domain):
        cure = f"write one, or a list of who may be written to: [{text}]"
        problems.append(misfit(node, "an e-mail address", what, cure))
        return ""
    return text


def _read_listen(node: Node, what: str, problems: Problems) -> Json:
    text = read_text(node, what, problems)
    address = listen_address(text)
    if address is None:
        problems.append(misfit(node, "an address and a port", what, "write 127.0.0.1:8787"))
        return ("127.0.0.1", 0)
    return address


def listen_address(text: str) -> tuple[str, int] | None:
    """`127.0.0.1:8787`, `[::1]:8787`, `localhost:8787`, `:8787` (every address) or `8787` (loopback)."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536):
        return None
    if not colon:
        return "127.0.0.1", int(port)
    if not host:
        return "0.0.0.0", int(port)  # noqa: S104 - asked for in so many words; keys are demanded by check_listen
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(bare)), int(port)
    except ValueError:
        return (host, int(port)) if _HOST.fullmatch(host) else None


def _read_url(node: Node, what: str, problems: Problems) -> Json:
    text = read_text(node, what, problems).rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    local = host == "localhost" or host.endswith(".localhost") or host.startswith("127.") or host == "::1"
    good = parts.scheme == "https" or (parts.scheme == "http" and local)
    if not (good and host) or parts.query or parts.fragment or parts.username is not None:
        problems.append(misfit(node, "an https URL without a query", what, "write https://news.example.com"))
        return ""
    return text


_READERS: Mapping[str, Callable[[Node, str, Problems], Json]] = {
    "version": _read_version,
    "text": read_text,
    "texts": lambda node, what, problems: list(read_texts(node, what, problems)),
    "zone": _read_zone,
    "address": _read_address,
    "listen": _read_listen,
    "url": _read_url,
    "duration": read_duration,
    "limit": read_limit,
    "flag": read_flag,
}
