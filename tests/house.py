"""What the source tree says about itself: modules, what they import, how long their functions are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGINE, PLUGINS = ROOT / "engine", ROOT / "plugins"
_MODULE_NAME = re.compile(r"retain(?:_\w+)?(?:\.\w+)+(?=:|$)")


@dataclass(frozen=True)
class Import:
    """One import, wherever it stands: at the top, in a function, under TYPE_CHECKING, or as a name in a text."""

    target: str
    line: int
    inside: str = ""  # the function it stands in


@dataclass(frozen=True)
class Function:
    """One function and how many lines it has, decorators left out."""

    name: str
    line: int
    lines: int
    node: ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Module:
    """One module of the engine or of a plugin."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """`retain`, or the plugin's package."""
        return self.name.partition(".")[0]

    @property
    def where(self) -> str:
        """The file, from the top of the tree."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def imports(self) -> list[Import]:
        """Everything it imports; `from package import module` names the module."""
        return list(_imports(self.tree, ""))

    @cached_property
    def functions(self) -> list[Function]:
        """Its functions and methods, nested ones too."""
        return [
            Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1, node)
            for node in ast.walk(self.tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the engine and the plugins; migrations are steps of the past and stand as written."""
    found = []
    for root in (ENGINE, PLUGINS):
        for path in sorted(root.rglob("*.py")):
            if "versions" in path.parts:
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            text = path.read_text(encoding="utf-8")
            found.append(Module(name, path, text, ast.parse(text, str(path))))
    return tuple(found)


@cache
def names() -> frozenset[str]:
    """The names of all modules."""
    return frozenset(
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for root in (ENGINE, PLUGINS)
        for path in root.rglob("*.py")
    )


@cache
def project() -> dict[str, dict[str, object]]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def kept_files() -> list[Path]:
    """The files under version control that are texts."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def is_third_party(target: str) -> bool:
    """Whether a module comes from neither the standard library nor this tree."""
    top = target.partition(".")[0]
    return top not in sys.stdlib_module_names and top != "retain" and not top.startswith("retain_")


def cycles() -> list[list[str]]:
    """Groups of modules that import each other in a circle, by Tarjan's algorithm."""
    graph = {
        module.name: sorted({one.target for one in module.imports if one.target in names()} - {module.name})
        for module in modules()
    }
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for target in graph[name]:
            if target not in order:
                visit(target)
            if target in stack:
                low[name] = min(low[name], low[target])
        if low[name] == order[name]:
            place = stack.index(name)
            group, stack[place:] = stack[place:], []
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in order:
            visit(name)
    return found


def _imports(node: ast.AST, inside: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            for alias in child.names:
                whole = f"{base}.{alias.name}"
                yield Import(whole if whole in names() else base, child.lineno, inside)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            named = _MODULE_NAME.match(child.value)
            if named is not None and named.group() in names():
                yield Import(named.group(), child.lineno, inside)
        within = child.name if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else inside
        yield from _imports(child, within)
