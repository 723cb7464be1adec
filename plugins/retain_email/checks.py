"""What `retain check` finds about e-mail before any is sent."""

from __future__ import annotations

from collections.abc import Sequence

from retain.model import Problem
from retain.registry import CheckContext


def check_unsubscribe(context: CheckContext) -> Sequence[Problem]:
    """Messages that need a consent need a page where it can be withdrawn: an address for it, and a secret."""
    if not context.purposes.get("email"):
        return []
    missing = [
        what
        for what, key in (("public.url", "public_url"), ("plugins.email.unsubscribe_secrets", "unsubscribe_secrets"))
        if not context.config.get(key)
    ]
    if not missing:
        return []
    return [
        use.problem(
            "",
            "E132",
            f"this letter needs an unsubscribe page, and retain.yaml has no {' and no '.join(missing)}",
            "give the https address of the public pages and a secret, as docs/how-to/run-in-production.md shows",
        )
        for use in context.uses
    ]
