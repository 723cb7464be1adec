"""Options that listing commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from retain.app.reading import find_customer
from retain.config import Config
from retain.model import Instant
from retain.serve.cli.context import time_or_none
from retain.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a list is narrowed to; None is everything."""

    rule: str | None
    customer: int | None
    since: Instant | None
    until: Instant | None


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
    option = click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
    return option(function)


def by_option(function: F) -> F:
    """`--by`."""
    return click.option("--by", metavar="NAME", help="Who does it, for the audit log; default: you.")(function)


def chosen(
    config: Config,
    store: Store,
    *,
    rule: str | None = None,
    customer: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Chosen:
    """The options as values."""
    return Chosen(
        rule=rule,
        customer=None if customer is None else find_customer(store, customer).id,
        since=time_or_none(since, config),
        until=time_or_none(until, config),
    )
