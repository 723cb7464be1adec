"""Commands that change something: asked of the running daemon, else carried out here on the project's store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import click

from retain.app.commands.desk import Desk, open_desk
from retain.app.commands.table import run_command
from retain.app.reports.figures import counted
from retain.errors import RetainError
from retain.model import Effect, EffectState, Json
from retain.serve.admin import SOCKET_NAME, AdminClient, os_user
from retain.serve.cli.context import config, leave, load
from retain.serve.cli.output import BAD, CAREFUL, GOOD, print_json, say

_TO_DECIDE = frozenset({"accept", "close_task", "drop_events", "retry_events", "retry_runs"})
_TOGETHER = 500  # in one request, so that nothing else waits long for a daemon that does many


class Ask(Protocol):
    """Carries out one command by its name."""

    def __call__(self, name: str, /, **args: Json) -> Json: ...


def act(name: str, /, *, by: str | None, **args: Json) -> Json:
    """The answer of one command."""
    with asking(by) as ask:
        return ask(name, **args)


@contextmanager
def asking(by: str | None, progress: Callable[[int], None] | None = None) -> Iterator[Ask]:
    """A way to carry out commands: by the daemon where one answers, else here, one after the other.

    Here, events that commands accept are decided at the end; what is due to be sent waits for the daemon.

    Args:
        by: who asks, for the audit trail; None = the person at this terminal.
        progress: told how much was decided here: events, timers, and customers that a new rule has looked at.
    """
    who = by or os_user()
    client = AdminClient(config().project_dir / SOCKET_NAME, timeout_s=300.0)
    if client.is_answered():

        def ask_daemon(name: str, /, **args: Json) -> Json:
            return client.call(name, by=who, **args)

        yield ask_daemon
        return
    with open_desk(load()) as desk:
        asked: set[str] = set()

        def ask_desk(name: str, /, **args: Json) -> Json:
            asked.add(name)
            return run_command(desk, name, who, args)

        yield ask_desk
        if asked & _TO_DECIDE:
            _decide(desk, progress)


def tell_done(answer: Json, word: str, name: str, otherwise: str, *, as_json: bool) -> None:
    """What came of a command about one thing: done, or `otherwise` where it had been done before."""
    if as_json:
        print_json(answer)
    elif answer[word]:
        say((f"{word}  ", GOOD), name)
    else:
        say(f"{name} {otherwise}")


def act_on(name: str, word: str, one: str, ids: Sequence[str], *, by: str | None, as_json: bool, **more: Json) -> None:
    """Do one thing with many, a part at a time, and tell how many were done and why others were not.

    Exit code 1 where some were not.

    Args:
        word: what the answer calls those that were done.
        one: what one of them is called.
    """
    done = 0
    refused: dict[str, str] = {}
    if ids:
        with asking(by) as ask:
            for start in range(0, len(ids), _TOGETHER):
                answer = ask(name, ids=list(ids[start : start + _TOGETHER]), **more)
                done += answer[word]
                refused |= answer["refused"]
    if as_json:
        print_json({word: done, "refused": refused})
    else:
        say((f"{word}  ", GOOD if done else CAREFUL), counted(done, one))
        for which, why in refused.items():
            say(("not ", BAD), f"{which}: {why}")
    if refused:
        leave(1)


def note(what: str, by: str | None, **details: Json) -> None:
    """Keep in the audit trail what was done to files; where the store cannot be written, that is said and no error."""
    try:
        act("note", by=by, what=what, **details)
    except RetainError as error:
        click.echo(f"warning: not in the audit trail: {error.what}", err=True)


def ways_on(effect: Effect) -> list[str]:
    """The commands by which a person decides about an effect that is dead or in doubt."""
    retry = f"retain effects retry {effect.id}"
    return [retry, f"retain effects confirm {effect.id}"] if effect.state is EffectState.IN_DOUBT else [retry]


def _decide(desk: Desk, progress: Callable[[int], None] | None) -> None:
    decided = 0
    while (report := desk.pipeline.step(desk.now())).more:
        decided += report.events + report.timers
        if progress is not None:
            progress(decided)
