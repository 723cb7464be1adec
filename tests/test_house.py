"""The house rules: which room may import which, how long things may be, and what must not stand anywhere."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from statistics import quantiles

import pytest

from house import ENGINE, PLUGINS, ROOT, Module, cycles, is_third_party, kept_files, modules, project

VOCABULARY = frozenset(
    {
        "retain",
        "clock",
        "errors",
        "hookspecs",
        "instants",
        "message_files",
        "model",
        "registry",
        "resources",
        "store_view",
        "traits",
        "word",
    }
)
# Which room may import which, beside itself. `files` reads configuration, CSV and calls of the Segment API.
ROOMS = {
    "vocabulary": set(),
    "language": {"vocabulary"},
    "decide": {"vocabulary", "language"},
    "store": {"vocabulary"},
    "deliver": {"vocabulary", "store"},
    "files": {"vocabulary", "language"},
    "pipeline": {"vocabulary", "language", "decide", "store"},
    "app": {"vocabulary", "language", "decide", "store", "deliver", "files", "pipeline"},
    "serve": {"vocabulary", "files", "app", "testing"},
    "testing": {"vocabulary", "language", "decide", "store", "deliver", "files", "pipeline", "app"},
    "plugin": {"vocabulary"},
}
# What each room may use from outside. A plugin may use what its integration needs.
LIBRARIES = {
    "vocabulary": {"pluggy"},
    "language": {"croniter", "jsonschema", "minijinja", "msgspec", "sqlalchemy", "yaml"},
    "decide": set(),
    "store": {"alembic", "msgspec", "sqlalchemy"},
    "deliver": {"jsonschema", "pluggy", "structlog"},
    "files": {"jsonschema", "msgspec"},
    "pipeline": {"msgspec"},
    "app": {"jsonschema", "msgspec", "rich", "structlog"},
    "serve": {"aiosmtpd", "click", "msgspec", "prometheus_client", "rich", "starlette", "structlog", "uvicorn"},
    "testing": {"pytest"},
}
_OUTSIDE = "../" + "shared"  # notes that are not part of the project
MOST_LINES, LONGEST_FUNCTION, USUAL_FUNCTION = 300, 60, 30
# Ceilings: what is counted today. They may fall, never rise.
CEILINGS = {"type: ignore": 16, "noqa": 19, "Any": 16}


def room_of(name: str) -> str:
    """The room that a module is in."""
    package, _, rest = name.partition(".")
    if package != "retain":
        return "plugin"
    first = rest.partition(".")[0] or "retain"
    if first == "__main__":
        return "serve"
    if first in VOCABULARY:
        return "vocabulary"
    return "files" if first in ("config", "wire") else first


def test_rooms_import_only_along_the_arrows() -> None:
    wrong = []
    for module in modules():
        room = room_of(module.name)
        for one in module.imports:
            target = one.target.partition(".")[0]
            if target != "retain" and not target.startswith("retain_"):
                continue
            other = room_of(one.target)
            own = target == module.package if room == "plugin" and other == "plugin" else other == room
            if not own and other not in ROOMS[room]:
                wrong.append(f"{module.where}:{one.line}: {room} imports {one.target} ({other})")
    assert wrong == []


def test_rooms_use_only_their_libraries() -> None:
    wrong = [
        f"{module.where}:{one.line}: {room_of(module.name)} imports {one.target}"
        for module in modules()
        if room_of(module.name) in LIBRARIES
        for one in module.imports
        if is_third_party(one.target) and one.target.partition(".")[0] not in LIBRARIES[room_of(module.name)]
    ]
    assert wrong == []


def test_only_the_store_and_the_sql_compiler_import_sqlalchemy() -> None:
    users = {
        module.name
        for module in modules()
        for one in module.imports
        if one.target.partition(".")[0] in ("sqlalchemy", "sqlite3", "alembic")
    }
    assert {name for name in users if room_of(name) != "store" and not name.startswith("retain.language.sql.")} == set()


def test_decide_and_language_do_no_input_or_output() -> None:
    doors = {"asyncio", "http", "os", "random", "socket", "sqlite3", "subprocess", "threading", "time", "urllib"}
    wrong = [
        f"{module.where}:{one.line}: {one.target}"
        for module in modules()
        if room_of(module.name) in ("decide", "language")
        for one in module.imports
        if one.target.partition(".")[0] in doors
    ]
    assert wrong == []


def test_there_are_no_import_cycles() -> None:
    assert cycles() == []


def test_imports_stand_at_the_top_except_in_the_command_line() -> None:
    wrong = [
        f"{module.where}:{one.line}: in {one.inside}"
        for module in modules()
        if not module.name.startswith("retain.serve.cli")
        for one in module.imports
        if one.inside
    ]
    assert wrong == []


def test_nothing_is_imported_for_type_checkers_only() -> None:
    assert [module.where for module in modules() if "TYPE_CHECKING" in module.text] == []


def test_only_the_plugin_loader_and_the_command_line_import_by_name() -> None:
    users = {module.name for module in modules() if re.search(r"\bimport_module\(|__import__\(", module.text)}
    assert {name for name in users if not name.startswith("retain.serve.cli")} <= {"retain.deliver.loading"}


def test_nothing_imports_through_the_folder_engine() -> None:
    pattern = re.compile(r"^\s*(?:from|import) (?:engine|plugins)\b", re.MULTILINE)
    assert [path.name for path in kept_files() if path.suffix == ".py" and pattern.search(path.read_text())] == []
    assert [folder for folder in (ENGINE, PLUGINS) if (folder / "__init__.py").exists()] == []


def test_every_plugin_folder_is_packed_and_registered() -> None:
    folders = {path.name for path in PLUGINS.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packed = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {Path(package).name for package in packed} == folders | {"retain"}
    assert set(settings["project"]["entry-points"]["retain"].values()) == folders


def test_every_package_tells_type_checkers_that_it_is_typed() -> None:
    packages = [ENGINE / "retain", *(path for path in PLUGINS.iterdir() if any(path.glob("*.py")))]
    assert [package.name for package in packages if not (package / "py.typed").is_file()] == []


def test_every_package_and_public_function_says_what_it_is() -> None:
    silent = [module.where for module in modules() if not ast.get_docstring(module.tree) and module.text.strip()]
    silent += [
        f"{module.where}:{function.line}: {function.name}"
        for module in modules()
        for function in module.functions
        if not function.name.startswith("_") and not ast.get_docstring(function.node) and not _is_small(function.node)
        if function.name not in _nested(module)
    ]
    assert silent == []


def test_modules_are_short() -> None:
    long = {module.where: lines for module in modules() if (lines := module.text.count("\n")) > MOST_LINES}
    assert long == {}


def test_functions_are_short() -> None:
    found = [
        (function.lines, f"{module.where}:{function.line}") for module in modules() for function in module.functions
    ]
    assert [place for lines, place in found if lines > LONGEST_FUNCTION] == []
    assert quantiles([lines for lines, _ in found], n=10)[-1] <= USUAL_FUNCTION


@pytest.mark.parametrize("mark", ["type: ignore", "noqa"])
def test_what_silences_a_checker_is_counted(mark: str) -> None:
    places = [
        f"{module.where}:{number}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if f"# {mark}" in line
    ]
    assert len(places) <= CEILINGS[mark], places


def test_signatures_that_say_any_are_counted() -> None:
    places = [
        f"{module.where}:{function.line}: {function.name}"
        for module in modules()
        for function in module.functions
        if any(isinstance(node, ast.Name) and node.id == "Any" for node in _signature(function.node))
    ]
    assert len(places) <= CEILINGS["Any"], places


def test_no_file_names_a_path_of_a_machine() -> None:
    somewhere = re.compile(r"(?<![\w.~<-])/(?:home|root|Users|work|workspace)/\w")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in kept_files()
        if path.suffix not in (".csv", ".gz", ".jsonl")
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if somewhere.search(line) or f"{ROOT}/" in line or _OUTSIDE in line
    ]
    assert wrong == []


def test_scripts_name_no_host() -> None:
    scripts = [path for folder in ("scripts", ".ci") for path in (ROOT / folder).iterdir() if path.is_file()]
    named = [
        path.name
        for path in [*scripts, ROOT / "pyproject.toml"]
        if re.search(r"https?://(?!127\.)|index[-_]url", path.read_text())
    ]
    assert named == []


def test_every_dependency_is_used_and_what_is_used_is_a_dependency() -> None:
    known = {"pyyaml": "yaml", "prometheus-client": "prometheus_client"}
    targets = {one.target for module in modules() for one in module.imports}
    used = {target.partition(".")[0] for target in targets if is_third_party(target)}
    listed = project()["project"]["dependencies"]
    assert isinstance(listed, list)
    wanted = {re.split(r"[<>=\[; ]", str(entry), maxsplit=1)[0].lower() for entry in listed}
    offered = {known.get(name, name) for name in wanted}
    assert offered - used == {"tzdata"}  # zones, read by zoneinfo
    assert used - offered == {"aiosmtpd"}  # of the demo alone


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AST]:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    notes = [one.annotation for one in every if one is not None and one.annotation is not None]
    notes += [node.returns] if node.returns is not None else []
    return [part for note in notes for part in ast.walk(note)]


def _is_small(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A body of `...` (a protocol) or an overload needs no words."""
    return len(node.body) == 1 and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)


def _nested(module: Module) -> set[str]:
    return {
        inner.name
        for function in module.functions
        for inner in ast.walk(function.node)
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner is not function.node
    }
