"""`retain init`: a project that is ready to run, with packs of the shipped rules, their templates and their tests."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from string import Template

from retain.app.projects.schemas import rules_schema
from retain.config.settings import FILE
from retain.errors import NotFoundError, RetainError
from retain.language.documents.nodes import MapNode, Scalar
from retain.language.documents.yaml import read_yaml
from retain.resources import resource

DEFAULT_PACKS = ("abandoned-cart",)
POLICIES = "policies"
LINK_KEY = "unsubscribe.secret"
RULES_SCHEMA = "schemas/rules.schema.json"
_TEMPLATE = re.compile(r"\btemplate:\s*([\w-]+)")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SCHEMA_LINE = "# yaml-language-server: $schema=../schemas/rules.schema.json\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Shipped rules that belong together."""

    name: str
    rules: tuple[str, ...]
    description: str  # the top of its file or its first rule, whichever says more
    files: Mapping[str, Path]  # by path in the project


def packs() -> dict[str, Pack]:
    """The shipped packs by name."""
    folder = resource("rules")
    return {path.stem: _pack(folder, path) for path in sorted(folder.glob("*.yaml")) if path.stem != POLICIES}


def make_project(directory: Path, names: Sequence[str] = ()) -> list[str]:
    """Write a project into a new or empty folder; the paths of its files, relative to it.

    Args:
        names: of packs; none = `DEFAULT_PACKS`.

    Raises:
        NotFoundError: a pack does not exist.
        RetainError: the folder is not empty, or cannot be written to.
    """
    known = packs()
    for name in names:
        if name not in known:
            raise NotFoundError("pack", name, known)
    chosen = [known[name] for name in dict.fromkeys(names or DEFAULT_PACKS)]
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise RetainError("the folder is not empty", where=str(directory), cure="name a new or an empty one")
    files = _files(directory.resolve().name, chosen)
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        secret = directory / LINK_KEY
        secret.touch(mode=0o600)
        secret.write_text(f"{secrets.token_hex(32)}\n", encoding="ascii")
        completion = json.dumps(rules_schema(directory.resolve()), indent=2, ensure_ascii=False)
        (directory / RULES_SCHEMA).write_text(f"{completion}\n", encoding="utf-8")
    except OSError as error:
        raise RetainError(f"cannot be written: {error.strerror}", where=str(error.filename or directory)) from error
    return sorted([*files, LINK_KEY, RULES_SCHEMA])


def _pack(folder: Path, path: Path) -> Pack:
    text = path.read_text(encoding="utf-8")
    root, _ = read_yaml(text, path.name)
    rules = root.get("rules") if isinstance(root, MapNode) else None
    entries = rules.entries if isinstance(rules, MapNode) else {}
    first = next(iter(entries.values()), None)
    told = first.get("description") if isinstance(first, MapNode) else None
    description = str(told.value) if isinstance(told, Scalar) else ""
    found = {f"rules/{path.name}": path, f"tests/{path.name}": folder / "tests" / path.name}
    for template in sorted(set(_TEMPLATE.findall(text))):
        found |= {f"templates/{file.name}": file for file in sorted((folder / "templates").glob(f"{template}.*"))}
    return Pack(
        name=path.stem,
        rules=tuple(entries),
        description=max(_first_sentence(text), description, key=len),
        files=found,
    )


def _first_sentence(text: str) -> str:
    """What the comment at the top of a file says first."""
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    told = " ".join(line.lstrip("# ") for line in lines)
    return re.split(r"(?<=[.:]) ", told)[0].rstrip(":") if told else ""


def _files(name: str, chosen: Iterable[Pack]) -> dict[str, str]:
    chosen = list(chosen)
    shipped = {path: file for pack in chosen for path, file in pack.files.items()}
    shipped[f"rules/{POLICIES}.yaml"] = resource("rules") / f"{POLICIES}.yaml"
    files = {}
    for path, file in shipped.items():
        head = _SCHEMA_LINE if path.startswith(("rules/", "tests/")) else ""
        files[path] = head + file.read_text(encoding="utf-8")
    files["schemas/customer.json"] = _CUSTOMER
    files["schemas/README.md"] = _SCHEMAS
    files[FILE] = Template(_CONFIG).substitute(name=name if _NAME.fullmatch(name) else json.dumps(name))
    shown = next((pack for pack in chosen if pack.name in _SAMPLES), chosen[0])
    files["README.md"] = Template(_README).substitute(
        name=name,
        rules=_rule_list(chosen),
        sample=_SAMPLES.get(shown.name, _ORDER),
        explain=f"retain explain {shown.rules[0]} 17".ljust(36),
    )
    files[".gitignore"] = _IGNORED
    return files


def _rule_list(chosen: Iterable[Pack]) -> str:
    return "\n".join(f"- `rules/{pack.name}.yaml`: {pack.description}" for pack in chosen)


_ORDER = '"event": "Order Completed", "properties": {"order_id": "o1", "total": 40, "currency": "EUR"}'
_SAMPLES = {  # what starts a rule of the pack; the others wait for time to pass since an order
    "abandoned-cart": '"event": "Product Added", "properties": {"cart_id": "k1"}',
    "lead-assignment": '"event": "Lead Created", "properties": {"channel": "web"}',
    "nps-follow-up": '"event": "NPS Answered", "properties": {"score": 3}',
    "onboarding": '"event": "Signed Up", "properties": {}',
}

_IGNORED = """\
# What the engine keeps stays on this machine; the rules belong in version control.
retain.db*
retain.sock
.retain/
*.rejects.jsonl
*.secret
.env
"""

_CONFIG = """\
version: 1
name: $name
zone: UTC                        # of customers without a time zone of their own, and of times you type
store: retain.db

http:
  listen: 127.0.0.1:8787         # where events come in, as the Segment API; other addresses need keys:
  # keys:
  #   - {name: website, key: "env:RETAIN_KEY_WEBSITE"}

# Nobody but these gets a message while you try things out. Take this out to go live.
only_to: [example.com, example.test]

public:                          # the unsubscribe page, which marketing mail needs
  listen: 127.0.0.1:8788
  url: http://127.0.0.1:8788     # to go live: how your customers reach it, with https

plugins:
  email:
    host: localhost              # a mail catcher, until you name your mail server
    port: 1025
    from: Shop <shop@example.com>
    unsubscribe_secrets: ["file:unsubscribe.secret"]
    # username: shop
    # password: "env:SMTP_PASSWORD"
"""

_CUSTOMER = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Customer",
  "type": "object",
  "properties": {
    "favourite_shop": {"type": "string"}
  }
}
"""

_SCHEMAS = """\
# Fields and events

Rules may use what is declared. Already declared are the traits of the Segment spec (`email`, `first_name`, `timezone`,
and more) and its e-commerce events (`product_added`, `order_completed`, and more). `retain docs` lists them all, and
`retain docs order_completed` or `retain docs customer.email` shows one.

- `customer.json` adds fields of customers: `favourite_shop` is an example, in a rule `customer.favourite_shop`.
- `events/NAME.json` adds an event, or fields to one. For an event `quiz_finished` with a score:

      {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}

A field that is not in `required` can be missing, and `retain check` asks that rules say what happens then.
`rules.schema.json` lets an editor complete rule files; `retain schema > schemas/rules.schema.json` makes it anew.
"""

_README = """\
# $name

Rules that run by themselves when customers do something, or stop doing it. They are in `rules/`:

$rules

## Try them

    retain check                          finds every mistake, with the line and the cure
    retain test                           plays the stories in `tests/`: months in a moment
    retain simulate --events FILE         what the rules would have done over past events; nothing is sent
    retain run                            starts the daemon; it takes events on http://127.0.0.1:8787

With the daemon running, send an event as any Segment client library does, and look at what came of it:

    curl http://127.0.0.1:8787/v1/identify -H 'content-type: application/json' \\
      -d '{"userId": "17", "traits": {"email": "ada@example.com", "consent": {"marketing": true}}}'
    curl http://127.0.0.1:8787/v1/track -H 'content-type: application/json' \\
      -d '{"userId": "17", $sample}'
    retain status
    retain customers show 17
    $explain  says why a rule did, or did not, start for this customer

## What is where

| path | holds |
|---|---|
| `retain.yaml` | where events come in, how mail goes out; secrets are references such as `env:SMTP_PASSWORD` |
| `rules/` | the rules; `rules/policies.yaml` says what every message must pass: consent, caps, quiet hours |
| `templates/` | what the messages say |
| `tests/` | what each rule must do, as a story on a virtual clock |
| `schemas/` | the fields of your customers and events |
| `unsubscribe.secret` | what unsubscribe links are signed with; keep it, or the links in sent mail stop working |
| `retain.db` | everything that happened; the engine makes it |

## Before going live

1. `retain import FILE` takes in your history; it starts nothing.
2. `retain consents import FILE` takes in who agreed to what: without it, marketing mail is refused.
3. `retain simulate` runs the rules over that history, and says whom they touch.
4. In `retain.yaml`: name your mail server, give `public.url` its https address, take out `only_to`.
5. `retain doctor` finds what is still missing.

While it runs: `retain pause --all` stops every rule at once, `retain resume --all` lets them go on.
"""
