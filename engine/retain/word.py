"""Texts that are one of a few."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A member of a closed list of texts; equal to its text, and hashed like it.

    The hash of an enum is computed in Python at every look-up, and differs from that of the text it equals.
    """

    __hash__ = str.__hash__
