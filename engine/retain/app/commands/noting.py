"""What people do beside the store and is kept in its audit trail all the same."""

from __future__ import annotations

from retain.app.commands.desk import Desk
from retain.errors import NotFoundError
from retain.model import Json

_DONE = ("export", "rollback")


def note(desk: Desk, *, by: str, what: str, **details: Json) -> Json:
    """Keep that somebody has written a file: events for elsewhere, or an older text of a rule.

    Raises:
        NotFoundError: nothing of that name is noted.
    """
    if what not in _DONE:
        raise NotFoundError("command that is noted", what, _DONE)
    desk.audit(by, what, **details)
    return {"noted": what}
