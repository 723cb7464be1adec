"""`retain db check | upgrade | index | copy`."""

from __future__ import annotations

import click

from retain.app.projects.database import check_file, copy_between, upgrade_file
from retain.app.reports.figures import counted, size
from retain.app.reports.segments import make_indexes
from retain.serve.cli.context import config, leave, load
from retain.serve.cli.output import BAD, CAREFUL, GOOD, json_option, pairs, print_json, say


@click.group("db")
def command() -> None:
    """Check, upgrade, index or copy the store."""


@command.command("check")
@json_option
def check(as_json: bool) -> None:
    """Check that the file is whole, and of this program's version."""
    report = check_file(config())
    health = report.health
    if as_json:
        print_json(report.as_json())
    else:
        say(("damaged", BAD) if report.damage else ("ok", GOOD), f"  {health.path}")
        shown = [("tables", f"version {report.tables}"), (health.database, health.version)]
        if health.free_bytes is None:
            shown.append(("size", size(health.file_bytes)))
        else:
            shown.append(("file", f"{size(health.file_bytes)}, journal {size(health.journal_bytes)}"))
            shown.append(("disk", f"{size(health.free_bytes)} free"))
        pairs(shown, indent=4)
        for line in report.damage:
            say(("    damage: ", ""), (line, CAREFUL))
    if report.damage:
        leave(1)


@command.command("upgrade")
@json_option
def upgrade(as_json: bool) -> None:
    """Bring the tables of an older version up to date; stop the daemon and make a copy of the file first."""
    before, after = upgrade_file(config())
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        say(("ok", GOOD), f"  the tables are at version {after}, nothing to do")
    else:
        say(("upgraded", GOOD), f"  from version {before} to {after}")


@command.command("index")
@json_option
def index(as_json: bool) -> None:
    """Make the indexes by which segments and sweeps find their customers; stop the daemon first."""
    made = make_indexes(config(), load().ruleset)
    if as_json:
        print_json(made)
    elif made:
        say(("made", GOOD), "  ", ", ".join(made))
    else:
        say(("ok", GOOD), "  no index is missing")


@command.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy a whole store to another file or database, and prove that nothing differs.

    FROM and TO are paths or URLs, or env:NAME where one stands in the environment. Stop the daemon first.
    """
    tables = copy_between(config(), source, target)
    if as_json:
        print_json([{"table": table.name, "rows": table.rows, "sha256": table.hash} for table in tables])
        return
    rows = sum(table.rows for table in tables)
    say(("equal", GOOD), f"  {len(tables)} tables, {rows:,} rows; read back from both sides")
    pairs(
        [(table.name, f"{counted(table.rows, 'row')}, {table.hash[:12]}") for table in tables if table.rows], indent=4
    )
