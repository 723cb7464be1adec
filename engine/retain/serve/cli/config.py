"""`retain config show`."""

from __future__ import annotations

import click

from retain.serve.cli.context import config
from retain.serve.cli.output import CAREFUL, as_yaml, hint, json_option, print_json, say


@click.group("config")
def command() -> None:
    """Show the configuration."""


@command.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show retain.yaml with all defaults; secrets are hidden, only where they are kept is said."""
    found = config()
    if as_json:
        print_json(found.shown())
        return
    click.echo("\n".join(as_yaml(found.shown())))
    for warning in found.warnings():
        say(("warning", CAREFUL), f": {warning}")
    hint("retain check", "retain schema --config")
