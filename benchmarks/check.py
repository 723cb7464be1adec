"""How long `retain check` takes for 1,000 rules: the shipped ones, again and again under other names and numbers.

Prints seconds of CPU in this process, start of Python and of the plugins included. The aim is under 2 seconds.
"""

from __future__ import annotations

import gc
import re
import sys
import time

from retain.deliver.loading import load_plugins
from retain.language.load import load_rules
from retain.language.project import read_project
from retain.language.schema import load_schema
from retain.resources import resource

_RULE = re.compile(r"^  ([a-z][a-z0-9-]*):\n(?=    description:)", re.MULTILINE)


def many(files: tuple[tuple[str, str], ...], count: int) -> list[tuple[str, str]]:
    """The files, and copies of their rules under new names with other numbers, until there are `count` rules."""
    made = [(name, text) for name, text in files if "tests/" not in name]
    rules = [(name, *part) for name, text in made for part in _rules(text)]
    missing = count - len(rules)
    for copy in range(missing // len(rules) + 1):
        texts = [f"  {rule}-{copy}:\n{_varied(body, copy)}" for _, rule, body in rules[: missing - copy * len(rules)]]
        made.append((f"rules/copy-{copy}.yaml", "version: 1\nrules:\n" + "".join(texts)))
    return made


def _rules(text: str) -> list[tuple[str, str]]:
    parts = _RULE.split(text.partition("\nrules:\n")[2])
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _varied(body: str, copy: int) -> str:
    """The same rule with other thresholds, so that no text is met twice."""
    return re.sub(r"(>=|<=|<|>) (\d+)\b", lambda found: f"{found[1]} {int(found[2]) + copy}", body)


def main() -> int:
    """Load 1,000 rules once, as the command does."""
    gc.disable()
    registry = load_plugins({}).registry
    schema, _ = load_schema([], registry)
    project = read_project(resource("rules"))
    files = many(project.files, 1_000)
    started = time.process_time()
    ruleset, problems = load_rules(files, schema, registry, templates=project.templates)
    loading, whole = time.process_time() - started, time.process_time()
    errors = [problem for problem in problems if problem.severity == "error"]
    lines = sum(text.count("\n") for _, text in files)
    print(f"rules {len(ruleset.rules)}, lines {lines}, errors {len(errors)}, warnings {len(problems) - len(errors)}")
    print(f"loading {loading:.2f} s CPU; with start of Python, plugins and schemas {whole:.2f} s; aim 2 s")
    for problem in errors[:3]:
        print(problem.render())
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
