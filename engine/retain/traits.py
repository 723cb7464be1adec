"""Customer fields and who wrote them last: the one merge rule that deciding and rebuilding share.

The last writer by occurred_at wins, of equal ones the one applied later; None removes a field. A field is replaced
whole at its top level, nested objects included. What loses changes nothing and is no `changed`.
"""

from __future__ import annotations

from collections.abc import Mapping

from retain.model import Change, Fields, Instant, Json, MessageKind

_NOTHING: Fields = {}


def traits_of(kind: MessageKind, fields: Fields) -> Fields:
    """The customer fields that an event sets: an identify's or `set`'s own, a group's as the field `company`."""
    if kind in (MessageKind.IDENTIFY, MessageKind.SET):
        return fields
    if kind is MessageKind.GROUP:
        return {"company": fields}
    return _NOTHING


def apply_traits(
    fields: dict[str, Json], stamps: dict[str, Instant], new: Fields, occurred_at: Instant
) -> list[Change]:
    """Write `new` into a customer's fields in place and say what changed.

    Args:
        fields: of the customer; changed in place.
        stamps: occurred_at of each field's last writer, of removed fields too; changed in place.
        new: what the event sets; None removes.
        occurred_at: of the event.
    """
    changes = []
    for name, value in new.items():
        if occurred_at < stamps.get(name, occurred_at):
            continue
        stamps[name] = occurred_at
        change = _write(fields, name, value)
        if change is not None:
            changes.append(change)
    return changes


def merge_traits(
    fields: dict[str, Json],
    stamps: dict[str, Instant],
    absorbed: Fields,
    absorbed_stamps: Mapping[str, Instant],
) -> list[Change]:
    """Write an absorbed customer's fields into the survivor's in place; of equal stamps the survivor's field stays."""
    changes = []
    for name, stamp in absorbed_stamps.items():
        if name in stamps and stamp <= stamps[name]:
            continue
        stamps[name] = stamp
        change = _write(fields, name, absorbed.get(name))
        if change is not None:
            changes.append(change)
    return changes


def _write(fields: dict[str, Json], name: str, value: Json) -> Change | None:
    before = fields.get(name)
    # True equals 1 in Python and nowhere else that these values go.
    if before == value and isinstance(before, bool) is isinstance(value, bool):
        return None
    if value is None:
        del fields[name]
    else:
        fields[name] = value
    return Change(name, before, value)
