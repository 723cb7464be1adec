"""The store's file: whether it is whole, and bringing it up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from retain.app.reports.reading import reading
from retain.config.secrets import Secret, is_reference
from retain.config.settings import Config
from retain.model import Json
from retain.store import migrate, transfer
from retain.store.rows import StoreHealth
from retain.store.tables import SCHEMA_VERSION
from retain.store.transfer import CopiedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """How the store's file is."""

    health: StoreHealth
    damage: list[str]
    tables: str = SCHEMA_VERSION

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {
            "path": self.health.path,
            "tables": self.tables,
            "database": self.health.database,
            "version": self.health.version,
            "bytes": self.health.file_bytes,
            "free_bytes": self.health.free_bytes,
            "damage": self.damage,
        }


def check_file(config: Config) -> FileReport:
    """Read the whole file and say how it is.

    Raises:
        SchemaVersionError: its tables are older or newer than this program.
    """
    with reading(config) as store:
        return FileReport(health=store.health(), damage=store.damage())


def copy_between(
    config: Config, source: str, target: str, progress: Callable[[str, int], None] | None = None
) -> list[CopiedTable]:
    """Copy a whole store to another place; each is a path, a URL, or `env:NAME` or `file:PATH` that holds one."""
    return transfer.copy_store(_location(config, source), _location(config, target), progress)


def _location(config: Config, text: str) -> str:
    return replace(config, store=Secret(text, config.project_dir) if is_reference(text) else text).store_location()


def upgrade_file(config: Config) -> tuple[str, str]:
    """Bring the tables up to date; their versions before and after."""
    return migrate.upgrade(config.store_location())
