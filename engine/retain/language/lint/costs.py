"""What a rule asks of all customers at once, where no database can answer."""

from __future__ import annotations

from collections.abc import Iterator

from retain.language.lint.subject import Subject
from retain.language.rules import ScheduleTrigger
from retain.language.sql.cost import cost_of
from retain.model import Problem

_CURE = "put a test of a field or of an event beside it, so that fewer customers are left"


def cost_problems(subject: Subject) -> Iterator[Problem]:
    """Plans for whose members every customer is loaded, each time anew."""
    for trigger in subject.rule.triggers:
        if not isinstance(trigger, ScheduleTrigger) or trigger.each is None or trigger.cron is None:
            continue
        if cost_of(trigger.each.nodes).kind == "each":
            what = "every customer is loaded and decided one by one, each time"
            yield subject.said(f"{trigger.path}.each[0]", "W222", what, _CURE)
