"""`retain import`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.commands.importing import Imported, Rejects, Send, import_events
from retain.app.projects.project import Project
from retain.app.reports.times import show_time, zone_name
from retain.model import Json
from retain.serve.cli.acting import asking
from retain.serve.cli.context import leave, load, now, zone_of
from retain.serve.cli.filters import by_option
from retain.serve.cli.output import CAREFUL, GOOD, hint, json_option, pairs, print_json, progress, say, tally

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--mapping", type=FILE, help="For CSV: which call each row becomes.")
@click.option("--live", is_flag=True, help="As if the events came now: they may start rules.")
@click.option("--dry-run", is_flag=True, help="Read and judge every row; store nothing.")
@by_option
@json_option
def command(file: Path, mapping: Path | None, live: bool, dry_run: bool, by: str | None, as_json: bool) -> None:
    """Take in past events from FILE: JSON Lines of Segment-shaped calls, or CSV with a mapping; plain or .gz.

    Imported events are history: they are known to every rule, and start nothing unless --live is given. Bad rows go
    to FILE.rejects.jsonl, each with its reason; the others are stored. An event whose message id is known is not
    stored again, so the same file can be imported twice.
    """
    project = load()
    started = now()
    rejects = None if dry_run else Rejects(file)

    def take(send: Send | None) -> Imported:
        with progress("reading") as report:
            return import_events(
                file,
                project.schema,
                send,
                mapping=mapping,
                received_at=started if live else None,
                latest=started,
                rejects=rejects,
                progress=report,
            )

    if dry_run:
        found = take(None)
    else:
        with progress("deciding") as report, asking(by, report) as ask:
            found = take(lambda chunk: _accepted(ask("accept", messages=chunk)))
    kept = rejects.path if rejects is not None and rejects.count else None
    if as_json:
        print_json(found.as_json(kept))
    else:
        _show(found, kept, project, file, live=live, dry_run=dry_run)
    if found.rejected:
        leave(1)


def _accepted(answer: Json) -> dict[str, int]:
    return {"accepted": answer["accepted"], "duplicates": answer["duplicates"]}


def _show(found: Imported, rejects: Path | None, project: Project, file: Path, *, live: bool, dry_run: bool) -> None:
    zone = zone_of(project.config)
    if dry_run:
        say(("read  ", GOOD), f"{file}; nothing was stored")
    else:
        started = "they may start rules" if live else "history, which starts nothing"
        say(("imported  ", GOOD), f"{file}: {started}")
    click.echo()
    period = f"{show_time(found.first, zone)} to {show_time(found.last, zone)} {zone_name(zone)}"
    refused = tally(found.rejected) if found.rejected else "none"
    rows: list[tuple[str, str]] = [
        ("good rows", f"{found.rows:,}"),
        ("stored", "" if dry_run else f"{found.stored:,}"),
        ("known already", f"{found.duplicates:,}" if found.duplicates else ""),
        ("occurred", period if found.rows else ""),
        ("events", tally(dict(found.events.most_common(8))) if found.rows else ""),
        ("left out", f"{tally(found.misfits)}: of another type than declared" if found.misfits else ""),
        ("corrected", tally({code: count for code, count in found.notes.items() if code != "misfit"}, none="")),
        ("bad rows", refused),
    ]
    pairs([(label, value) for label, value in rows if value])
    if rejects is not None:
        say(("\nbad rows are in ", CAREFUL), str(rejects))
    hint(*(["retain import … without --dry-run"] if dry_run else ["retain simulate", "retain status"]))
