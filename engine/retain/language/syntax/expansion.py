"""Calls of plugin functions as texts of the language: arguments put in place of parameters, word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retain.errors import RetainError
from retain.language.syntax.ast import Literal_, Name, Node
from retain.language.syntax.lexer import tokenize
from retain.language.syntax.source import TextSource
from retain.model import Json
from retain.registry import Function

_KINDS: Mapping[str, tuple[str, ...]] = {
    "number": ("int", "number"),
    "text": ("text",),
    "bool": ("bool",),
    "duration": ("duration",),
}


def wrong_argument(parameter: str, kind: str, node: Node) -> str:
    """What is wrong with an argument, or nothing."""
    if kind == "name":
        fits = isinstance(node, Name) or (isinstance(node, Literal_) and isinstance(node.value, str))
    else:
        fits = isinstance(node, Literal_) and node.type is not None and node.type.kind in _KINDS.get(kind, ())
    return "" if fits else f"'{parameter}' takes a {kind}"


def expand(function: Function, args: Sequence[Node], written: Sequence[str], named: Mapping[str, Json]) -> str:
    """The text that a call stands for.

    Raises:
        RetainError: the function cannot be used with these arguments.
    """
    values = dict(zip(function.parameters, args, strict=True))
    if callable(function.body):
        given = {name: _value(node) for name, node in values.items()}
        try:
            return function.body(given, named)
        except RetainError:
            raise
        except Exception as error:
            what = f"{function.name}() of plugin {function.plugin or '?'} failed: {error!r}"
            cure = "mend the errors of what it is asked about first; without any it is a fault of the plugin"
            raise RetainError(what, cure=cure) from error
    texts = {name: _written(node, text) for (name, node), text in zip(values.items(), written, strict=True)}
    return _substitute(function.body, texts)


def _value(node: Node) -> Json:
    return node.value if isinstance(node, Literal_) else node.name if isinstance(node, Name) else None


def _written(node: Node, text: str) -> str:
    return node.name if isinstance(node, Name) else f"({text})" if text.startswith("-") else text


def _substitute(body: str, texts: Mapping[str, str]) -> str:
    pieces: list[str] = []
    at = 0
    before = ""
    for token in tokenize(TextSource(body)):
        if token.kind == "name" and token.text in texts and before != ".":
            pieces += [body[at : token.start], texts[token.text]]
            at = token.end
        before = token.text
    return "".join([*pieces, body[at:]])
