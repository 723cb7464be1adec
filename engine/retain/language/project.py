"""The files of a project that hold rules, tests and message templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retain.language.documents.yaml import MAX_BYTES
from retain.language.message_templates import MessageTemplates, read_template_folder
from retain.model import Json, Place, Problem

RULES, TESTS, TEMPLATES = "rules", "tests", "templates"


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """What `load.load_rules` takes, and what could not be read."""

    files: tuple[tuple[str, str], ...]
    templates: MessageTemplates
    problems: tuple[Problem, ...] = ()


def read_project(folder: Path, filters: Mapping[str, Callable[..., Json]] | None = None) -> ProjectFiles:
    """The rule files below `rules/` and `tests/`, and the templates below `templates/` or `rules/templates/`.

    A folder without `rules/` is read as the rules folder itself. Names of files are relative to `folder`, in the same
    order on every machine.
    """
    home = folder if (folder / RULES).is_dir() else folder.parent
    rules = folder / RULES if (folder / RULES).is_dir() else folder
    paths = [*_yaml_files(rules), *(_yaml_files(folder / TESTS) if rules != folder else ())]
    files: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        name = path.relative_to(home).as_posix()
        text = _read(path, name, problems)
        if text is not None:
            files.append((name, text))
    templates = home / TEMPLATES
    if not templates.is_dir():
        templates = rules / TEMPLATES
    shown = templates.relative_to(home).as_posix()
    return ProjectFiles(tuple(files), read_template_folder(templates, filters, shown), tuple(problems))


def _yaml_files(folder: Path) -> list[Path]:
    """Every `*.yaml` below a folder, but for hidden ones."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*.yaml") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _read(path: Path, name: str, problems: list[Problem]) -> str | None:
    """The text of a file; None with the reason where it cannot be read."""
    start = Place(name, 1, 1)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            problems.append(Problem(start, "E202", "the file is larger than 1 MB", "split it into several files"))
            return None
        return data.decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
        what = f"the byte 0x{error.object[error.start]:02X} is not UTF-8"
        problems.append(Problem(Place(name, line, column), "E204", what, "save the file as UTF-8 text"))
    except OSError as error:
        problems.append(Problem(start, "E204", f"the file cannot be read: {error.strerror}", "check its rights"))
    return None
