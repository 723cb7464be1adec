"""The shape of one row in the table of problem codes; the table itself is `codes.CODES`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of problem that `retain check` can report.

    `title` is a few words, `explanation` one or two sentences on why it is a problem, `example` a text that has it,
    `cure` what to write instead.
    """

    code: str
    title: str
    explanation: str
    example: str
    cure: str


def table(*codes: Code) -> dict[str, Code]:
    """Codes by their name; a code given twice is a mistake of ours and fails at import."""
    found = {code.code: code for code in codes}
    assert len(found) == len(codes), "one code stands for one thing"
    return found
