"""What imports of consents and suppressions say at their end."""

from __future__ import annotations

from retain.app.commands.importing import Rejects
from retain.app.reports.figures import counted
from retain.serve.cli.context import leave
from retain.serve.cli.output import CAREFUL, GOOD, print_json, say


def report_list(what: str, stored: int, rejects: Rejects, *, as_json: bool) -> None:
    """How many rows were taken and refused; exit code 1 where some were refused."""
    if as_json:
        path = str(rejects.path) if rejects.count else None
        print_json({"imported": stored, "rejected": rejects.count, "rejects": path})
    else:
        say(("imported  ", GOOD), counted(stored, what))
        if rejects.count:
            say((f"{counted(rejects.count, 'bad row')} in ", CAREFUL), str(rejects.path))
    if rejects.count:
        leave(1)
