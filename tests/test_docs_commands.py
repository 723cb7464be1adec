"""Every command that the documentation names exists, with the options that it is given there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from docs_help import blocks, pages, text_of
from retain.serve.cli.main import cli

_INLINE = re.compile(r"`(retain [a-z-][^`\n]*)`")
_ENDS = frozenset({">", "|", "&&", "||", "&", ";", "…", "..."})


def commands_in(page: str) -> Iterator[str]:
    """The command lines of a page: in blocks of a shell, and between backticks."""
    for block in blocks(page, "sh", "console"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.removeprefix("$ ").startswith("retain "):
                yield line.removeprefix("$ ")
    prose = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    yield from (found[1] for found in _INLINE.finditer(prose))


def wrong_in(line: str) -> str:
    """What of a command line does not exist; "" where all of it does."""
    words = shlex.split(line, comments=True)[1:]
    context = click.Context(cli, info_name="retain")
    command: click.Command = cli
    for word in words:
        if word in _ENDS or (isinstance(command, click.Group) and "|" in word):
            break
        if re.match(r"--?[A-Za-z]", word):
            name = word.partition("=")[0]
            known = {one for param in command.params for one in (*param.opts, *param.secondary_opts)}
            if name not in known | {"--help", "-h", "-C", "--project", "--version"}:
                return f"{command.name} has no option {name}"
        elif isinstance(command, click.Group) and not word.isupper():
            found = command.get_command(context, word)
            if found is None:
                return f"{command.name} has no command {word}"
            command = found
    return ""


@pytest.mark.parametrize("page", pages())
def test_commands_and_options_that_a_page_names_exist(page: str) -> None:
    assert [f"{line}: {wrong}" for line in commands_in(page) if (wrong := wrong_in(line))] == []


def test_what_does_not_exist_is_noticed() -> None:
    assert wrong_in("retain rules revision x") == "rules has no command revision"
    assert wrong_in("retain runs list --sinze -2h | head") == "list has no option --sinze"
