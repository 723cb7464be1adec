"""How often Python looks for garbage: never while rules are loaded, rarely while the engine decides."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 50_000  # new objects until the next look: a batch makes that many, nearly all gone by themselves


@contextmanager
def rare_collection() -> Iterator[None]:
    """Leave what is loaded out of every search for garbage, and search rarely.

    Rules, compiled conditions and libraries live as long as the process. Walking through them took a third of the time
    of a decision; what decisions make is freed by counting references, as it holds no cycles.
    """
    before = gc.get_threshold()
    ours = gc.get_freeze_count() == 0  # what somebody froze before stays frozen
    if ours:
        gc.collect()
        gc.freeze()
    gc.set_threshold(_YOUNG, 20, 100)
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()
        gc.set_threshold(*before)


@contextmanager
def no_collection() -> Iterator[None]:
    """Look for no garbage while something is loaded that stays."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if gc.get_freeze_count() == 0:  # what somebody froze stays frozen
                gc.freeze()
                gc.unfreeze()  # old at once: or the next look would walk through all that was loaded
            gc.enable()
