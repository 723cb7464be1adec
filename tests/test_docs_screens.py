"""The page of screens is what the commands show now, at 80 columns, and leaves no command out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from docs_console import commands_of
from docs_help import blocks, text_of
from docs_screens import TEMPLATE, WIDTH, screens_page
from retain.serve.cli.main import cli

PAGE = "docs/reference/screens.md"
LEFT_OUT = {  # the demo prints as long as it runs; the others need something that has gone wrong in the engine
    "retain demo", "retain runs retry", "retain events failed retry", "retain events failed drop",
}  # fmt: skip


@pytest.mark.long
def test_the_screens_are_what_the_commands_show_now() -> None:
    assert text_of(PAGE) == screens_page(), "run scripts/generate"


def screens() -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines that it shows."""
    for block in blocks(PAGE, "console"):
        for command, printed in commands_of(block.text):
            yield command, printed.splitlines()


def test_every_command_is_shown() -> None:
    context = click.Context(cli, info_name="retain")
    commands = (cli.get_command(context, name) for name in cli.list_commands(context))
    names = {f"retain {name}" for command in commands if command is not None for name in names_of(command)}
    shown = {command for command, _ in screens()}
    assert {name for name in names - LEFT_OUT if not any(one.startswith(name) for one in shown)} == set()


def names_of(command: click.Command) -> Iterator[str]:
    """A command's name; of a group the names of all that it holds."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from (f"{command.name} {name}" for name in names_of(inner))
    else:
        yield str(command.name)


def test_no_screen_is_wider_than_the_terminal_but_for_texts_as_they_are() -> None:
    verbatim = re.compile(
        r"^retain (check|reload|run|rules show|test --record|schema|plan --markdown)|^curl"  # source lines, logs, JSON
    )
    wide = [line for command, lines in screens() if not verbatim.match(command) for line in lines if len(line) > WIDTH]
    assert wide == []


def test_the_page_is_the_template_with_what_was_shown() -> None:
    prose = [
        line for line in TEMPLATE.read_text().splitlines() if line and not line.startswith(("$", "<!--", "`", " "))
    ]
    assert [line for line in prose if line not in text_of(PAGE)] == []
