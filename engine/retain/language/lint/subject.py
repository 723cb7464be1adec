"""A rule together with its text, so that what is said of it has its very place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retain.language.documents.nodes import ListNode, MapNode, Node, Part, Scalar
from retain.language.rules import ActionStep, Rule
from retain.model import Problem

_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class Subject:
    """One rule, its key in the file and its map."""

    rule: Rule
    key: Scalar
    node: MapNode

    def at(self, path: str) -> Node:
        """The node at a path such as `then[3].else[1]` or `when[0].if[2]`; as far as it leads."""
        node: Node = self.node
        for index, name in _PART.findall(path):
            found = _item(node, int(index)) if index else _value(node, name)
            if found is None:
                return node
            node = found
        return node

    def key_of(self, step: ActionStep) -> Part:
        """The key that names the action of a step."""
        node = self.at(step.path)
        return node.keys.get(step.action, node) if isinstance(node, MapNode) else node

    def said(self, path: str, code: str, message: str, help: str) -> Problem:
        """A problem with what stands at a path."""
        return self.at(path).complain(code, message, help)


def _item(node: Node, index: int) -> Node | None:
    """An item of a list; of one trigger that stands without a list, itself; of a branch of a split, its step."""
    if isinstance(node, MapNode) and "then" in node.entries:
        node = node.entries["then"]
    if isinstance(node, ListNode):
        return node.items[index] if index < len(node.items) else None
    return node if index == 0 else None


def _value(node: Node, name: str) -> Node | None:
    if not isinstance(node, MapNode):
        return None
    schedule = node.entries.get("schedule")
    if name == "each" and isinstance(schedule, MapNode):
        return schedule.entries.get(name)
    return node.entries.get(name)
