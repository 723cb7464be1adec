"""`retain pause` and `retain resume`."""

from __future__ import annotations

import click

from retain.app.reports.figures import counted
from retain.model import Json
from retain.serve.cli.acting import act
from retain.serve.cli.filters import by_option
from retain.serve.cli.output import BAD, CAREFUL, GOOD, hint, json_option, print_json, say


@click.command("pause")
@click.option("--rule", metavar="RULE", help="This rule.")
@click.option("--channel", metavar="NAME", help="Every message on this channel, such as email.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--reason", default="", help="Why; it is shown wherever the pause is.")
@by_option
@json_option
def pause(rule: str | None, channel: str | None, everything: bool, reason: str, by: str | None, as_json: bool) -> None:
    """Stop a rule, a channel or everything, at once and across restarts.

    Events are still taken in and decided; what would start is parked, what would be sent is held.
    """
    scope, name = _scope(rule, channel, everything)
    answer = act("pause", by=by, scope=scope, name=name, reason=reason)
    if as_json:
        print_json(answer)
        return
    say(("paused  ", CAREFUL), f"{_told(scope, name)}{'' if answer['paused'] else ', which it was already'}")
    hint(f"retain resume {_option(scope, name)}", "retain status")


@click.command("resume")
@click.option("--rule", metavar="RULE", help="This rule.")
@click.option("--channel", metavar="NAME", help="This channel.")
@click.option("--all", "everything", is_flag=True, help="Everything; what was paused by itself stays so.")
@click.option("--release", "parked", flag_value="release", default=True, help="Start what was parked; the default.")
@click.option("--drop", "parked", flag_value="drop", help="Drop what was parked.")
@by_option
@json_option
def resume(rule: str | None, channel: str | None, everything: bool, parked: str, by: str | None, as_json: bool) -> None:
    """Let what was paused go on.

    Runs that were parked start now, unless they are too old by now; effects that were held are sent, after every
    check that a send must pass.
    """
    scope, name = _scope(rule, channel, everything)
    answer = act("resume", by=by, scope=scope, name=name, parked=parked)
    if as_json:
        print_json(answer)
        return
    say(("resumed  ", GOOD), f"{_told(scope, name)}{'' if answer['resumed'] else ', which was not paused'}")
    if answer["released"]:
        say(f"{counted(answer['released'], 'parked run')} started")
    if answer["effects"]:
        say(f"{counted(answer['effects'], 'held effect')} due again")
    if answer["dropped"]:
        say(f"{counted(len(answer['dropped']), 'parked run')} dropped:")
        for entry in answer["dropped"][:20]:
            say(f"  {entry['run']}  {entry['rule']}  since {entry['since']}: {entry['reason']}")
    if answer["held"]:
        say(("held  ", BAD), f"{counted(len(answer['held']), 'parked run')}, because starting raised:")
        for entry in answer["held"][:20]:
            say(f"  {entry['run']}  {entry['rule']}  since {entry['since']}: {entry['held']}")
        hint("retain runs retry --all", "retain doctor")
    for still in answer["still_paused"]:
        say(("still paused  ", CAREFUL), _told(still["scope"], still["name"]))


def _scope(rule: str | None, channel: str | None, everything: bool) -> tuple[str, str]:
    given = [("rule", rule), ("channel", channel), ("all", "" if everything else None)]
    chosen = [(scope, name) for scope, name in given if name is not None]
    if len(chosen) != 1:
        raise click.UsageError("Say one of --rule RULE, --channel NAME and --all.")
    scope, name = chosen[0]
    return scope, name or ""


def _told(scope: str, name: str) -> str:
    return "everything" if scope == "all" else f"{scope} {name}"


def _option(scope: str, name: Json) -> str:
    return "--all" if scope == "all" else f"--{scope} {name}"
