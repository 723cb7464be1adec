"""The command line as a whole: its help, its table of commands, its exit codes, its errors."""

from __future__ import annotations

import importlib
import os
import resource
import select
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest

from cli_help import bare, events_file, here, identify, project, retain, too_wide
from patience import shortest
from retain.serve.cli.examples import EXAMPLES
from retain.serve.cli.main import COMMANDS, cli, find_project
from retain.serve.cli.output import progress

GREET = """\
version: 1
rules:
  greet:
    when: {event: signed_up}
    then:
      - log.write: {message: hello}
"""


def test_help_is_there_in_under_0_3_seconds_of_cpu() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "retain", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert shortest(seconds, 0.3) < 0.3


def test_help_loads_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from retain.serve.cli.main import run; run(['--help']);"
        "print([m for m in sys.modules if m.startswith(('rich', 'sqlalchemy', 'retain.app', 'jsonschema'))])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_help_fits_80_columns_and_names_every_command() -> None:
    answer = here("--help")
    assert too_wide(answer.out) == []
    assert [name for name in COMMANDS if f"  {name} " not in answer.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_is_there(name: str) -> None:
    answer = here(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: retain {name}")


@pytest.mark.parametrize(("name", "entry"), COMMANDS.items())
def test_every_line_of_the_table_names_a_command(name: str, entry: tuple[str, str]) -> None:
    module, _, attribute = entry[0].partition(":")
    command = getattr(importlib.import_module(f"retain.serve.cli.{module}"), attribute or "command")
    assert isinstance(command, click.Command)
    assert command.name == name


def leaves(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    """A command's own commands at all depths, or itself."""
    if isinstance(command, click.Group):
        return [leaf for name, inner in command.commands.items() for leaf in leaves(inner, f"{path} {name}")]
    return [(path, command)]


def all_commands() -> list[tuple[str, click.Command]]:
    """Every command that can be called."""
    context = click.Context(cli)
    return [leaf for name in COMMANDS for leaf in leaves(cli.get_command(context, name), name)]


ONLY_DO = {"run", "demo"}  # everything else answers


def test_every_command_that_answers_can_answer_in_json() -> None:
    without = [path for path, one in all_commands() if "--json" not in [opt for p in one.params for opt in p.opts]]
    assert set(without) == ONLY_DO


def test_every_command_takes_the_project_after_its_name() -> None:
    assert [path for path, one in all_commands() if "-C" not in [opt for p in one.params for opt in p.opts]] == []


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{path} {one.name}"
        for path, command in all_commands()
        for one in command.params
        if isinstance(one, click.Option) and not one.help and not isinstance(one.type, click.Choice)
    ]
    assert silent == []


def test_every_command_has_an_example_and_no_example_is_of_another() -> None:
    assert sorted(EXAMPLES) == sorted(path for path, _ in all_commands())


@pytest.mark.parametrize(("path", "example"), [(path, one) for path, lines in EXAMPLES.items() for one in lines])
def test_every_example_is_one_that_its_command_takes(path: str, example: str) -> None:
    words = shlex.split(example.partition(" > ")[0])
    depth = len(path.split())
    assert words[: depth + 1] == ["retain", *path.split()]
    command = dict(all_commands())[path]
    existing = [one.type for one in command.params if isinstance(one.type, click.Path)]
    for kind in existing:
        kind.exists = False  # what an example names is nowhere here
    command.make_context(path, words[depth + 1 :], parent=click.Context(cli))


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_help_fits_80_columns_and_ends_with_its_examples(path: str) -> None:
    out = here(*path.split(), "--help").out
    assert too_wide(out) == []
    assert out.rstrip().endswith(EXAMPLES[path][-1])


def test_an_unknown_command_is_refused_with_the_nearest_name() -> None:
    answer = here("chek")
    assert (answer.code, answer.err) == (2, "error: no command is called 'chek'\n  help: did you mean check?\n")


@pytest.mark.parametrize(
    ("arguments", "what", "cure"),
    [
        (("check", "--fromat", "json"), "no such option '--fromat'", "retain check --help"),
        (("runs", "show"), "missing argument 'RUN'", "retain runs show --help"),
        (("runs", "lits"), "no such command 'lits'", "retain runs --help"),
        (("pause",), "say one of --rule RULE", "retain pause --help"),
    ],
)
def test_wrong_arguments_are_told_as_every_error_is(arguments: tuple[str, ...], what: str, cure: str) -> None:
    answer = here(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {what}")
    assert answer.err.endswith(f"\n  help: {cure}\n")


def test_a_group_lists_its_commands_in_whole_sentences() -> None:
    groups = [name for name in COMMANDS if isinstance(cli.get_command(click.Context(cli), name), click.Group)]
    assert groups
    assert [name for name in groups if "...\n" in here(name, "--help").out.partition("Commands:")[2]] == []


@pytest.mark.parametrize("arguments", [("customers", "show", "nobody"), ("runs", "show", "none")])
def test_a_name_that_names_nothing_is_told_with_a_cure(arguments: tuple[str, ...], tmp_path: Path) -> None:
    shop = bare(tmp_path / "p", GREET)
    calls = events_file(tmp_path / "e.jsonl", [identify("1", "2026-01-01T10:00:00Z", 1)])
    assert here("-C", shop, "import", calls).code == 0
    answer = here("-C", shop, *arguments)
    assert (answer.code, "\n  help: " in answer.err) == (2, True)


def test_errors_are_told_on_stderr_without_a_traceback(tmp_path: Path) -> None:
    answer = retain("status", cwd=tmp_path)
    assert answer.code == 2
    assert answer.out == ""
    assert "there is no retain.yaml" in answer.err
    assert "retain init" in answer.err
    assert "Traceback" not in answer.err


def test_the_project_is_the_nearest_one_upwards(tmp_path: Path) -> None:
    project = bare(tmp_path / "p", GREET)
    inner = project / "rules" / "deep"
    inner.mkdir()
    assert find_project(inner) == project
    assert find_project(tmp_path) == tmp_path


def test_the_project_may_be_named_before_or_after_the_command(tmp_path: Path) -> None:
    project = bare(tmp_path / "p", GREET)
    assert here("-C", project, "rules", "list").out == here("rules", "list", "-C", project).out != ""


def test_colours_are_not_written_into_a_pipe(tmp_path: Path) -> None:
    project = bare(tmp_path / "p", GREET.replace("signed_up", "signed_upp"))
    assert "\x1b" not in here("check", project).out


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m retain schema | head -1"
    answer = subprocess.run(["bash", "-o", "pipefail", "-c", command], check=False, capture_output=True, text=True)
    assert answer.stderr == ""
    assert answer.stdout == "{\n"


def test_the_version_is_told() -> None:
    assert here("--version").out.startswith("retain ")


def install(home: Path, code: str) -> dict[str, str]:
    """A stranger's package with a command of its own; the environment in which it is installed."""
    info = home / "shout-1.0.dist-info"
    info.mkdir(parents=True)
    (home / "shout.py").write_text(code)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[retain.commands]\nshout = shout:command\n")
    return {"PYTHONPATH": str(home)}


def test_a_plugin_adds_a_command_that_loads_only_when_it_is_called(tmp_path: Path) -> None:
    code = "import click\nprint('loaded')\n@click.command()\ndef command():\n    click.echo('HELLO')\n"
    env = install(tmp_path / "home", code)
    listed = retain("--help", env=env).out
    assert "shout" in listed
    assert "loaded" not in listed
    assert retain("shout", env=env).out == "loaded\nHELLO\n"


def test_a_command_of_a_plugin_that_cannot_be_loaded_says_whose_it_is(tmp_path: Path) -> None:
    env = install(tmp_path / "home", "import nothing_like_it\n")
    assert "shout" in retain("--help", env=env).out
    answer = retain("shout", env=env)
    assert answer.code == 2
    assert answer.err.startswith("error: command shout of shout: it cannot be loaded: ModuleNotFoundError")
    assert "help: install it and what it needs anew, or remove it" in answer.err


def test_a_bar_of_progress_takes_no_thread_with_which_no_work_could_be_shared_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = os.openpty()
    before = set(threading.enumerate())
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stderr", terminal)
        with progress("deciding", 100) as report:
            report(50)
            assert set(threading.enumerate()) <= before
        shown = b""
        while b"50/100" not in shown:
            assert select.select([ours], [], [], 30)[0], shown
            shown += os.read(ours, 10_000)
    os.close(ours)


@pytest.mark.long
def test_a_demo_whose_terminal_is_closed_leaves_no_daemon_and_no_folder_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "retain", "demo"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        assert demo.stdout is not None
        assert any("until Ctrl-C" in line for line in demo.stdout)
        (project,) = tmp_path.glob("retain-demo-*/live")
        daemon = here("-C", project, "status", "--json").json["writer"]
        demo.send_signal(signal.SIGHUP)
        demo.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)
    assert list(tmp_path.glob("retain-demo-*")) == []


def test_an_argument_that_is_no_text_is_told(tmp_path: Path) -> None:
    shop = project(tmp_path / "shop")
    here("-C", shop, "import", events_file(tmp_path / "e.jsonl", [identify("u", "2026-01-01T00:00:00Z", 1)]))
    answer = here("-C", shop, "runs", "show", "\udcff")
    assert answer.code == 2
    assert r"the argument '\\udcff' is no text in UTF-8" in answer.err
