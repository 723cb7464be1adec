"""`retain doctor`."""

from __future__ import annotations

import click
from rich.text import Text

from retain.app.reports.doctor import examine
from retain.app.reports.figures import counted
from retain.serve.cli.context import leave, load, now
from retain.serve.cli.output import BAD, CAREFUL, GOOD, columns, json_option, print_json, say, show

MARKS = {"ok": ("ok", GOOD), "warning": ("look", CAREFUL), "error": ("bad", BAD)}


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Look for anything that needs a person: files, disk, clock, zones, backlog, dead letters, silent rules.

    Exit code 1 where something is bad; what only deserves a look does not count.
    """
    findings = examine(load(), now())
    bad = sum(finding.level == "error" for finding in findings)
    if as_json:
        print_json([finding.as_json() for finding in findings])
    else:
        table = columns("", "", "", fold=[""])
        for finding in findings:
            text = Text(finding.text)
            if finding.cure:
                text.append(f"\n{finding.cure}", style="cyan")
            table.add_row(Text(*MARKS[finding.level]), finding.subject, text)
        show(table)
        looks = sum(finding.level == "warning" for finding in findings)
        told = [counted(bad, "thing is bad", "things are bad")] if bad else []
        told += [f"{counted(looks, 'deserves', 'deserve')} a look"] if looks else []
        say("\n", ", ".join(told) or "all is well")
    if bad:
        leave(1)
