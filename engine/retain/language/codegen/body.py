"""What generated functions are made of: a module of constants and functions, and the body of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TypeAlias

from retain.language.evaluation.values import convert, type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import Type
from retain.model import Json

MAX_NESTING = 10  # Python's own parser gives up at 200 brackets; deeper parts become functions of their own
_LOCALS = {
    "c": "s.customer",
    "e": "s.event",
    "p": "s.steps",
    "g": "s.trigger",
    "h": "s.history",
    "now": "s.now",
    "z": "s.zone",
}


@dataclass(frozen=True, slots=True)
class Operand:
    """Code of a value: where all `guards` hold, in this order, the value is there and `text` is it."""

    guards: tuple[str, ...]
    text: str

    def optional(self) -> str:
        """Code that gives the value, or None where it is missing."""
        return f"({self.text} if {' and '.join(self.guards)} else None)" if self.guards else self.text


TestWriter: TypeAlias = Callable[["Body", Json, bool], str]
OperandWriter: TypeAlias = Callable[["Body", Json], Operand]


class Module:
    """The functions and constants that one condition becomes."""

    def __init__(self, tests: Mapping[type[Node], TestWriter], operands: Mapping[type[Node], OperandWriter]) -> None:
        self.tests = tests
        self.operands = operands
        self.functions: list[str] = []
        self.constants: dict[str, Json] = {}
        self._shared: dict[tuple[str, int], str] = {}

    def constant(self, value: Json) -> str:
        """The name of a value that the functions may use."""
        name = f"K{len(self.constants)}"
        self.constants[name] = value
        return name

    def new_name(self) -> str:
        """A name for a further function."""
        self.functions.append("")
        return f"f{len(self.functions)}"

    def add_function(self, name: str, arguments: str, lines: Sequence[str]) -> None:
        """Add one function."""
        self.functions.append("\n".join([f"def {name}({arguments}):", *(f"    {line}" for line in lines)]))

    def shared(self, word: str, body: Node, emit: Callable[[], str]) -> str:
        """The function of a segment or metric: made once, however often it is named."""
        key = (word, id(body))
        if key not in self._shared:
            self._shared[key] = emit()
        return self._shared[key]


class Body:
    """The code of one function: its expressions, its temporaries, and the facts that it holds in locals."""

    def __init__(self, module: Module, *, in_where: bool = False) -> None:
        self.module = module
        self.in_where = in_where
        self._bound: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._announced = 0
        self._temporaries = 0
        self._nesting = 0

    def local(self, name: str) -> str:
        """The local that holds a part of the scope: c(ustomer), e(vent), p(revious steps), g (trigger), h(istory)."""
        self._bound.setdefault(name, _LOCALS[name])
        return name

    def new_bindings(self) -> list[str]:
        """The statements that fill the locals used since the last call."""
        fresh = list(self._bound.items())[self._announced :]
        self._announced = len(self._bound)
        return [f"{name} = {text}" for name, text in fresh]

    def temporary(self) -> str:
        """A fresh local."""
        self._temporaries += 1
        return f"t{self._temporaries}"

    def once(self, key: str, write: Callable[[], str]) -> str:
        """Code that is computed when it is first reached, however often the same stands in the function."""
        if key not in self._kept:
            name = f"v{len(self._kept)}"
            self._bound[name] = "UNKNOWN"
            self._kept[key] = f"({name} if {name} is not UNKNOWN else ({name} := {write()}))"
        return self._kept[key]

    def test(self, node: Node, want: bool) -> str:
        """Code that is true exactly where the condition is `want`; where it is unknown, it is false for both."""
        if self._nesting >= MAX_NESTING:
            return self._spill(lambda body: body.test(node, want))
        self._nesting += 1
        writer = self.module.tests.get(type(node))
        code = writer(self, node, want) if writer else self.test_operand(self.operand(node), want)
        self._nesting -= 1
        return code

    def test_operand(self, operand: Operand, want: bool) -> str:
        """A test of a boolean value."""
        return "(" + " and ".join([*operand.guards, operand.text if want else f"not {operand.text}"]) + ")"

    def operand(self, node: Node) -> Operand:
        """Code of a value in the node's own type."""
        if self._nesting >= MAX_NESTING:
            return self.present(self._spill(lambda body: body.value(node)))
        self._nesting += 1
        found = self.module.operands[type(node)](self, node)
        self._nesting -= 1
        return found

    def converted(self, node: Node, wanted: Type) -> Operand:
        """A value of a node in another type."""
        found, own = self.operand(node), type_of(node)
        if isinstance(node, ast.Literal_) and not found.guards and own.kind in ("int", "number", "money"):
            return Operand((), constant_text(convert(node.value, own, wanted, UTC)))
        return Operand(found.guards, self.conversion(found.text, own, wanted))

    def value(self, node: Node, wanted: Type | None = None) -> str:
        """Code that gives a value, or None where it is missing."""
        return (self.operand(node) if wanted is None else self.converted(node, wanted)).optional()

    def present(self, code: str) -> Operand:
        """The operand of code that may give None."""
        name = self.temporary()
        return Operand((f"({name} := {code}) is not None",), name)

    def hold(self, operand: Operand) -> Operand:
        """The same value held in a temporary, so that it can be named more than once."""
        return operand if operand.text.isidentifier() else self.present(operand.optional())

    def conversion(self, text: str, own: Type, wanted: Type) -> str:
        """Code of a value in another type."""
        if own.kind == "money" and wanted.kind == "money":
            factor = wanted.scale // own.scale
            return text if factor == 1 else f"({text} * {factor})"
        if own.kind == "money" and wanted.kind in ("number", "int"):
            return f"({text} / {own.scale})"
        if own.kind in ("int", "number") and wanted.kind == "money":
            return f"round({text} * {wanted.scale})"
        if own.kind == "date" and wanted.kind in ("instant", "duration"):
            return f"midnight({text}, {self.local('z')})"
        return text

    def _spill(self, write: Callable[[Body], str]) -> str:
        inner = Body(self.module, in_where=self.in_where)
        code = write(inner)
        arguments = "s, x" if self.in_where else "s"
        name = self.module.new_name()
        self.module.add_function(name, arguments, [*inner.new_bindings(), f"return {code}"])
        return f"{name}({arguments})"


def constant_text(value: Json) -> str:
    """A constant in generated code; negative numbers in brackets."""
    text = repr(value)
    return f"({text})" if text.startswith("-") else text
