"""`retain`: the table of commands. Only click is imported here; a command's module loads when it is called."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

import click

from retain.errors import NotFoundError, RetainError, RuleError
from retain.serve.cli.examples import epilog_of

CONFIG_FILE = "retain.yaml"
PLUGIN_COMMANDS = "retain.commands"
COULD_NOT_RUN = 2
INTERRUPTED = 130


class Entry(NamedTuple):
    """One command: where its code is, and its line in `retain --help`."""

    module: str
    help: str


SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "Begin": {
        "init": Entry("init", "Make a project that is ready to run."),
        "demo": Entry("demo", "See four automations decide over real data."),
        "docs": Entry("docs", "Explain a word: wait, email.send, an event, a code."),
    },
    "Before going live": {
        "check": Entry("check", "Find every mistake in rules, schemas and templates."),
        "test": Entry("test", "Run the tests beside the rules, on a virtual clock."),
        "simulate": Entry("simulate", "Run the rules over past events; nothing is sent."),
        "plan": Entry("plan", "Say whom an edit of the rules would touch."),
        "compare": Entry("compare", "List where two texts of a rule disagree."),
        "explain": Entry("explain", "Say why a rule did or did not start for a customer."),
        "history": Entry("history", "Show everything about a customer in one order."),
        "import": Entry("import_", "Take in past events from a file."),
        "consents": Entry("consents", "Take in who agreed to what."),
        "export": Entry("export", "Write events to a file, with pseudonyms."),
        "suppressions": Entry("suppressions", "Take in addresses that must not be written to."),
    },
    "Live": {
        "run": Entry("run", "Run the daemon."),
        "reload": Entry("reload", "Have the daemon take changed rules."),
        "status": Entry("status", "Say what the project does right now."),
        "doctor": Entry("doctor", "Look for anything that needs a person."),
        "pause": Entry("pausing:pause", "Stop a rule, a channel or everything."),
        "resume": Entry("pausing:resume", "Let what was paused go on."),
    },
    "Look and act": {
        "customers": Entry("customers", "Show what is known of a customer."),
        "segments": Entry("segments", "See who is in a segment, and what each line costs."),
        "rules": Entry("rules", "List rules and what came of them."),
        "runs": Entry("runs", "List, show, retry and stop runs."),
        "effects": Entry("effects", "List, retry and drop messages and other effects."),
        "events": Entry("events", "List events that could not be decided; retry them."),
        "rejects": Entry("rejects", "See messages that were refused at the door."),
        "tasks": Entry("tasks", "List and close to-dos."),
        "audit": Entry("audit", "Show who did what: pauses, reloads, retries, imports."),
    },
    "Set up": {
        "config": Entry("config", "Show the configuration, secrets hidden."),
        "db": Entry("db", "Check, upgrade, index or copy the store."),
        "plugins": Entry("plugins", "List plugins and what they add."),
        "schema": Entry("schema", "Print the JSON Schema of rule files or retain.yaml."),
    },
}
COMMANDS: Mapping[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Commands(click.Group):
    """Loads a command when it is asked for; commands of plugins are entry points, known by name only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, ours first."""
        return [*COMMANDS, *(name for name in _plugin_commands() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; imports its module."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name].module.partition(":")
            command: click.Command = getattr(import_module(f"retain.serve.cli.{module}"), attribute or "command")
        elif cmd_name in _plugin_commands():
            command = _load_plugin_command(_plugin_commands()[cmd_name])
        else:
            return None
        _prepare(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name, or "did you mean"."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and args[0] not in _plugin_commands():
            raise NotFoundError("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands by what they are for."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(f"{name:<12}", entry.help) for name, entry in commands.items()])
        others = {name: point for name, point in _plugin_commands().items() if name not in COMMANDS}
        if others:
            with formatter.section("Of plugins"):
                formatter.write_dl([(f"{name:<12}", f"from {_origin(point)}") for name, point in others.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"retain {import_module('retain').__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    epilog="Next: retain COMMAND --help. Start with: retain init DIR",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-C", "--project", "project", type=click.Path(path_type=Path), help="The project's folder.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, project: Path | None) -> None:
    """Customer-lifecycle automation as YAML rules.

    Know before go-live whom a rule will touch, and afterwards why.
    """
    ctx.obj = project or find_project(Path.cwd())


def find_project(start: Path) -> Path:
    """The nearest folder upwards that holds a retain.yaml; `start` itself where there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / CONFIG_FILE).is_file()), start)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exit 0 clean, 1 problems found, 2 could not run."""
    gc.set_threshold(100_000, 20, 100)  # what a command makes is mostly imported code and rules, which stay to its end
    code = run(arguments)
    gc.freeze()  # or Python would look through all of it once more for garbage before it ends
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; an error is told on stderr, never as a traceback."""
    try:
        code = cli.main(args=None if arguments is None else list(arguments), prog_name="retain", standalone_mode=False)
        sys.stdout.flush()
    except RetainError as error:
        return _tell(error)
    except click.ClickException as error:
        return _tell_usage(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough; a second flush at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  an edge: whatever goes wrong is told in one line
        return _tell_broken_text(sys.argv[1:] if arguments is None else arguments, error) or _tell_fault(error)
    return code if isinstance(code, int) else 0


def _tell(error: RetainError) -> int:
    problems = error.problems if isinstance(error, RuleError) else ()
    if not (len(problems) == 1 and problems[0].message == error.what):
        click.echo(f"{click.style('error', fg='red', bold=True)}: {error.render()}", err=True)
    for problem in problems:
        click.echo(problem.render(), err=True)
    return error.exit_code


def _tell_usage(error: click.ClickException) -> int:
    """What click found wrong with the arguments, told as our own errors are; a group alone shows its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return COULD_NOT_RUN
    context = error.ctx if isinstance(error, click.UsageError) else None
    what = error.format_message().rstrip(".")
    cure = f"{context.command_path} --help" if context else ""
    return _tell(RetainError(f"{what[:1].lower()}{what[1:]}", cure=cure))


def _tell_broken_text(arguments: Sequence[str], error: Exception) -> int:
    """Tell of an argument whose bytes are no text, where that is why it can be written nowhere; 0 where it is not."""
    if not isinstance(error, UnicodeEncodeError):
        return 0
    for argument in arguments:
        shown = argument.encode("utf-8", "backslashreplace").decode()
        if shown != argument:
            return _tell(RetainError(f"the argument {shown!r} is no text in UTF-8", cure="give it in UTF-8"))
    return 0


def _tell_fault(error: Exception) -> int:
    if os.environ.get("RETAIN_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    cure = "this is a fault of retain; RETAIN_DEBUG=1 shows where it comes from, please report it"
    return _tell(RetainError(f"{type(error).__name__}: {error}", cure=cure))


def _prepare(command: click.Command, path: str) -> None:
    """What all commands have: `-C`, an example, and in a group's list of commands the whole first sentence."""
    command.epilog = command.epilog or epilog_of(path)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            inner.short_help = inner.short_help or " ".join((inner.help or "").split("\n\n")[0].split())
            _prepare(inner, f"{path} {name}")
    elif all(parameter.name != "project_here" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-C", "--project", "project_here"],
                type=click.Path(path_type=Path),
                expose_value=False,
                callback=_choose_project,
                help="The project's folder; default: the nearest one upwards.",
            )
        )


def _choose_project(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.obj = value


def _plugin_commands() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=PLUGIN_COMMANDS), key=lambda one: one.name)}


def _load_plugin_command(point: EntryPoint) -> click.Command:
    where = f"command {point.name} of {_origin(point)}"
    try:
        command = point.load()
    except Exception as error:
        what = f"it cannot be loaded: {type(error).__name__}: {error}"
        raise RetainError(what, where=where, cure="install it and what it needs anew, or remove it") from error
    if not isinstance(command, click.Command):
        raise RetainError("it is not a click command", where=where, cure="name a click.Command in the entry point")
    return command


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
