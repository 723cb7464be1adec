"""What one attempt came to, as a value. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from retain.deliver.lanes import Attempt, OutOfTimeError
from retain.deliver.retry import jitter_of, next_attempt
from retain.errors import DeliveryError, InDoubtError, PermanentError, TemporaryError
from retain.model import Fields, Instant, Json, slug
from retain.registry import ActionResult, EffectResult

_SURPRISES = 3  # attempts after which an exception that the plugin did not mean to raise is final
_LONGEST_REASON = 500
_SECRET_KEY = re.compile(r"secret|password|token|key|credential", re.IGNORECASE)


def of_result(attempt: Attempt, result: object) -> EffectResult:
    """The result of an action that returned; junk is a dead letter, since the action may well have acted."""
    request = attempt.request
    if not isinstance(result, ActionResult):
        return _dead(attempt, f"plugin {attempt.action.plugin} returned a {type(result).__name__}, not an ActionResult")
    try:
        given = tuple(result.events)
        made = [dict(result.output), *(dict(event.fields) for event in given)]
        text = json.dumps(made, allow_nan=False, ensure_ascii=False)
        output, *fields = json.loads(text.encode("utf-8", "replace"))  # as it is read back from the store
        events = tuple(replace(one, name=slug(one.name), fields=fields.pop(0)) for one in given)
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        return _dead(attempt, f"plugin {attempt.action.plugin} returned what is not JSON: {error}")
    return EffectResult(
        effect_id=request.effect_id, status="done", attempt=request.attempt, output=output, events=events
    )


def of_error(attempt: Attempt, error: BaseException, now: Instant) -> EffectResult:
    """The result of an action that raised, by the class of what it raised."""
    plugin = attempt.action.plugin
    if isinstance(error, PermanentError):
        dead = _dead(attempt, _reason(error, attempt))
        return replace(dead, suppress=error.suppress, pause_channel=error.pause_channel)
    if isinstance(error, TemporaryError):
        again = _again(attempt, _reason(error, attempt), now, error.after)
        return replace(again, pause_channel=error.pause_channel)
    if isinstance(error, InDoubtError):
        return _in_doubt(attempt, _reason(error, attempt))
    if isinstance(error, OutOfTimeError):
        return of_silence(attempt, str(error), now)
    reason = f"plugin {plugin} raised {_reason(error, attempt)}"
    if attempt.request.attempt >= _SURPRISES:
        return _dead(attempt, reason)
    return _again(attempt, reason, now)


def of_silence(attempt: Attempt, what: str, now: Instant) -> EffectResult:
    """The result of an action that gave no answer: in doubt where it may have acted and must not act twice."""
    reason = f"plugin {attempt.action.plugin}: {attempt.action.name} {what}"
    if attempt.withdraw() or attempt.action.idempotent:
        return _again(attempt, reason, now)
    return _in_doubt(attempt, reason)


def not_begun(attempt: Attempt, now: Instant) -> EffectResult:
    """The result of a request that was handed back untouched."""
    request = attempt.request
    return EffectResult(
        effect_id=request.effect_id, status="retry", attempt=request.attempt, reason="not begun", retry_at=now
    )


def _again(attempt: Attempt, reason: str, now: Instant, after: float | None = None) -> EffectResult:
    request = attempt.request
    first = now if request.first_failed_at is None else request.first_failed_at
    jitter = jitter_of(request.effect_id, request.attempt)
    at = next_attempt(request.retry or attempt.action.retry, request.attempt, first, now, jitter=jitter, after=after)
    if at is None:
        return _dead(attempt, f"{reason}; given up after {request.attempt} attempts")
    return EffectResult(
        effect_id=request.effect_id, status="retry", attempt=request.attempt, reason=reason, retry_at=at
    )


def _dead(attempt: Attempt, reason: str) -> EffectResult:
    request = attempt.request
    return EffectResult(effect_id=request.effect_id, status="dead", attempt=request.attempt, reason=reason)


def _in_doubt(attempt: Attempt, reason: str) -> EffectResult:
    request = attempt.request
    return EffectResult(effect_id=request.effect_id, status="in_doubt", attempt=request.attempt, reason=reason)


def _reason(error: BaseException, attempt: Attempt) -> str:
    """The error as one line without secrets, since reasons are stored, listed and logged."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, DeliveryError):
        text = error.render().replace("\n  help: ", "; ")
    for secret in sorted(_secrets(attempt.request.config), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join(text.replace("\0", " ").encode("utf-8", "replace").decode().split())  # as every store can keep it
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"


def _secrets(config: Fields) -> set[str]:
    """The values in a plugin's configuration that stand under a key such as `password`."""
    found: set[str] = set()
    for key, value in config.items():
        if _SECRET_KEY.search(key):
            found.update(_texts(value))
        elif isinstance(value, Mapping):
            found.update(_secrets(value))
    return found


def _texts(value: Json) -> set[str]:
    if isinstance(value, str):
        return {value} if len(value) >= 4 else set()
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return {text for one in values for text in _texts(one)}
