"""`retain reload`."""

from __future__ import annotations

import click

from retain.app.reports.figures import counted
from retain.serve.admin import SOCKET_NAME, AdminClient
from retain.serve.cli.context import leave, project_dir
from retain.serve.cli.output import BAD, CAREFUL, GOOD, hint, json_option, print_json, say

_SHOWN = 10
_TIMEOUT_S = 300.0  # a reload moves every run that waits


@click.command("reload")
@json_option
def command(as_json: bool) -> None:
    """Have the running daemon take the changed rules, all of them or none.

    With an error in any file the rules of before stay in force, and the exit code is 1. It is 1 too where the new ones
    are in force and something was left undone.
    """
    client = AdminClient(project_dir().resolve() / SOCKET_NAME, timeout_s=_TIMEOUT_S)
    answer = client.call("reload")
    if as_json:
        print_json(answer)
    elif answer["ok"]:
        moved = [f"{counted(count, 'waiting run')} {what}" for what, count in sorted((answer["moved"] or {}).items())]
        say(("reloaded  ", GOOD), "; ".join([counted(answer["rules"], "rule"), *moved]))
        for problem in answer["problems"]:
            say(("not done  ", CAREFUL), problem)
        for key in answer["restart"]:
            say(("restart  ", CAREFUL), f"{key} in retain.yaml has changed, and is read at a start of the daemon only")
        begun = sorted({one["rule"] for one in answer["backfills"]})
        if begun:
            customers = counted(answer["backfills"][0]["customers"], "customer")
            say(("backfill  ", GOOD), f"{_listed(begun)}: {customers} to look at; retain status says how far it is")
        stayed = answer["cannot_move"]
        if stayed:
            say(("old text  ", CAREFUL), f"their step is not in the new rule: {_listed(stayed)}")
        hint(f"retain runs show {stayed[0]}" if stayed else "retain status")
    else:
        say(("refused  ", BAD), "the rules of before stay in force")
        for problem in answer["problems"]:
            click.echo(problem, err=True)
        hint("retain check")
    leave(0 if answer["ok"] and not answer["problems"] else 1)


def _listed(names: list[str]) -> str:
    more = f" and {counted(len(names) - _SHOWN, 'more', 'more')}" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
