"""The section `email` of retain.yaml, read and checked."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from retain.errors import TemporaryError
from retain.model import Fields
from retain.registry import JsonSchema
from retain_email.addresses import Mailbox, parse_mailbox

Tls = Literal["none", "starttls", "tls"]
_PORTS: dict[Tls, int] = {"none": 25, "starttls": 587, "tls": 465}
PAGE_PATH = "/u/"
_SHORTEST_SECRET = 16

SCHEMA: JsonSchema = {
    "type": "object",
    "required": ["host", "from"],
    "additionalProperties": False,
    "properties": {
        "host": {"type": "string", "minLength": 1, "description": "Name or address of the mail server."},
        "port": {
            "type": "integer",
            "minimum": 1,
            "maximum": 65535,
            "description": "Default: 465 for tls, 587 for starttls, 25 for none.",
        },
        "tls": {
            "enum": ["none", "starttls", "tls"],
            "description": "Default: starttls, or none for a server on this machine, the only place for none.",
        },
        "ca_file": {"type": "string", "description": "File with the certificates to trust, for a private authority."},
        "username": {"type": "string", "description": "Where the server asks for one."},
        "password": {"type": "string", "writeOnly": True, "description": "A reference: env:NAME or file:PATH."},
        "from": {"type": "string", "description": "The sender, as `Shop <shop@example.com>`."},
        "reply_to": {"type": "string", "description": "Where answers go, if not to the sender."},
        "return_path": {"type": "string", "description": "Address that gets bounces; default: the sender's."},
        "local_hostname": {"type": "string", "description": "Name in EHLO; default: the domain of the sender."},
        "list_id": {"type": "string", "description": "List-Id of marketing messages, such as news.example.com."},
        "public_url": {
            "type": "string",
            "pattern": "^https?://[^/]+",
            "description": "Address under which people reach the daemon's public pages; https.",
        },
        "unsubscribe_secrets": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string"},
            "writeOnly": True,
            "description": "References to secrets of 16 characters or more. The first makes links, all open them.",
        },
        "timeout_s": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 60,
            "description": "From connecting to the start of the message, in seconds; default 30.",
        },
        "data_timeout_s": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 600,
            "description": "For the answer to the message, in seconds; default 600 (RFC 5321).",
        },
        "pool_size": {
            "type": "integer",
            "minimum": 0,
            "maximum": 32,
            "description": "Idle connections that are kept for the next message; default 8.",
        },
        "templates": {"type": "string", "description": "Folder of the templates in the project; default templates."},
    },
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where and as whom messages are sent."""

    host: str
    port: int
    tls: Tls
    sender: Mailbox
    local_hostname: str
    ca_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    reply_to: str = ""
    return_path: str = ""
    list_id: str = ""
    public_url: str = ""
    unsubscribe_secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout_s: float = 30.0
    data_timeout_s: float = 600.0
    pool_size: int = 8
    templates: Path = Path("templates")

    @property
    def public_url_is_safe(self) -> bool:
        """Whether it is https; plain http is for trying things out on this machine."""
        url = urlsplit(self.public_url)
        return url.scheme == "https" or is_loopback(url.hostname or "")

    def unsubscribe_url(self, token: str) -> str:
        """The address of the unsubscribe page of one customer and purpose."""
        return self.public_url.rstrip("/") + PAGE_PATH + token


def read_settings(config: Fields) -> Settings:
    """The settings of a section of retain.yaml.

    Raises:
        TemporaryError: the section is missing or unsafe. The message waits until a person has put it right.
    """
    if not config.get("host") or not config.get("from"):
        raise TemporaryError(
            "no mail server is configured", where="retain.yaml", cure="give `host` and `from` in the section `email`"
        )
    host = str(config["host"])
    tls: Tls = config.get("tls") or ("none" if is_loopback(host) else "starttls")
    if tls == "none" and not is_loopback(host):
        raise TemporaryError(
            "mail would leave this machine unencrypted", where="retain.yaml", cure="set `tls: starttls` or `tls: tls`"
        )
    secrets = tuple(config.get("unsubscribe_secrets", ()))
    if any(len(secret) < _SHORTEST_SECRET for secret in secrets):
        raise TemporaryError(
            f"an unsubscribe secret is shorter than {_SHORTEST_SECRET} characters",
            where="retain.yaml",
            cure="make one with: openssl rand -hex 24",
        )
    sender = parse_mailbox(str(config["from"]))
    return Settings(
        host=host,
        port=config.get("port") or _PORTS[tls],
        tls=tls,
        sender=sender,
        local_hostname=config.get("local_hostname") or sender.address.rpartition("@")[2],
        ca_file=config.get("ca_file", ""),
        username=config.get("username", ""),
        password=config.get("password", ""),
        reply_to=config.get("reply_to", ""),
        return_path=config.get("return_path") or sender.address,
        list_id=config.get("list_id", ""),
        public_url=config.get("public_url", ""),
        unsubscribe_secrets=secrets,
        timeout_s=config.get("timeout_s", 30.0),
        data_timeout_s=config.get("data_timeout_s", 600.0),
        pool_size=config.get("pool_size", 8),
        templates=Path(config.get("project_dir", ".")) / config.get("templates", "templates"),
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
