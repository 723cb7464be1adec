"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over the id, the second, and the very bytes of the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from retain.errors import PermanentError
from retain.model import Fields, Instant, digest

_PREFIX = "whsec_"


def webhook_id(effect_id: str) -> str:
    """The id by which the receiver knows a message again: the same on every attempt, and without a dot."""
    return f"msg_{digest('webhook', effect_id, size=32)}"


def signed_headers(message_id: str, at: Instant, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of one attempt; one signature for each secret, so that a secret can be replaced at leisure.

    Raises:
        PermanentError: a secret is not `whsec_` and 24 to 64 bytes in base64.
    """
    second = str(at // 1000)
    content = b".".join((message_id.encode(), second.encode(), body))
    signatures = [_signature(_key(secret), content) for secret in secrets]
    return {"webhook-id": message_id, "webhook-timestamp": second, "webhook-signature": " ".join(signatures)}


def secrets_named(name: str, config: Fields) -> tuple[str, ...]:
    """The secrets of one name in the section `webhook` of retain.yaml, the newest first.

    Raises:
        PermanentError: there are none of that name.
    """
    found = config.get("secrets", {}).get(name)
    if not found:
        cure = f"write `secrets: {{{name}: env:NAME}}` in the section `webhook`"
        raise PermanentError(f"no webhook secret is called {name!r}", where="retain.yaml", cure=cure)
    return (found,) if isinstance(found, str) else tuple(found)


def _signature(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    cure = "make one with: echo whsec_$(openssl rand -base64 32)"
    if not secret.startswith(_PREFIX):
        raise PermanentError("a webhook secret does not begin with whsec_", where="retain.yaml", cure=cure)
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise PermanentError("a webhook secret is not base64", where="retain.yaml", cure=cure) from error
    if not 24 <= len(key) <= 64:
        raise PermanentError("a webhook secret has not 24 to 64 bytes", where="retain.yaml", cure=cure)
    return key
