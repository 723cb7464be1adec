"""What commands share: the project that they are about."""

from __future__ import annotations

import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import structlog

from retain.app.projects.project import Project, open_project
from retain.clock import SystemClock
from retain.config.settings import Config, load_config
from retain.errors import NotFoundError
from retain.model import Instant

# What the engine logs stands in no command's output; `doctor` and `plugins` say what matters of it.
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(50), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
)


def project_dir() -> Path:
    """The folder of the project that the command is about."""
    found = click.get_current_context().obj
    return found if isinstance(found, Path) else Path.cwd()


def load() -> Project:
    """The project, read and checked."""
    return open_project(project_dir())


def config() -> Config:
    """The project's retain.yaml alone, where rules do not matter."""
    return load_config(project_dir().resolve())


def zone_of(found: Config) -> ZoneInfo:
    """The zone in which the project's times are shown and read."""
    return ZoneInfo(found.zone)


def now() -> Instant:
    """The present instant."""
    return SystemClock().now()


def known_rule(project: Project, rule_id: str) -> None:
    """Refuse a rule that does not exist, with the nearest name."""
    known = {*project.ruleset.rules, *project.ruleset.disabled}
    if rule_id not in known:
        raise NotFoundError("rule", rule_id, known)


def leave(code: int) -> None:
    """End the command with an exit code."""
    click.get_current_context().exit(code)
