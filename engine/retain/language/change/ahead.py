"""Looking ahead: each part of a condition as a function that says what it is now and how long that lasts.

The functions are made once for a condition, so that a look asks no type and no operator again. What time cannot change
is left to generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import TypeAlias

from retain.language.change.motion import Motion, State, applied, still
from retain.language.change.timeless import is_timeless
from retain.language.codegen.conditions import compile_value
from retain.language.evaluation.interpreter import evaluate
from retain.language.evaluation.render import render
from retain.language.evaluation.values import convert, type_of
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import Type
from retain.model import Fields, Instant, Json

_NUMERIC = ("int", "number", "money")


class Moment:
    """One evaluation; `row` is the event that a `where` looks at."""

    __slots__ = ("memo", "now", "row", "scope")

    def __init__(self, scope: Scope, row: Fields | None = None, memo: dict[int, Motion] | None = None) -> None:
        self.scope = scope
        self.now: Instant = scope.now
        self.row = row
        self.memo: dict[int, Motion] = {} if memo is None else memo

    def at_row(self, row: Fields) -> Moment:
        """The same instant, for one event of the past."""
        return Moment(self.scope, row, self.memo)


StateOf: TypeAlias = Callable[[Moment], State]
MotionOf: TypeAlias = Callable[[Moment], Motion]


class Ahead:
    """The maker of the functions of one condition, by the tables of tests and of values."""

    def __init__(
        self,
        states: Mapping[type[Node], Callable[[Ahead, Json], StateOf]],
        motions: Mapping[type[Node], Callable[[Ahead, Json], MotionOf]],
        *,
        in_where: bool = False,
    ) -> None:
        self._states = states
        self._motions = motions
        self.in_where = in_where
        self._slots: dict[str, int] = {}

    def inside_where(self) -> Ahead:
        """The same, for a filter: its fields are those of a row."""
        inner = Ahead(self._states, self._motions, in_where=True)
        inner._slots = self._slots
        return inner

    def state(self, node: Node) -> StateOf:
        """A condition's verdict, and how long it lasts."""
        if is_timeless(node):
            value = self._timeless(node)
            return lambda moment: State(value(moment), None)
        writer = self._states.get(type(node))
        if writer is not None:
            found: StateOf = writer(self, node)
            return found
        motion = self.motion(node)

        def of_value(moment: Moment) -> State:
            reached = motion(moment)
            return State(reached.value, reached.until)

        return of_value

    def motion(self, node: Node) -> MotionOf:
        """A value, and how it moves."""
        if is_timeless(node):
            return self._still(node)
        writer = self._motions.get(type(node))
        if writer is not None:
            found: MotionOf = writer(self, node)
            return found
        state = self.state(node)

        def of_state(moment: Moment) -> Motion:
            reached = state(moment)
            return Motion(reached.now, reached.until)

        return of_state

    def _timeless(self, node: Node) -> Callable[[Moment], Json]:
        if self.in_where:
            return lambda moment: evaluate(node, moment.scope, moment.row)
        value = compile_value(node)
        return lambda moment: value(moment.scope)

    def _still(self, node: Node) -> MotionOf:
        if isinstance(node, ast.Literal_) and not isinstance(node.value, str):
            known = still(node.value)
            return lambda moment: known
        value = self._timeless(node)
        return lambda moment: still(value(moment))

    def converted(self, node: Node, wanted: Type) -> MotionOf:
        """A value in another type; only plain numbers move, and they need no conversion."""
        motion, own = self.motion(node), type_of(node)
        if own.kind == wanted.kind and own.scale == wanted.scale:
            return motion
        if isinstance(node, ast.Literal_) and own.kind in _NUMERIC and not isinstance(node.value, str):
            known = still(convert(node.value, own, wanted, UTC))
            return lambda moment: known

        def conversion(moment: Moment) -> Motion:
            found, zone = motion(moment), moment.scope.zone
            if found.value is None:
                return found
            if found.moves:
                return applied(lambda values: convert(values[0], own, wanted, zone), [found])
            return still(convert(found.value, own, wanted, zone), found.until)

        return conversion

    def once(self, node: Node, motion: MotionOf) -> MotionOf:
        """The same function, asked once at an instant however often its text occurs."""
        slot = self._slots.setdefault(render(node, inline=True), len(self._slots))

        def remembered(moment: Moment) -> Motion:
            found = moment.memo.get(slot)
            if found is None:
                found = moment.memo[slot] = motion(moment)
            return found

        return remembered
