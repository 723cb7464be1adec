"""Problem codes of rule files, as one table."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table
from retain.language.codes.files import FILE_CODES
from retain.language.codes.lint import LINT_CODES
from retain.language.codes.names import NAME_CODES
from retain.language.codes.steps import STEP_CODES

RULE_CODES: Mapping[str, Code] = table(
    *FILE_CODES.values(), *STEP_CODES.values(), *NAME_CODES.values(), *LINT_CODES.values()
)
