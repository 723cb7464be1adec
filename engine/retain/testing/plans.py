"""Rules for a test, from their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retain.deliver.loading import load_plugins
from retain.errors import RuleError
from retain.language.load.files import load_rules
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.schemas.fields import load_schema
from retain.model import Json


def plan_of(
    rules: str, *, plugins: Mapping[str, Mapping[str, Json]] | None = None, extra: Sequence[object] = ()
) -> Plan:
    """The plan of one rule file, with the installed plugins and the shipped schemas.

    Args:
        plugins: sections of retain.yaml, by plugin.
        extra: plugins that are not installed, such as the module under test.

    Raises:
        RuleError: the rules have a problem, be it a warning.
    """
    registry = load_plugins(plugins or {}, extra=extra).registry
    schema, problems = load_schema([], registry)
    ruleset, found = load_rules([("rules.yaml", rules)], schema, registry)
    if problems or found:
        raise RuleError("the rules of this test have problems", problems=[*problems, *found])
    return make_plan(ruleset, schema, registry, Defaults())
