"""What every command shows: the page of screens is written by carrying out its commands.

`scripts/screens.md` holds the commands and what is said about them. They run in a fresh folder, at 80 columns, without
colours, on a clock that stands still until the page moves it, so that the same commands show the same screens. What
cannot be fixed, such as the number of a process, becomes `...`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner

from docs_console import commands_of
from retain.serve.cli.main import run

TEMPLATE = Path(__file__).parents[1] / "scripts" / "screens.md"
SHELL = "/bin/bash"
PATIENCE_S = 60.0
WIDTH = 80
_PORTS = ("8787", "8788", "1025")  # of a project as `init` makes it
_BLOCK = re.compile(
    r"^<!-- at: (?P<at>\S+) -->\n\n?"
    r"|(?:^<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<lang>\w*)\n(?P<text>.*?)^```\n(?P<after>\n?)",
    re.MULTILINE | re.DOTALL,
)
_ID = re.compile(r"ID\((\w+)\)")  # in a command: the id of what was shown last with this word beside it
_MOVING = ("curl", "retain effects", "retain tasks close", "retain resume", "retain rules resume", "retain runs")
_SHELL_SIGNS = re.compile(r"[|<>;&$*`\\]")
_LAUNCHER = """\
#!{python}
import time

def _now():
    with open({clock!r}) as file:
        return int(file.read())

time.time_ns = _now
from retain.serve.cli.main import main
main()
"""
_UNFIXED = (  # what differs from run to run, and what the page says instead
    (re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ", re.MULTILINE), "... "),  # the daemon's log
    (re.compile(r"(process |pid=)\d+"), r"\1..."),
    (re.compile(r"\d+\.\d+ s\b"), "... s"),
    (re.compile(r"\b[\d.,]+ [KMG]B\b"), "... KB"),
    (re.compile(r"HEAD \([0-9a-f]+\)"), "HEAD (...)"),
    (re.compile(r"^(?:ok|look)(  +)SQLite(  +).*\n(?: {8,}.*\n)?", re.MULTILINE), r"ok  \1SQLite\2...\n"),
    (re.compile(r"SQLite  3\.[\d.]+"), "SQLite  ..."),
    (re.compile(r"\d+ deserves? a look"), "... deserve a look"),
    (re.compile(r"data \d{4}\.\d+"), "data ..."),
    (re.compile(r"(\d rows?), [0-9a-f]{12}$", re.MULTILINE), r"\1, ..."),
    (re.compile(r"[\d,]+ events/s"), "... events/s"),
    (re.compile(r"\b([\d,.]+) (?:ms|µs)\b"), "... ms"),
)


def screens_page(template: Path = TEMPLATE) -> str:
    """The page with what its commands show now.

    Raises:
        AssertionError: a command ends otherwise than the template says.
    """
    with TemporaryDirectory(prefix="s") as folder, _mail_server() as mail_port:
        reader = _Reader(Path(folder), mail_port)
        try:
            page = _BLOCK.sub(reader.carry_out, template.read_text(encoding="utf-8"))
        finally:
            reader.end()
        return page


def given_files() -> dict[str, str]:
    """What the page's commands read: five weeks of a shop with thirty customers, and what came besides."""
    calls = [call for number in range(30) for call in _calls_of(number)]
    calls.sort(key=lambda call: str(call["timestamp"]))
    live = [call for person in ("ada", "ben", "nell", "dora", "eve") for call in _order_of(person)]
    return {
        "past.jsonl": "".join(f"{json.dumps(call)}\n" for call in calls),
        "orders.json": json.dumps({"batch": live}, indent=1),
        "consents.csv": "customer,purpose,granted,at\n" + "".join(
            f"c{number},marketing,{'yes' if number % 4 else 'no'},2026-01-20\n" for number in range(1, 30)
        ),
        "sample.key": "5a" * 32 + "\n",
        "complaints.csv": "address,reason\nc7@example.com,complained\n",
    }  # fmt: skip


def _calls_of(number: int) -> Iterator[dict[str, object]]:
    """One customer of the past: most fill a cart, two in three order, one in five twice."""
    who = f"c{number}"

    def call(at: datetime, kind: str, **rest: object) -> dict[str, object]:
        stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"type": kind, "userId": who, "messageId": f"{who}-{stamp}-{kind}", "timestamp": stamp, **rest}

    first = datetime(2026, 1, 26, 9, tzinfo=UTC) + timedelta(days=number * 7 % 31, minutes=number * 97 % 600)
    traits = {"email": f"{who}@example.com", "firstName": f"Name{number}"}
    yield call(first, "identify", traits=traits | ({"phone": f"+49301{number:03}"} if number % 3 else {}))
    if number % 7:
        cart = {"cart_id": f"k{number}"}
        yield call(first + timedelta(minutes=3), "track", event="Product Added", properties=cart)
    for again in range((number % 3 > 0) + (number % 5 == 0)):
        order = {"order_id": f"o{number}-{again}", "total": 20 + number * 37 % 200, "currency": "EUR"}
        at = first + timedelta(days=3 * again, hours=2)
        yield call(at, "track", event="Order Completed", properties=order)


def _order_of(person: str) -> list[dict[str, object]]:
    """A large order of somebody new."""
    traits: dict[str, object] = {"email": f"{person}@example.com", "consent": {"marketing": True}}
    if person == "ada":
        traits["phone"] = "+4930555"
    order = {"order_id": f"o-{person}", "total": 60 if person == "ben" else 180, "currency": "EUR"}
    first, second = ({"userId": person, "messageId": f"{person}-{number}"} for number in (1, 2))
    return [
        {**first, "type": "identify", "traits": traits},
        {**second, "type": "track", "event": "Order Completed", "properties": order},
    ]


@dataclass
class _Reader:
    """Somebody who works through the template in a folder."""

    folder: Path
    mail_port: int
    now_ms: int = 0
    background: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.folder
        self.clock = self.home / "clock"
        self.ports = {port: str(free) for port, free in zip(_PORTS, (*_free_ports(2), self.mail_port), strict=True)}
        (self.home / "bin").mkdir()
        launcher = self.home / "bin" / "retain"
        launcher.write_text(_LAUNCHER.format(python=sys.executable, clock=str(self.clock)))
        launcher.chmod(0o755)
        self.folder = self.home
        self.environment = _environment(self.home / "bin")

    def carry_out(self, block: re.Match[str]) -> str:
        """One block of the template as the page shows it."""
        if block["at"]:
            self._move_to(block["at"])
            return ""
        note = block["note"] or ""
        if note.startswith("file: "):
            path = self.folder / note.removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"], encoding="utf-8")
        if note == "stop":
            self.end()
        if block["lang"] != "console":
            return block[0]
        shown = self._console(block["text"], must_fail=note == "fails")
        head = f"<!-- {note} -->\n" if note and note != "hidden" else ""
        fence = "````" if "```" in shown else "```"
        return "" if note == "hidden" else f"{head}{fence}console\n{shown}{fence}\n{block['after']}"

    def _console(self, text: str, *, must_fail: bool) -> str:
        commands = [command for command, _ in commands_of(text)]
        for number, template in enumerate(commands, 1):
            command = _ID.sub(self._id_of, template)
            code, printed = self._start(command) if command.endswith(" &") else self._run(command)
            assert (code != 0) == (must_fail and number == len(commands)), f"$ {command}\nexit code {code}\n{printed}"
            if command.startswith("retain init"):
                self._furnish(self.folder / command.split()[2])
            self.shown.append(f"$ {command}\n{self._fixed(printed)}")
            if command.startswith(_MOVING):
                self._wait_until_quiet()
        return "".join(self.shown[-len(commands) :])

    def _id_of(self, found: re.Match[str]) -> str:
        """The id that stood last on a line with this word."""
        lines = reversed("".join(self.shown).splitlines())
        return next(line.split()[0] for line in lines if found[1] in line.split()[1:] and not line.startswith("$"))

    def _run(self, command: str) -> tuple[int, str]:
        if command.startswith("cd "):
            self.folder = self.folder / command.removeprefix("cd ")
            return 0, ""
        if command.startswith("retain ") and not _SHELL_SIGNS.search(command):
            return self._here(shlex.split(command)[1:])
        done = subprocess.run(
            [SHELL, "-c", self._with_ports(command)], cwd=self.folder, env=self.environment, timeout=PATIENCE_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def _here(self, arguments: list[str]) -> tuple[int, str]:
        """A command in this process, which is quicker."""
        with CliRunner(env=self.environment).isolation() as (_, _, both), chdir(self.folder), _clock_at(self.now_ms):
            return run(arguments), both.getvalue().decode()

    def _start(self, command: str) -> tuple[int, str]:
        log = self.home / f"background-{len(self.background)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                shlex.split(self._with_ports(command.removesuffix(" &"))), executable=str(self.home / "bin" / "retain"),
                cwd=self.folder, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        self.background.append((process, log))
        until = time.monotonic() + PATIENCE_S
        while " ready " not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        return 0, log.read_text()

    def _wait_until_quiet(self) -> None:
        """Until a running daemon has done all that is due."""
        until = time.monotonic() + PATIENCE_S
        while self.is_live and time.monotonic() < until:
            code, printed = self._here(["status", "--json"])
            status: Any = json.loads(printed) if code == 0 else {}
            if status and self._is_quiet(status):
                return
            time.sleep(0.1)

    def _is_quiet(self, status: Mapping[str, Any]) -> bool:
        due = status["next_due"]
        counts = status["effects"]
        return (
            not status["undecided"]
            and not counts.get("sending")
            and (due is None or datetime.fromisoformat(due).timestamp() * 1000 > self.now_ms)
        )

    @property
    def is_live(self) -> bool:
        """Whether a daemon runs."""
        return any(process.poll() is None for process, _ in self.background)

    def _move_to(self, at: str) -> None:
        self.now_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
        part = self.home / "clock.new"
        part.write_text(str(self.now_ms * 1_000_000))
        part.replace(self.clock)
        self._wait_until_quiet()

    def _furnish(self, project: Path) -> None:
        """Free ports in a new project, and beside its files those that the page's commands read."""
        config = project / "retain.yaml"
        config.write_text(self._with_ports(config.read_text()))
        for name, text in given_files().items():
            (project / name).write_text(text)

    def _with_ports(self, text: str) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"(:|port: ){port}\b", rf"\g<1>{free}", text)
        return text

    def _fixed(self, printed: str) -> str:
        """What was printed, without what differs from run to run."""
        for port, free in self.ports.items():
            printed = re.sub(rf"(:|port: ){free}\b", rf"\g<1>{port}", printed)
        printed = printed.replace(str(self.home.resolve()), "/srv").replace(str(self.home), "/srv")
        for pattern, instead in _UNFIXED:
            printed = pattern.sub(instead, printed)
        return printed if not printed or printed.endswith("\n") else f"{printed}\n"

    def end(self) -> None:
        """Stop what still runs."""
        for process, _ in self.background:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process, _ in self.background:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class _Mail:
    """A mail server that refuses `nell@`, and hangs up after the message on `dora@` and `eve@`."""

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse one recipient for good."""
        if address.startswith("nell@"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Accept, or leave without an answer."""
        if envelope.rcpt_tos[0].startswith(("dora@", "eve@")) and server.transport is not None:
            server.transport.abort()
        return "250 OK"


@contextmanager
def _mail_server() -> Iterator[int]:
    (port,) = _free_ports(1)
    controller = Controller(_Mail(), hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def _free_ports(number: int) -> list[int]:
    """Ports of four digits, as the page's: a longer one would move what stands behind it."""
    found: list[int] = []
    for port in range(9000 + os.getpid() % 500, 10_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        if len(found) == number:
            break
    return found


@contextmanager
def _clock_at(now_ms: int) -> Iterator[None]:
    """The machine's clock stands still for what runs in this process."""
    real = time.time_ns
    time.time_ns = lambda: now_ms * 1_000_000
    try:
        yield
    finally:
        time.time_ns = real


def _environment(programs: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RETAIN_", "PYTEST_", "COV_"))}
    who = {"name": "Ada", "email": "ada@example.com", "date": "2026-03-01T12:00:00Z"}
    git = {f"GIT_{role}_{what.upper()}": value for role in ("AUTHOR", "COMMITTER") for what, value in who.items()}
    return {
        **kept, **git, "PATH": f"{programs}{os.pathsep}{kept.get('PATH', '')}", "LOGNAME": "ada", "COLUMNS": str(WIDTH),
        "NO_COLOR": "1", "TZ": "UTC", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
