"""Templates in files: `NAME.txt` with its headers, and `NAME.html` where there is one. Rendered at release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from minijinja import Environment, TemplateError

from retain.errors import PermanentError, RuleError, did_you_mean
from retain.message_files import is_template_name, read_message_file
from retain.model import Fields, Json

_FUEL = 1_000_000  # steps of one rendering, as in `retain check`; a page of prose takes a few thousand


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template with its values."""

    headers: Mapping[str, str]
    text: str
    html: str


def render(folder: Path, name: str, context: Fields, filters: Mapping[str, Callable[..., Json]]) -> Rendered:
    """The template `name` of `folder`, rendered.

    Raises:
        PermanentError: there is no such template, it is malformed, or it uses a value that is missing.
    """
    source = _read(folder, name, ".txt")
    if source is None:
        known = [str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.txt")]
        raise PermanentError(f"no template is called {name!r}", where=str(folder), cure=did_you_mean(name, known))
    try:
        parts = read_message_file(source, f"{name}.txt")
    except RuleError as error:
        raise PermanentError(error.what, where=error.where, cure=error.cure) from error
    html = _read(folder, name, ".html")
    environment = _environment(folder, filters)
    values = _without_missing(context)
    return Rendered(
        headers={
            header: _render(environment, text, f"{name}.txt, {header}", values)
            for header, text in parts.headers.items()
        },
        text=_render(environment, parts.body, f"{name}.txt", values, parts.body_line),
        html="" if html is None else _render(environment, html, f"{name}.html", values),
    )


def _environment(folder: Path, filters: Mapping[str, Callable[..., Json]]) -> Environment:
    def load(name: str) -> str | None:
        stem, dot, ending = name.rpartition(".")
        return _read(folder, stem, dot + ending) if ending in ("txt", "html") else None

    environment = Environment(
        loader=load,
        filters=dict(filters),
        auto_escape_callback=lambda name: name.endswith(".html"),
        fuel=_FUEL,
    )
    # a missing value cannot be printed, but `{% if customer.first_name %}` may ask for it; the stubs lag behind
    environment.undefined_behavior = "semi_strict"  # type: ignore[assignment]
    return environment


def _render(environment: Environment, source: str, name: str, values: Mapping[str, Json], line: int = 1) -> str:
    """Render a text that begins on `line` of its file; empty lines before it make errors name the right line."""
    before = line - 1
    try:
        return environment.render_str("\n" * before + source, name, **values)[before:]
    except TemplateError as error:
        what = str(error).splitlines()[0]
        cure = "give the value, or write {{ value | default('…') }}" if error.kind == "UndefinedError" else ""
        raise PermanentError(f"template {what}", cure=cure) from error


def _read(folder: Path, name: str, ending: str) -> str | None:
    """The text of a template; names cannot leave the folder."""
    if not is_template_name(name):
        return None
    try:
        return (folder / f"{name}{ending}").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"template {name}{ending} cannot be read: {type(error).__name__}") from error


def _without_missing(value: Fields) -> dict[str, Json]:
    """The values without nulls: a null and a missing field are one thing, and strict undefined catches both."""
    return {
        key: _without_missing(one) if isinstance(one, Mapping) else one for key, one in value.items() if one is not None
    }
