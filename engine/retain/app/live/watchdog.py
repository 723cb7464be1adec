"""A decision that never ends: named, and put aside after it has ended the process twice.

Python cannot stop a thread, so a plugin's pure function that loops would stop everything for ever. What is being
decided stands in a file that the system keeps however the process ends; a process that died while it decided something
notes that at its next start, and what was found at two such ends is not decided any more but put aside.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from retain.errors import DecisionError
from retain.registry import Registry

LIMIT_S = 5.0
DEATHS = 2
_TICK_S = 0.25
_SIZE = 256
log = structlog.get_logger("retain.watchdog")


def end_process() -> None:
    """End the process at once; whatever supervises it starts it again."""
    sys.stderr.flush()
    os._exit(2)


class Watchdog:
    """Knows what is being decided (see `pipeline.options.Guard`).

    Args:
        folder: where the two side files are kept.
        registry: to name the plugin that a decision hangs in.
        limit_s: how long one decision may take.
        give_up: what ends the process.
    """

    def __init__(
        self, folder: Path, registry: Registry, *, limit_s: float = LIMIT_S, give_up: Callable[[], None] = end_process
    ) -> None:
        self._suspects_file = folder / "suspects.json"
        self._registry = registry
        self._limit_s = limit_s
        self._give_up = give_up
        self._suspects = _read_suspects(self._suspects_file)
        self._name = ""
        self._count = 0  # of decisions that have begun
        self._cleared: set[str] = set()
        self._thread = 0
        self._closed = threading.Event()
        self._mark = _open_mark(folder / "deciding")
        found = _marked(self._mark)
        if found:
            self._suspects[found] = self._suspects.get(found, 0) + 1
            log.warning("died_while_deciding", item=found, times=self._suspects[found])
            self._save()
            self._write("")

    @property
    def poisoned(self) -> list[str]:
        """What is put aside instead of being decided."""
        return sorted(name for name, deaths in self._suspects.items() if deaths >= DEATHS)

    def start(self) -> None:
        """Begin to watch, from the thread that decides."""
        self._thread = threading.get_ident()
        threading.Thread(target=self._watch, name="retain-watchdog", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def begin(self, name: str) -> None:
        """A decision begins.

        Raises:
            DecisionError: it has ended the process twice.
        """
        if self._suspects and name in self._suspects:
            if self._suspects[name] >= DEATHS:
                raise DecisionError(f"the process ended {self._suspects[name]} times while this was decided")
            self._cleared.add(name)
        self._name = name
        self._count += 1
        self._write(name)

    def end(self) -> None:
        """All decisions that have begun have ended."""
        self._name = ""
        self._write("")
        if self._cleared:
            for name in self._cleared:
                self._suspects.pop(name, None)
            self._cleared.clear()
            self._save()

    def _write(self, name: str) -> None:
        if self._mark is not None:
            data = name.encode()[: _SIZE - 1]
            self._mark[1 : 1 + len(data)] = data
            self._mark[0] = len(data)

    def _save(self) -> None:
        try:
            self._suspects_file.write_text(json.dumps(self._suspects), encoding="utf-8")
        except OSError as error:
            log.warning("suspects_not_kept", reason=str(error))

    def _watch(self) -> None:
        """Count ticks, not seconds: a machine that slept has not decided slowly."""
        seen, ticks = 0, 0
        while not self._closed.wait(_TICK_S):
            if not self._name or self._count != seen:
                seen, ticks = self._count, 0
                continue
            ticks += 1
            if ticks * _TICK_S >= self._limit_s:
                self._report()
                self._give_up()
                seen, ticks = 0, 0

    def _report(self) -> None:
        frame = sys._current_frames().get(self._thread)
        stack = traceback.extract_stack(frame) if frame is not None else traceback.StackSummary()
        log.error(
            "decision_hangs",
            item=self._name,
            seconds=self._limit_s,
            plugin=_plugin_in(stack, self._registry),
            at=" < ".join(f"{entry.name} ({Path(entry.filename).name}:{entry.lineno})" for entry in stack[-1:-6:-1]),
            cure="its functions must be short and pure; the process ends now",
        )


def _plugin_in(stack: traceback.StackSummary, registry: Registry) -> str:
    """The plugin whose code stands innermost in a stack; "" where it is none's."""
    files: dict[str, str] = {}
    for action in registry.actions.values():
        code = getattr(action.apply or action.run, "__code__", None)
        if code is not None:
            files[str(Path(code.co_filename).parent)] = action.plugin
    for entry in reversed(stack):
        found = files.get(str(Path(entry.filename).parent))
        if found:
            return found
    return ""


def _open_mark(path: Path) -> mmap.mmap | None:
    """The file that says what is being decided, written in full so that a full disk cannot make a hole in it."""
    try:
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.stat().st_size != _SIZE:
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), _SIZE)
    except OSError as error:
        log.warning("no_mark", reason=str(error))
        return None


def _marked(mark: mmap.mmap | None) -> str:
    return "" if mark is None else mark[1 : 1 + mark[0]].decode(errors="replace")


def _read_suspects(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {str(name): deaths for name, deaths in found.items() if isinstance(deaths, int)}
