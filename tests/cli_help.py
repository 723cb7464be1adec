"""The command line from outside: as a process, or in this one where speed asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from retain.app.projects.scaffold import make_project
from retain.serve.cli.main import cli, run

ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


def retain(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Answer:
    """Run `retain` as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "retain", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def here(*arguments: str | Path) -> Answer:
    """Run `retain` in this process, with its errors told as the process would tell them."""
    runner = CliRunner(env=ENVIRONMENT)
    told: list[int] = []
    with runner.isolation() as (out, err, _):
        told.append(run([str(argument) for argument in arguments]))
        return Answer(told[0], out.getvalue().decode(), err.getvalue().decode())


def project(directory: Path, *packs: str, rules: str = "", config: str = "") -> Path:
    """A project from `init`, with more rules and more configuration where a test needs them."""
    make_project(directory, packs)
    if rules:
        (directory / "rules" / "more.yaml").write_text(rules)
    if config:
        path = directory / "retain.yaml"
        path.write_text(path.read_text() + config)
    return directory


def bare(directory: Path, rules: str, config: str = "version: 1\n") -> Path:
    """A project with these rules alone."""
    (directory / "rules").mkdir(parents=True)
    (directory / "retain.yaml").write_text(config)
    (directory / "rules" / "rules.yaml").write_text(rules)
    return directory


def events_file(path: Path, calls: Iterable[Mapping[str, Any]]) -> Path:
    """Calls as JSON Lines."""
    path.write_text("".join(f"{json.dumps(call)}\n" for call in calls))
    return path


def track(user: str, event: str, at: str, number: int | str, **properties: Any) -> dict[str, Any]:
    """One track call."""
    return {
        "type": "track",
        "userId": user,
        "event": event,
        "timestamp": at,
        "messageId": f"m{number}",
        "properties": properties,
    }


def identify(user: str, at: str, number: int | str, **traits: Any) -> dict[str, Any]:
    """One identify call."""
    return {"type": "identify", "userId": user, "timestamp": at, "messageId": f"m{number}", "traits": traits}


def too_wide(text: str, most: int = 80) -> Sequence[str]:
    """Lines that a terminal of 80 columns would break."""
    return [line for line in text.splitlines() if len(line) > most]


__all__ = ["Answer", "bare", "cli", "events_file", "here", "identify", "project", "retain", "too_wide", "track"]
