"""`retain demo`."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import click

from retain.app.reports.figures import counted
from retain.app.reports.times import show_time
from retain.app.simulation.demo import DATA_SETS, demo_project, free_port, make_live_project, run_data_set
from retain.errors import RetainError
from retain.serve.cli.output import QUIET, console, hint, progress, say, title
from retain.serve.cli.simulate import show_rules

_PATIENCE_S = 30.0


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the first mail, for scripts.")
def command(once: bool) -> None:
    """See four automations decide over real data, then a live event become a mail.

    First the shipped rules run over two sets of past events, on a virtual clock. Then a daemon on this machine takes
    live events over HTTP and delivers a mail to a catcher beside it. Nothing leaves this machine.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # else its daemon would outlive a closed terminal
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory(prefix="retain-demo-") as folder:
        _over_the_past(Path(folder) / "past")
        _live(Path(folder) / "live", once=once)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _over_the_past(directory: Path) -> None:
    project = demo_project(directory)
    for data in DATA_SETS:
        title(data.title, data.about)
        with progress("deciding") as report:
            outcome = run_data_set(project, data, progress=report)
        rate = outcome.events / outcome.seconds
        say(
            (counted(outcome.events, "event"), "bold"),
            f", {show_time(outcome.start)} to {show_time(outcome.end)}: ",
            (f"{outcome.seconds:.1f} s, {rate:,.0f} events/s; nothing was sent", QUIET),
        )
        click.echo()
        show_rules(outcome)
        click.echo()
    say(
        "The data does not say who agreed to be written to, and the shipped policy is `unknown: refuse`: "
        "every letter was decided, and held back for ",
        ("consent", "bold"),
        ". No rule had to remember that.",
    )
    click.echo()


def _live(directory: Path, *, once: bool) -> None:
    title("Live", "a daemon on this machine, a mail catcher beside it")
    with _catcher() as (smtp_port, caught):
        http, _ = make_live_project(directory, smtp_port)
        with _daemon(directory, http):
            _send(http, _call("identify", "ann", traits=_ann()), _call("track", "ann", event="Signed Up"))
            say("sent    Ann, who agreed to marketing, signs up where it is noon  ", ("POST /v1/batch", QUIET))
            _send(http, _call("identify", "bob", traits={"first_name": "Bob"}))
            _send(http, _call("track", "bob", event="Product Added", properties={"cart_id": "c-7"}))
            say("sent    Bob, who has no address, fills a cart                    ", ("POST /v1/batch", QUIET))
            _show_mail(_first(caught))
            click.echo()
            _explain(directory, "abandoned-cart", "bob")
            _next_steps(directory, http, once=once)
            if not once:
                _wait()


def _ann() -> dict[str, Any]:
    """Somebody who agreed and lives where it is about noon: at night the policy's quiet hours would hold the letter."""
    west = time.gmtime().tm_hour - 12
    zone = f"Etc/GMT{west:+d}" if west else "UTC"
    return {"first_name": "Ann", "email": "ann@example.test", "timezone": zone, "consent": {"marketing": True}}


def _call(kind: str, user: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "userId": user, **fields}


def _send(port: int, *calls: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/batch",
        json.dumps({"batch": calls}).encode(),
        {"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(b"demo:").decode()},
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        report = json.load(response)
    if report.get("rejected"):
        raise RetainError(f"the daemon refused an event: {report['rejected']}")


def _show_mail(raw: bytes) -> None:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    say("mail    delivered over SMTP:")
    for name in ("From", "To", "Subject", "List-Unsubscribe"):
        say((f"        {name}: ", QUIET), _short(str(message[name]), 69 - len(name)))
    body = message.get_body(("plain",))
    for line in body.get_content().strip().splitlines() if body is not None else ():
        say(f"        {_short(line, 71)}")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _explain(directory: Path, rule: str, customer: str) -> None:
    say(f"why did {rule} not start for {customer.title()}?  ", (f"retain explain {rule} {customer}", QUIET))
    click.echo()
    result = subprocess.run(  # noqa: S603
        _retain(directory, "explain", rule, customer),
        env={**os.environ, "COLUMNS": str(console().width)},
        capture_output=True,
        text=True,
        check=False,
    )
    answer, _, _ = result.stdout.partition("\nnext ")  # which lacks this demo's folder; the right ones come below
    click.echo(answer.rstrip() or result.stderr.rstrip())


def _next_steps(directory: Path, http: int, *, once: bool) -> None:
    if once:
        hint("retain init my-shop", "retain check", "retain simulate --events FILE")
        return
    say("\nThe daemon stays up until Ctrl-C. From another terminal:")
    retain = "retain" if os.environ.get("VIRTUAL_ENV") else _program()
    hint(f"{retain} -C {directory} status", f"{retain} -C {directory} runs list", f"{retain} init my-shop")
    say(("events go to ", QUIET), f"http://127.0.0.1:{http}/v1/batch")


def _wait() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        click.echo()


def _first(caught: list[bytes]) -> bytes:
    deadline = time.monotonic() + _PATIENCE_S
    while not caught:
        if time.monotonic() > deadline:
            raise RetainError("no mail came", cure="look at the daemon's log: retain run")
        time.sleep(0.05)
    return caught[0]


def _retain(directory: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "retain", "-C", str(directory), *arguments]


@contextmanager
def _daemon(directory: Path, port: int) -> Iterator[None]:
    log = directory / "daemon.log"
    with log.open("wb") as output:
        process = subprocess.Popen(_retain(directory, "run"), stdout=output, stderr=output)  # noqa: S603
        try:
            _until_ready(process, port, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE_S)


def _program() -> str:
    """How a terminal that knows nothing of this environment calls `retain`."""
    beside = Path(sys.executable).with_name("retain")
    return str(beside) if sys.prefix != sys.base_prefix and beside.is_file() else "retain"


def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RetainError("the daemon did not start", where=str(log), cure=log.read_text(errors="replace")[-2000:])


@contextmanager
def _catcher() -> Iterator[tuple[int, list[bytes]]]:
    """A real SMTP server on loopback that keeps what it gets."""
    try:
        from aiosmtpd.controller import Controller  # noqa: PLC0415  of the extra `demo`
    except ImportError as error:
        raise RetainError("the demo needs a mail catcher", cure="pip install aiosmtpd") from error
    caught: list[bytes] = []

    class Keep:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            caught.append(envelope.content)
            return "250 kept"

    port = free_port()
    controller = Controller(Keep(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, caught
    finally:
        controller.stop()
