"""Every problem that `retain check` can report, in one table: what it is, why it matters, what to write instead."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table
from retain.language.codes.expressions import EXPRESSION_CODES
from retain.language.codes.rules import RULE_CODES

CODES: Mapping[str, Code] = table(*EXPRESSION_CODES.values(), *RULE_CODES.values())

__all__ = ["CODES", "Code"]
