"""What is wrong with a template, in the words of whoever wrote it: syntax, and filters and tests that nobody has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

from minijinja import Environment, TemplateError

from retain.errors import nearest

_VALUE_CURE = "between {{ and }} stands one value, such as {{ customer.first_name | default('friend') }}"
_SYNTAX = (  # what minijinja says, what it means, and what to do about it
    (r"unexpected `}`, expected end of variable", "a {{ is not closed", "write }} behind the value"),
    (r"end of input, expected end of variable", "a {{ is not closed", "write }} behind the value"),
    (r"end of input, expected end of block", "an {% if %} or {% for %} is not closed",
     "write {% endif %} or {% endfor %}"),
    (r"unknown statement (end\w+|else|elif)", "{{% {0} %}} has nothing before it that it belongs to", "take it out"),
    (r"unknown statement (\w+)", "no statement is called {0}", "write if, for or set; a value stands in {{ }}"),
    (r"end of comment", "a {# is not closed", "write #} behind the comment"),
    (r"end of string", "a quote is not closed", "close the quote"),
    (r"unexpected character", "a character here means nothing between braces",
     "write ' or \" as quotes, and the words and, or, not"),
    (r"unexpected `=`", "one = compares nothing", "write =="),
    (r"variable block|unexpected `", "what stands between braces here is no value", _VALUE_CURE),
)  # fmt: skip
_TAG = re.compile(r"\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|(?P<tag>\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_USED = {
    "filter": re.compile(r"(?:\||\{%-?\s*filter\s)\s*([A-Za-z_]\w*)"),
    "test": re.compile(r"\bis\s+(?:not\s+)?([A-Za-z_]\w*)"),
}
_COMMON = {
    "filter": ("capitalize", "default", "first", "join", "last", "length", "lower", "replace", "round", "upper"),
    "test": ("defined", "divisibleby", "even", "none", "number", "odd", "string", "undefined"),
}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A filter or test that nobody has, where it stands, and what to write instead."""

    what: str
    cure: str
    start: int
    end: int


def syntax_fault(detail: str) -> tuple[str, str]:
    """What is wrong, and what to do about it, from what the reader of templates says."""
    for pattern, what, cure in _SYNTAX:
        found = re.search(pattern, detail)
        if found is not None:
            return what.format(*found.groups()) if found.groups() else what, cure
    return f"this is no template: {detail}", "close each {{ with }}, and each {% if %} with {% endif %}"


def unknown_words(text: str, filters: Collection[str]) -> Iterator[Unknown]:
    """The filters and tests that a template uses and that neither the reader of templates nor a plugin has."""
    for tag in _TAG.finditer(text):
        plain = _STRING.sub(lambda string: " " * len(string[0]), tag["tag"] or "")
        for kind, used in _USED.items():
            for found in used.finditer(plain):
                if not (kind == "filter" and found[1] in filters) and not _has(kind, found[1]):
                    start = tag.start() + found.start(1)
                    yield Unknown(
                        f"no {kind} is called {found[1]!r}",
                        _instead(kind, found[1], filters if kind == "filter" else ()),
                        start,
                        start + len(found[1]),
                    )


def _instead(kind: str, name: str, filters: Collection[str]) -> str:
    known = (*_COMMON[kind], *filters)
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"{kind}s are {', '.join(sorted(known))} and others of minijinja"


@cache
def _has(kind: str, name: str) -> bool:
    """Whether templates have such a filter or test; only asking for it says so."""
    try:
        Environment().eval_expr(f"'' | {name}" if kind == "filter" else f"'' is {name}")
    except TemplateError as error:
        return error.kind not in ("UnknownFilter", "UnknownTest")
    return True
