"""What the daemon writes to stderr: one line each, as text for people or as JSON for machines."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping, Sequence

import structlog

from retain.config.settings import LogConfig
from retain.model import Json

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up_logs(config: LogConfig) -> None:
    """Send the log of the engine, of its plugins and of the libraries it uses to stderr."""
    level = _LEVELS[config.level]
    shared: Sequence[structlog.typing.Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    )
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if config.format == "json" else _as_text
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _as_text(logger: Json, method: str, event: MutableMapping[str, Json]) -> str:
    """`2026-11-21T10:00:00Z info ready http=127.0.0.1:8787`."""
    at, level, what = event.pop("timestamp", ""), event.pop("level", method), event.pop("event", "")
    trace = event.pop("exception", "")
    values = " ".join(f"{key}={_value(value)}" for key, value in event.items())
    line = f"{at} {level:7} {what}{' ' if values else ''}{values}"
    return f"{line}\n{trace}" if trace else line


def _value(value: Json) -> str:
    text = str(value).replace("\n", "\\n")
    return repr(text) if " " in text or not text else text
