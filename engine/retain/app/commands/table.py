"""The commands that change something, by name: through the daemon's admin door, or on a desk of one's own.

Every command takes a desk, `by` (who asks) and its own arguments as keywords, all of them plain JSON, and answers with
plain JSON. Each is kept in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retain.app.commands.desk import Desk
from retain.app.commands.intake import accept, close_task, import_consents, import_suppressions
from retain.app.commands.noting import note
from retain.app.commands.operating import (
    confirm_effects,
    drop_effects,
    drop_events,
    retry_effects,
    retry_events,
    retry_runs,
    stop_run,
)
from retain.app.commands.pausing import pause, resume
from retain.errors import NotFoundError
from retain.model import Json

COMMANDS: Mapping[str, Callable[..., Json]] = {
    "accept": accept,
    "close_task": close_task,
    "confirm_effects": confirm_effects,
    "drop_effects": drop_effects,
    "drop_events": drop_events,
    "import_consents": import_consents,
    "import_suppressions": import_suppressions,
    "note": note,
    "pause": pause,
    "resume": resume,
    "retry_effects": retry_effects,
    "retry_events": retry_events,
    "retry_runs": retry_runs,
    "stop_run": stop_run,
}


def run_command(desk: Desk, name: str, by: str, args: Mapping[str, Json]) -> Json:
    """Carry out a command.

    Raises:
        NotFoundError: there is no command of that name, or an argument names nothing.
    """
    command = COMMANDS.get(name)
    if command is None:
        raise NotFoundError("command", name, COMMANDS)
    return command(desk, by=by, **args)
