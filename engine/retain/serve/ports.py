"""What the HTTP doors need from the application, as callables: the doors hold no logic of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from retain.clock import Clock, SystemClock
from retain.model import Fields
from retain.registry import Page, PageResponse
from retain.wire.fields import FieldTypes
from retain.wire.message import Intake

NO_KEY_SOURCE = "default"  # the source of events where no write keys are configured


class Stored(Protocol):
    """What came of one message; the store's `Accepted` is one."""

    @property
    def duplicate(self) -> bool:
        """Whether it was known already."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the daemon does its work, and if not, why."""

    ready: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPorts:
    """What the ingest listener is made of.

    Args:
        ingest: stores messages, rejections and counts of notes; returns one `Stored` per message, in their order,
            after the commit. May raise `StoreError` (503), `OverloadedError` (429).
        types: the declared types at this moment; they change with a reload.
        health: whether the daemon does its work.
        metrics_text: the metrics in the text format of Prometheus.
        keys: the name of the source by write key; empty accepts any sender as the source `default`.
        cors: origins whose pages may send events.
        strict: refuse events that no schema declares.
        body_timeout_s: how long a sender may take for one body.
    """

    ingest: Callable[[Intake], Awaitable[Sequence[Stored]]]
    types: Callable[[], FieldTypes]
    health: Callable[[], Health]
    metrics_text: Callable[[], str]
    keys: Mapping[str, str] = field(default_factory=dict)
    cors: Sequence[str] = ("*",)
    strict: bool = False
    clock: Clock = field(default_factory=SystemClock)
    body_timeout_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPorts:
    """What the public listener is made of.

    Args:
        pages: what plugins registered; nothing else is served.
        carry_out: stores what a page asks for (withdrawals of consent, events) before its answer is sent.
        config: the section of retain.yaml by plugin, secrets revealed.
        page_timeout_s: how long a page may take.
    """

    pages: Sequence[Page]
    carry_out: Callable[[PageResponse], Awaitable[None]]
    config: Mapping[str, Fields] = field(default_factory=dict)
    page_timeout_s: float = 10.0
