"""How often Python looks for garbage while the engine decides."""

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
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 100)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
