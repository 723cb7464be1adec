"""Segments: who is in them, what each line costs, and by which index they are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from retain.app.projects.project import Project
from retain.app.reports.reading import Store, names_of, reading
from retain.config.settings import Config, load_config
from retain.errors import NotFoundError, RetainError
from retain.language.rules import RuleSet, Segment
from retain.language.sql.cost import Cost, asked_of_all, cost_of
from retain.language.sql.indexes import index_name, index_statement
from retain.model import Instant, Json
from retain.pipeline.members import Members

__all__ = ["asked_of_all"]


def find_segment(project: Project, name: str) -> Segment:
    """A segment by its name.

    Raises:
        NotFoundError: there is none.
    """
    segment = project.ruleset.segments.get(name)
    if segment is None:
        raise NotFoundError("segment", name, project.ruleset.segments)
    return segment


def segment_json(segment: Segment) -> dict[str, Json]:
    """A segment as plain JSON, without its members."""
    cost = cost_of(segment.condition.nodes)
    return {
        "name": segment.name,
        "description": segment.description,
        "if": [clause.text for clause in segment.condition.clauses],
        "file": str(segment.place),
        "cost": cost.kind,
        "index": cost.field or None,
        "found_by": cost.text,
    }


def has_its_index(project: Project, segment: Segment) -> bool:
    """Whether the index that a segment is found by has been made, or none is wanted."""
    cost = cost_of(segment.condition.nodes)
    if cost.type is None:
        return True
    with reading(project.config) as store:
        return index_name(cost.field, cost.type) in store.index_names()


def count_members(project: Project, segment: Segment, now: Instant) -> int:
    """How many customers are in a segment."""
    with reading(project.config) as store:
        return _members(store, project, segment, now).count()


def member_keys(project: Project, segment: Segment, now: Instant) -> Iterator[str]:
    """The names of the customers in a segment, in the order in which they became known."""
    with reading(project.config) as store:
        for page in _members(store, project, segment, now).pages():
            names = names_of(store, page)
            yield from (names[customer] for customer in page)


def wanted_indexes(ruleset: RuleSet, database: str) -> dict[str, str]:
    """The indexes by which conditions find their customers: name and the statement that makes it."""
    costs = [asked.cost for asked in asked_of_all(ruleset) if asked.cost.kind == "index"]
    return {
        index_name(cost.field, cost.type): index_statement(database, cost.field, cost.type)
        for cost in costs
        if cost.type is not None
    }


def missing_indexes(store: Store, ruleset: RuleSet) -> dict[str, str]:
    """Those of the wanted indexes that the store does not have."""
    existing = store.index_names()
    return {name: text for name, text in wanted_indexes(ruleset, store.database).items() if name not in existing}


def not_made(root: Path, costs: Iterable[Cost]) -> set[str]:
    """The customer's fields of which an index is wanted and not made; none where there is no store to look into."""
    try:
        with reading(load_config(root)) as store:
            made = store.index_names()
    except RetainError:
        return set()
    return {cost.field for cost in costs if cost.type is not None and index_name(cost.field, cost.type) not in made}


def make_indexes(config: Config, ruleset: RuleSet) -> list[str]:
    """Make the indexes that are missing; their names.

    Raises:
        StoreBusyError: a daemon has the store open.
    """
    with Store.open(config.store_location(), create=False, briefly=True) as store:
        missing = missing_indexes(store, ruleset)
        if missing:
            store.make_indexes(list(missing.values()))
    return sorted(missing)


def _members(store: Store, project: Project, segment: Segment, now: Instant) -> Members:
    cost = cost_of(segment.condition.nodes)
    has_index = cost.type is not None and index_name(cost.field, cost.type) in store.index_names()
    zone = ZoneInfo(project.config.zone)
    return Members(store, segment.condition, zone, now, indexed=cost.field if has_index else "")
