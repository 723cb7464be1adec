"""`retain run`."""

from __future__ import annotations

import click

from retain.app.live.collecting import rare_collection
from retain.serve.cli.context import leave, project_dir
from retain.serve.daemon import run_daemon


@click.command("run")
@click.option("--listen", metavar="HOST:PORT", help="Where events come in, instead of what retain.yaml says.")
def command(listen: str | None) -> None:
    """Run the daemon: take events in, decide, send, until it is told to stop.

    SIGTERM and Ctrl-C finish what is being sent and stop; a second one stops at once. SIGHUP takes changed rules.
    """
    with rare_collection():
        code = run_daemon(project_dir().resolve(), listen=listen)
    leave(code)
