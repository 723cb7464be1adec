"""Every key of retain.yaml, written down once: reading, the JSON Schema and the reference page all come from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from retain.model import Json
from retain.registry import JsonSchema

Kind: TypeAlias = Literal[
    "address", "choice", "duration", "flag", "limit", "list", "listen", "location", "section", "sections", "secret",
    "text", "texts", "url", "version", "zone",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: what it takes, what it is for, and what holds where it is not given.

    `default` is written as in the file. `section` takes a map of `keys`, `list` a list of such maps, `sections` a map
    with one free map per plugin beside `keys`.
    """

    name: str
    kind: Kind
    help: str
    default: Json = None
    choices: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    required: bool = False
    list_key: str = ""  # of a section: the key that a list in its place stands for
    text_key: str = ""  # of a section: the key that a text in its place stands for


KEYS: tuple[Key, ...] = (
    Key(name="version", kind="version", help="The version of this file's form; always 1.", required=True),
    Key(name="name", kind="text", help="The project's name, for people.", default=""),
    Key(
        name="store",
        kind="location",
        help="Where everything is kept: a file below the project, or the URL of a database.",
        default="retain.db",
    ),
    Key(
        name="lease",
        kind="duration",
        help="On PostgreSQL: how long a worker that does not answer keeps its customers before others take them over.",
        default="10s",
    ),
    Key(name="zone", kind="zone", help="The account's time zone, for customers without one.", default="UTC"),
    Key(
        name="http",
        kind="section",
        help="Where events come in.",
        keys=(
            Key(
                name="listen",
                kind="listen",
                help="Address and port. Other than loopback needs keys.",
                default="127.0.0.1:8787",
            ),
            Key(
                name="keys",
                kind="list",
                help="Write keys of the senders. Without any, every sender on this machine is accepted.",
                default=[],
                keys=(
                    Key(name="name", kind="text", help="Who sends with it; the source of its events.", required=True),
                    Key(name="key", kind="secret", help="The write key.", required=True),
                ),
            ),
            Key(
                name="cors",
                kind="texts",
                help="Origins whose pages may send events; `*` is every origin.",
                default=["*"],
            ),
        ),
    ),
    Key(
        name="public",
        kind="section",
        help="The pages that customers see, such as the one-click unsubscribe page; they have a listener of their own.",
        keys=(
            Key(name="listen", kind="listen", help="Address and port.", default="127.0.0.1:8788"),
            Key(
                name="url",
                kind="url",
                help="How customers reach that listener: an https URL. Without it no page is served.",
                default="",
            ),
        ),
    ),
    Key(
        name="plugins",
        kind="sections",
        help="One section per plugin, with the keys that the plugin declares.",
        keys=(
            Key(
                name="allow",
                kind="texts",
                help="Only these plugins are loaded; without it all that are installed.",
            ),
        ),
    ),
    Key(
        name="only_to",
        kind="section",
        help="For staging: messages go to nobody else. A list alone is `allow`, a text alone is `redirect`.",
        list_key="allow",
        text_key="redirect",
        keys=(
            Key(name="allow", kind="texts", help="Addresses and domains that may be written to.", default=[]),
            Key(
                name="redirect", kind="address", help="Every other message goes here; without it, nowhere.", default=""
            ),
        ),
    ),
    Key(
        name="max_lateness",
        kind="duration",
        help="How late an event may come and still start rules; a later one only corrects history.",
        default="24h",
    ),
    Key(
        name="breaker",
        kind="limit",
        help="A rule that starts more often pauses itself, unless it says otherwise.",
        default="1000 per 1h",
    ),
    Key(
        name="retention",
        kind="section",
        help="How long things are kept. What is not named is kept for ever.",
        keys=(
            Key(name="decisions", kind="duration", help="The decision log."),
            Key(name="rejects", kind="duration", help="Messages that were refused."),
        ),
    ),
    Key(
        name="strict_events",
        kind="flag",
        help="Refuse events that no file in schemas/events declares.",
        default=False,
    ),
    Key(
        name="reload",
        kind="choice",
        help="When changed rules are taken: on SIGHUP, or once the files have been quiet for two seconds.",
        default="signal",
        choices=("signal", "watch"),
    ),
    Key(
        name="log",
        kind="section",
        help="What the daemon writes to stderr.",
        keys=(
            Key(
                name="format",
                kind="choice",
                help="For people or for machines.",
                default="text",
                choices=("text", "json"),
            ),
            Key(
                name="level",
                kind="choice",
                help="How much.",
                default="info",
                choices=("debug", "info", "warning", "error"),
            ),
        ),
    ),
)

_DURATION = r"^\s*([0-9]+(ms|[smhdw])\s*)+$"
_FORMS: Mapping[str, dict[str, Json]] = {
    "version": {"const": 1},
    "text": {"type": ["string", "number"]},
    "location": {"type": "string"},
    "address": {"type": "string", "pattern": "^(.+@.+)?$", "examples": ["staging@example.com"]},
    "zone": {"type": "string", "examples": ["Europe/Berlin"]},
    "listen": {"type": ["string", "integer"], "examples": ["127.0.0.1:8787"]},
    "secret": {"type": "string", "pattern": "^(env|file):.+", "examples": ["env:WRITE_KEY"]},
    "url": {"type": "string", "pattern": "^(https?://.*)?$"},
    "texts": {"type": ["array", "string"], "items": {"type": "string"}},
    "duration": {"type": "string", "pattern": _DURATION},
    "limit": {"type": "string", "pattern": r"^[0-9]+ per .+$"},
    "flag": {"type": "boolean"},
    "choice": {"type": "string"},
}


def config_json_schema(plugins: Mapping[str, JsonSchema] | None = None) -> dict[str, Json]:
    """The JSON Schema of retain.yaml, with the sections of these plugins."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "retain.yaml",
        "description": "The configuration of a Retain project.",
        **_section(KEYS, plugins or {}),
    }


def config_reference() -> str:
    """Every key of retain.yaml as a Markdown table."""
    rows = ["| key | meaning | default |", "|---|---|---|"]
    rows.extend(_reference_rows(KEYS, ""))
    return "\n".join(rows) + "\n"


def _section(keys: tuple[Key, ...], plugins: Mapping[str, JsonSchema]) -> dict[str, Json]:
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {key.name: _schema_of(key, plugins) for key in keys},
        "additionalProperties": False,
    }
    required = [key.name for key in keys if key.required]
    return {**schema, "required": required} if required else schema


def _schema_of(key: Key, plugins: Mapping[str, JsonSchema]) -> dict[str, Json]:
    schema: dict[str, Json] = {"description": key.help}
    if key.default is not None:
        schema["default"] = key.default
    if key.choices:
        schema["enum"] = list(key.choices)
    if key.kind == "section":
        section = _section(key.keys, plugins)
        short = [kind for kind, name in (("array", key.list_key), ("string", key.text_key)) if name]
        return {**schema, **section, **({"type": ["object", *short]} if short else {})}
    if key.kind == "list":
        return {**schema, "type": "array", "items": _section(key.keys, plugins)}
    if key.kind == "sections":
        section = _section(key.keys, plugins)
        section["properties"].update((name, dict(plugins[name])) for name in sorted(plugins))
        section["additionalProperties"] = {"type": "object"}
        return {**schema, **section}
    return {**schema, **_FORMS[key.kind]}


def _reference_rows(keys: tuple[Key, ...], prefix: str) -> list[str]:
    rows = []
    for key in keys:
        path = f"{prefix}{key.name}"
        shown = "required" if key.required else "" if key.default in (None, "", []) else f"`{_shown(key.default)}`"
        choices = f" One of {', '.join(f'`{choice}`' for choice in key.choices)}." if key.choices else ""
        rows.append(f"| `{path}` | {key.help}{choices} | {shown} |")
        rows.extend(_reference_rows(key.keys, f"{path}[]." if key.kind == "list" else f"{path}."))
        if key.kind == "sections":
            rows.append(f"| `{path}.NAME` | The section of the plugin NAME; see `retain docs NAME`. | |")
    return rows


def _shown(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)
