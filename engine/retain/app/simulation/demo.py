"""What `retain demo` shows: four automations over two real data sets, and a project for the live part."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from retain.app.commands.messages import read_messages
from retain.app.live.collecting import rare_collection
from retain.app.projects.project import Project, defaults_of, open_project
from retain.app.projects.scaffold import make_project, packs
from retain.app.simulation.simulate import Simulation, simulate
from retain.language.plan import make_plan
from retain.resources import resource


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """One set of past events, and the rules that it has the fields for."""

    title: str
    about: str
    file: str  # below rules/demo/
    mapping: str
    rules: tuple[str, ...]


DATA_SETS = (
    DataSet(
        title="Clicks",
        about="600 visitors of a shop for electronics, January to June 2024; synthetic, without amounts or addresses",
        file="data/clickstream.csv.gz",
        mapping="clickstream.mapping.yml",
        rules=("lead-assignment", "lead-won", "abandoned-cart"),
    ),
    DataSet(
        title="Purchases",
        about="every order of 23,570 customers of CDNOW, 1997 to 1998; real, days without time of day",
        file="data/purchases.csv.gz",
        mapping="purchases.mapping.yml",
        rules=("loyalty-upgrade", "loyalty-downgrade", "churn-alert"),
    ),
)

_CONFIG = """\
version: 1
name: demo
http: {{listen: "127.0.0.1:{http}"}}
public: {{listen: "127.0.0.1:{public}", url: "http://127.0.0.1:{public}"}}
plugins:
  email:
    host: 127.0.0.1
    port: {smtp}
    tls: none                                   # to the catcher on this machine
    from: Demo shop <shop@example.test>
    unsubscribe_secrets: ["file:unsubscribe.secret"]
"""


def demo_project(directory: Path) -> Project:
    """A project with every shipped rule, in a folder of its own."""
    make_project(directory, list(packs()))
    return open_project(directory)


def run_data_set(project: Project, data: DataSet, *, progress: Callable[[int], None] | None = None) -> Simulation:
    """Simulate the data set's rules up to its last event."""
    folder = resource("rules") / "demo"
    kept = {name: rule for name, rule in project.ruleset.rules.items() if name in data.rules}
    ruleset = replace(project.ruleset, rules=kept)
    plan = make_plan(ruleset, project.schema, project.registry, defaults_of(project.config))
    messages = list(read_messages(folder / data.file, project.schema, mapping=folder / data.mapping))
    with rare_collection():
        return simulate(plan, messages, end=max(message.received_at for message in messages), progress=progress)


def make_live_project(directory: Path, smtp_port: int) -> tuple[int, int]:
    """A project whose daemon takes events on loopback and mails to a catcher there; its two ports."""
    make_project(directory, ["onboarding", "abandoned-cart"])
    http, public = free_port(), free_port()
    (directory / "retain.yaml").write_text(_CONFIG.format(http=http, public=public, smtp=smtp_port), encoding="utf-8")
    secret = directory / "unsubscribe.secret"
    secret.write_text(secrets.token_hex(32), encoding="utf-8")
    secret.chmod(0o600)
    return http, public


def free_port() -> int:
    """A port on loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
