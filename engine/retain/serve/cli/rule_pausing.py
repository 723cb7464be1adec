"""`retain rules pause | resume`: one rule by name, and a person asked before a breaker is closed again."""

from __future__ import annotations

import click

from retain.app.reports.figures import counted
from retain.app.reports.reading import has_store, reading
from retain.errors import AdminError
from retain.model import RunState
from retain.serve.cli.context import config, known_rule, load
from retain.serve.cli.filters import by_option
from retain.serve.cli.output import CAREFUL, json_option, say
from retain.serve.cli.pausing import pause as pause_anything
from retain.serve.cli.pausing import resume as resume_anything

_ALL = 1 << 31


@click.command("pause")
@click.argument("rule_id", metavar="RULE")
@click.option("--reason", default="", help="Why; it is shown wherever the pause is.")
@by_option
@json_option
@click.pass_context
def pause(ctx: click.Context, rule_id: str, reason: str, by: str | None, as_json: bool) -> None:
    """Stop a rule, at once and across restarts; the same as: retain pause --rule RULE."""
    known_rule(load(), rule_id)
    ctx.invoke(pause_anything, rule=rule_id, channel=None, everything=False, reason=reason, by=by, as_json=as_json)


@click.command("resume")
@click.argument("rule_id", metavar="RULE")
@click.option("--release", "parked", flag_value="release", default=True, help="Start what was parked; the default.")
@click.option("--drop", "parked", flag_value="drop", help="Drop what was parked.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@by_option
@json_option
@click.pass_context
def resume(ctx: click.Context, rule_id: str, parked: str, yes: bool, by: str | None, as_json: bool) -> None:
    """Let a rule go on that a person or its breaker has paused.

    Says why it stands still and how many runs are parked, and asks before it starts or drops them.
    """
    known_rule(load(), rule_id)
    if not yes and not as_json:
        _ask(rule_id, parked)
    ctx.invoke(resume_anything, rule=rule_id, channel=None, everything=False, parked=parked, by=by, as_json=as_json)


def _ask(rule_id: str, parked: str) -> None:
    found = config()
    if not has_store(found):
        return
    with reading(found) as store:
        row = next((row for row in store.pauses() if (row.scope, row.name) == ("rule", rule_id)), None)
        waiting = len(store.list_runs(rule=rule_id, states=[RunState.PARKED], limit=_ALL))
    if row is None:
        return
    say(("paused  ", CAREFUL), f"{rule_id}, {row.reason if row.by in row.reason else f'by {row.by}: {row.reason}'}")
    first = f"{'Drop' if parked == 'drop' else 'Start'} {counted(waiting, 'parked run')} and let the rule go on?"
    question = first if waiting else "No run is parked. Let the rule go on?"
    if not click.confirm(question):
        raise AdminError("nothing was changed", where=rule_id, cure="look first: retain runs list --rule " + rule_id)
