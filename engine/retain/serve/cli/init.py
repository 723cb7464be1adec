"""`retain init`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.projects.scaffold import DEFAULT_PACKS, make_project, packs
from retain.app.reports.figures import counted
from retain.serve.cli.output import NAME, columns, hint, json_option, pairs, print_json, say, show


@click.command("init")
@click.argument("directory", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--pack", "names", multiple=True, metavar="NAME", help="Shipped rules to begin with; may be repeated.")
@click.option("--list", "only_list", is_flag=True, help="List the packs.")
@json_option
def command(directory: Path | None, names: tuple[str, ...], only_list: bool, as_json: bool) -> None:
    """Make a project in DIR, a new or empty folder: configuration, rules, templates, schemas, tests and a README.

    Without --pack it begins with abandoned-cart.
    """
    if only_list:
        _list(as_json)
        return
    if directory is None:
        raise click.UsageError("Name a folder: retain init DIR")
    files = make_project(directory, names)
    if as_json:
        print_json({"dir": str(directory), "files": files})
        return
    say(("made  ", "green"), (str(directory), NAME), f", a project with {counted(len(files), 'file')}")
    click.echo()
    chosen = names or DEFAULT_PACKS
    pairs([(name, packs()[name].description) for name in dict.fromkeys(chosen)])
    hint(f"cd {directory}", "retain check", "retain run")


def _list(as_json: bool) -> None:
    known = packs()
    if as_json:
        entries = ({"name": pack.name, "description": pack.description, "rules": pack.rules} for pack in known.values())
        print_json(list(entries))
        return
    table = columns("pack", "what it does", fold=["what it does"])
    for pack in known.values():
        table.add_row(pack.name, pack.description)
    show(table)
    hint("retain init DIR --pack NAME --pack NAME")
