"""`retain plugins`."""

from __future__ import annotations

import click
from rich.text import Text

from retain.app.projects.schemas import plugins_of
from retain.app.reference.lookup import contributions
from retain.serve.cli.context import leave, project_dir
from retain.serve.cli.output import BAD, QUIET, columns, hint, json_option, print_json, show, styled


@click.command("plugins")
@json_option
def command(as_json: bool) -> None:
    """List the installed plugins, what each adds, and why one is disabled. Exit code 1 where one is."""
    loaded = plugins_of(project_dir())
    if as_json:
        print_json(
            [
                {
                    "name": plugin.name,
                    "version": plugin.version,
                    "distribution": plugin.distribution,
                    "disabled": plugin.disabled,
                    "adds": contributions(loaded.registry, plugin.name),
                }
                for plugin in loaded.plugins
            ]
        )
    else:
        table = columns("plugin", "state", "adds", fold=["adds"])
        for plugin in loaded.plugins:
            if plugin.disabled:
                table.add_row(plugin.name, Text("disabled", style=BAD), plugin.disabled)
            else:
                adds = contributions(loaded.registry, plugin.name)
                told = "\n".join(f"{kind}: {', '.join(names)}" for kind, names in adds.items())
                table.add_row(plugin.name, styled("ok"), told or Text("nothing", style=QUIET))
        show(table)
        hint("retain docs ACTION", "retain docs PLUGIN")
    if any(plugin.disabled for plugin in loaded.plugins):
        leave(1)
