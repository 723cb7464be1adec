"""The store's file: whether it is whole, and bringing it up to date."""

from __future__ import annotations

from dataclasses import dataclass

from retain.app.reports.reading import reading
from retain.config.settings import Config
from retain.model import Json
from retain.store import migrate
from retain.store.rows import StoreHealth
from retain.store.tables import SCHEMA_VERSION


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


def upgrade_file(config: Config) -> tuple[str, str]:
    """Bring the tables up to date; their versions before and after."""
    return migrate.upgrade(config.store_location())
