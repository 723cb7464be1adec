"""What can be looked up by name: words of rule files, actions, events, functions, channels, plugins, codes, outcomes.

Each is described once, as an `Article`; the command line prints it, and the reference pages are made of the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from retain.app.reference.articles import Article, Part, flow, schema_text, type_text
from retain.app.reference.grammar import grammar
from retain.app.reports.words import WORDS
from retain.errors import NotFoundError
from retain.instants import format_duration
from retain.language.checking.functions import HISTORY, SCALAR, BuiltIn
from retain.language.codes.table import CODES, Code
from retain.language.types import Schema, Type
from retain.model import slug
from retain.registry import Action, Channel, EventType, Function, JsonSchema, Registry


def look_up(name: str, registry: Registry, schema: Schema) -> list[Article]:
    """Everything that is called so.

    Raises:
        NotFoundError: nothing is.
    """
    articles: dict[str, list[Article]] = {}
    for article in everything(registry, schema):
        articles.setdefault(article.name.casefold(), []).append(article)
    found = articles.get(name.casefold()) or articles.get(slug(name))
    if not found:
        raise NotFoundError("key, step, action, event, field, function, plugin or code", name, sorted(articles))
    return found


def everything(registry: Registry, schema: Schema) -> Iterator[Article]:
    """Every article that there is."""
    yield from grammar(registry, schema)
    yield from actions(registry)
    yield from events(registry, schema)
    yield from functions(registry)
    yield from (channel_article(channel) for channel in registry.channels.values())
    yield from (plugin_article(registry, name) for name in plugin_names(registry))
    yield from codes()
    yield from (Article(kind=kind, name=word, summary=told) for kind, words in WORDS.items() for word, told in words)


def actions(registry: Registry) -> list[Article]:
    """The steps that plugins offer, by name."""
    return [action_article(action) for _, action in sorted(registry.actions.items())]


def events(registry: Registry, schema: Schema) -> list[Article]:
    """The declared events, by name."""
    types = {slug(name): declared for name, declared in registry.event_types.items()}
    return [event_article(name, fields, types.get(name)) for name, fields in sorted(schema.events.items())]


def functions(registry: Registry) -> list[Article]:
    """The functions of conditions."""
    built_in = [*HISTORY.values(), *(one for one in SCALAR.values() if one.name not in HISTORY)]
    return [*map(_built_in, built_in), *map(_function, registry.functions.values())]


def codes() -> list[Article]:
    """The problems that `retain check` reports, by code."""
    return [_code(code) for _, code in sorted(CODES.items())]


def plugin_names(registry: Registry) -> list[str]:
    """Plugins that are loaded or disabled."""
    return sorted({*registry.checks, *registry.config_schemas, *registry.broken})


def contributions(registry: Registry, plugin: str) -> dict[str, list[str]]:
    """What one plugin adds, by kind."""
    groups: dict[str, Mapping[str, Action | EventType | Function | Channel]] = {
        "actions": registry.actions,
        "events": registry.event_types,
        "functions": registry.functions,
        "channels": registry.channels,
    }
    found = {
        kind: sorted(name for name, one in group.items() if one.plugin == plugin) for kind, group in groups.items()
    }
    found["fields"] = sorted(name for name, one in registry.fields.items() if one.plugin == plugin)
    found["records"] = sorted(name for name, one in registry.record_kinds.items() if one.plugin == plugin)
    found["pages"] = sorted(page.path for page in registry.pages if page.plugin == plugin)
    return {kind: names for kind, names in found.items() if names}


def action_article(action: Action) -> Article:
    """A step that a plugin offers."""
    facts = [("plugin", action.plugin)]
    if action.channel:
        facts.append(("channel", f"{action.channel}: its policy says which consent, caps and quiet hours hold"))
    if action.is_outside:
        retry = action.retry
        facts += [
            ("timeout", format_duration(round(action.timeout_s * 1000))),
            ("retried for", format_duration(round(retry.give_up_after_s * 1000))),
            ("when in doubt", WORDS_IN_DOUBT[action.in_doubt]),
            ("at once", f"at most {action.concurrency}"),
        ]
    else:
        facts.append(("effect", "commits together with the decision; nothing leaves the engine"))
    if action.customer == "none":
        facts.append(("customer", "not needed"))
    return Article(
        kind="action",
        name=action.name,
        summary=action.summary,
        facts=tuple(facts),
        parts=tuple(_fields_part(title, shape) for title, shape in _shapes(action) if shape.get("properties")),
        example=f"- {action.name}: {flow(dict(action.example.inputs))}",
    )


def event_article(name: str, fields: Mapping[str, Type], declared: EventType | None = None) -> Article:
    """A declared event."""
    rows = tuple(
        (field, type_text(type_), "can be missing" if type_.nullable else "") for field, type_ in fields.items()
    )
    return Article(
        kind="event",
        name=name,
        summary=declared.summary if declared is not None else "a declared event",
        facts=(("plugin", declared.plugin),) if declared is not None else (),
        parts=(Part("Fields", ("field", "type", "missing"), rows),) if rows else (),
        example=f"when: {{event: {name}}}",
    )


def channel_article(channel: Channel) -> Article:
    """A way to reach people."""
    return Article(
        kind="channel",
        name=channel.name,
        summary=channel.summary or "a way to reach people",
        facts=(("plugin", channel.plugin), ("address", f"customer.{channel.address_field}")),
        example=f"policies:\n  {channel.name}: {{consent: marketing, unknown: refuse, caps: [2 per 7d]}}",
    )


def plugin_article(registry: Registry, name: str) -> Article:
    """A plugin: what it adds, and its section of retain.yaml."""
    config = registry.config_schemas.get(name)
    parts = [
        Part("Adds", ("kind", "names"), tuple((k, ", ".join(v)) for k, v in contributions(registry, name).items()))
    ]
    if config is not None:
        parts.append(_fields_part(f"Its section in retain.yaml, plugins.{name}", config))
    broken = registry.broken.get(name, "")
    facts = (("disabled", broken),) if broken else ()
    return Article(
        kind="plugin", name=name, summary="an installed plugin", facts=facts, parts=tuple(p for p in parts if p.rows)
    )


WORDS_IN_DOUBT = {
    "resend": "sent again; the receiver knows the effect by its id",
    "hold": "held, listed, and decided by a person",
    "skip": "left as it is, and listed",
}


def _shapes(action: Action) -> Sequence[tuple[str, JsonSchema]]:
    return (("Inputs", action.inputs), ("Output, as steps.ID.NAME", action.output))


def _fields_part(title: str, schema: JsonSchema) -> Part:
    required = schema.get("required", ())
    rows = [
        (name, schema_text(shape), "yes" if name in required else "", str(shape.get("description", "")))
        for name, shape in schema.get("properties", {}).items()
    ]
    return Part(title, ("name", "type", "required", "meaning"), tuple(rows))


def _built_in(one: BuiltIn) -> Article:
    facts = (("gives", one.result), ("when nothing qualifies", one.empty))
    return Article(kind="function", name=one.name, summary=one.summary, facts=facts, example=one.form)


def _function(one: Function) -> Article:
    form = f"{one.name}({', '.join(one.parameters)})"
    facts = [("plugin", one.plugin)]
    if isinstance(one.body, str):
        facts.append(("stands for", one.body))
    return Article(kind="function", name=one.name, summary=one.summary, facts=tuple(facts), example=form)


def _code(code: Code) -> Article:
    facts = (("wrong", code.example), ("right", code.cure))
    return Article(kind="code", name=code.code, summary=f"{code.title}: {code.explanation}", facts=facts)
