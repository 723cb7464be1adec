"""The command line as a reference page: every command with its arguments and options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from retain.app.reference.articles import markdown_table
from retain.serve.cli.examples import EXAMPLES
from retain.serve.cli.main import SECTIONS, cli

_INTRODUCTION = """\
# Commands

`retain COMMAND --help` says the same on the command line. Every command that reads takes `--json`. Exit codes: 0 clean,
1 problems found, 2 could not run; `retain plan` ends with 3 where more people are touched than `--max-affected` allows.
Every command works on the nearest project upwards from where it is called; `-C DIR` names another.

Times are written as `2026-11-21`, `2026-11-21 10:00` (in the project's zone), `2026-11-21T10:00Z`, `yesterday`,
`yesterday 09:00`, `now`, `-2h` or `2h ago`. A customer is named by a user id, an anonymous id, an e-mail address, a key
such as `user:17`, or `#` and the internal number.

While the daemon runs, commands that change something are carried out by it; otherwise they open the store themselves.
`NO_COLOR` takes the colours away, `COLUMNS` sets the width, `RETAIN_DEBUG=1` shows where a fault comes from.
"""


def commands_page() -> str:
    """The whole page as Markdown."""
    lines = [_INTRODUCTION]
    context = click.Context(cli, info_name="retain")
    for section, commands in SECTIONS.items():
        lines += [f"## {section}", ""]
        for name in commands:
            command = cli.get_command(context, name)
            if command is not None:
                lines += _command(command, context, name)
    return "\n".join(lines).rstrip() + "\n"


def _command(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        for inner_name, inner in command.commands.items():
            yield from _command(inner, context, inner_name)
        return
    yield f"### {context.command_path}"
    yield ""
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    yield ""
    yield inspect.cleandoc(command.help or "")
    yield ""
    options = [one for one in command.params if isinstance(one, click.Option) and one.name != "project_here"]
    rows = [record for one in options if (record := one.get_help_record(context)) is not None]
    if rows:
        yield from markdown_table(("option", "meaning"), ((f"`{names}`", meaning) for names, meaning in rows))
        yield ""
    examples = EXAMPLES.get(context.command_path.partition(" ")[2], ())
    if examples:
        yield from ("```sh", *examples, "```", "")
