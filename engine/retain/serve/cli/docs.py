"""`retain docs NAME`."""

from __future__ import annotations

import click
from rich.text import Text

from retain.app.projects.schemas import plugins_of, schema_of
from retain.app.reference.articles import Article, sentence
from retain.app.reference.lookup import everything, look_up
from retain.serve.cli.context import project_dir
from retain.serve.cli.output import NAME, QUIET, columns, hint, json_option, pairs, print_json, say, show


@click.command("docs")
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """Explain NAME: a word of rule files such as wait, an action, an event, a field such as customer.email, a function,
    a channel, a plugin, a code such as E102, or a reason such as late.

    Without NAME it lists what can be looked up.
    """
    folder = project_dir()
    loaded = plugins_of(folder)
    schema = schema_of(folder, loaded)
    if name is None:
        _list(list(everything(loaded.registry, schema)), as_json)
        return
    found = look_up(name, loaded.registry, schema)
    if as_json:
        print_json([article.as_json() for article in found])
        return
    for index, article in enumerate(found):
        if index:
            click.echo()
        _show(article)


def _list(articles: list[Article], as_json: bool) -> None:
    by_kind: dict[str, list[str]] = {}
    for article in articles:
        by_kind.setdefault(article.kind, []).append(article.name)
    if as_json:
        print_json(by_kind)
        return
    table = columns("", "", fold=[""])
    for kind, names in by_kind.items():
        table.add_row(Text(kind, style=QUIET), " ".join(names))
    show(table)
    hint("retain docs NAME")


def _show(article: Article) -> None:
    say((article.name, NAME), (f"   {article.kind}", QUIET))
    say(sentence(article.summary))
    if article.facts:
        click.echo()
        pairs(article.facts, indent=2)
    for part in article.parts:
        click.echo()
        say((part.title, QUIET))
        kept = [index for index, _ in enumerate(part.header) if any(row[index] for row in part.rows)]
        table = columns(*("" for _ in kept), fold=[""])
        for row in part.rows:
            cells = ["required" if part.header[i] == "required" and row[i] else row[i] for i in kept]
            table.add_row(Text(cells[0], style=NAME), *cells[1:])
        show(table, indent=2)
    if article.example:
        click.echo()
        click.echo("\n".join(f"  {line}" for line in article.example.splitlines()))
