"""`retain tasks list | close`."""

from __future__ import annotations

import click
from rich.text import Text

from retain.app.reports.figures import counted
from retain.app.reports.reading import names_of
from retain.app.reports.rows import record_json
from retain.app.reports.times import show_time, zone_name
from retain.serve.cli.acting import act, tell_done
from retain.serve.cli.context import now, zone_of
from retain.serve.cli.filters import by_option, limit_option
from retain.serve.cli.output import BAD, QUIET, columns, hint, json_option, print_json, say, show
from retain.serve.cli.stored import opened

KIND = "task"


@click.group("tasks")
def command() -> None:
    """List and close to-dos that rules made for people."""


@command.command("list")
@click.option("--owner", metavar="NAME", help="Of this person only.")
@click.option("--state", type=click.Choice(["open", "closed", "all"]), default="open", show_default=True)
@limit_option
@json_option
def list_(owner: str | None, state: str, limit: int, as_json: bool) -> None:
    """List to-dos, the most urgent first."""
    with opened() as (config, store):
        found = store.list_records(KIND, state=None if state == "all" else state, owner=owner, limit=1_000_000)
        names = names_of(store, (record.customer or 0 for record in found))
    found.sort(key=lambda record: (record.due_at is None, record.due_at or 0, record.id))
    if as_json:
        print_json([record_json(record, names) for record in found[:limit]])
        return
    if not found:
        say("nothing to do")
        return
    zone, present = zone_of(config), now()
    table = columns("task", "due", "owner", "customer", "what", fold=["owner", "customer", "what"])
    for record in found[:limit]:
        late = record.due_at is not None and record.due_at < present and record.state == "open"
        due = Text(show_time(record.due_at, zone), style=BAD if late else "")
        told = str(record.fields.get("title", ""))
        table.add_row(record.id, due, record.owner, names.get(record.customer or 0, ""), told)
    show(table)
    more = f", {counted(len(found) - limit, 'more', 'more')}" if len(found) > limit else ""
    say((f"{counted(min(len(found), limit), 'task')}{more}; times in {zone_name(zone)}", QUIET))
    hint(f"retain tasks close {found[0].id}")


@command.command("close")
@click.argument("task")
@click.option("--outcome", default="done", show_default=True, help="What came of it; rules can ask for it.")
@by_option
@json_option
def close(task: str, outcome: str, by: str | None, as_json: bool) -> None:
    """Close a to-do; rules that wait for it go on."""
    answer = act("close_task", by=by, task=task, outcome=outcome)
    tell_done(answer, "closed", task, "was closed already", as_json=as_json)
