"""Options that listing commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., None])


def rule_option(function: F) -> F:
    """`--rule`."""
    return click.option("--rule", metavar="RULE", help="Of this rule only.")(function)


def customer_option(function: F) -> F:
    """`--customer`."""
    return click.option("--customer", metavar="CUSTOMER", help="Of this customer only: a user id, address or key.")(
        function
    )


def period_options(function: F) -> F:
    """`--since` and `--until`."""
    until = click.option("--until", metavar="TIME", help="Before this time.")
    since = click.option("--since", metavar="TIME", help="From this time on: 2026-11-21, yesterday, -2h.")
    return since(until(function))


def limit_option(function: F) -> F:
    """`--limit`."""
    option = click.option(
        "--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="At most so many."
    )
    return option(function)


def by_option(function: F) -> F:
    """`--by`."""
    return click.option("--by", metavar="NAME", help="Who does it, for the audit trail; default: you.")(function)
