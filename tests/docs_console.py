"""A page carried out as a reader would: its files written, its commands run, what they print compared.

`<!-- file: rules/first.yaml -->` before a block writes it into the current folder. In a `console` block a line that
begins with `$ ` is a command for the shell; the lines up to the next one are what it must print, where `...` stands for
anything. A command that ends in ` &` runs until the page is done, and `<!-- said by 1 -->` stands before what the first
of them must print. `<!-- fails -->` before a block: its last command must not succeed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from docs_help import Block, blocks

SHELL = "/bin/bash"
TIME_LIMIT_S = 60.0
PATIENCE_S = 60.0  # until a daemon has done what it was told
READY = ("ready", "listening")
LOOKING = ("retain runs", "retain customers", "retain status", "retain explain", "retain effects list")


@dataclass
class Reader:
    """Somebody who works through a page, in a folder.

    Args:
        instead: texts of the page that are replaced, such as a port that may be taken on this machine.
        after: what else is done after a command, by the command.
    """

    folder: Path
    instead: Mapping[str, str] = field(default_factory=dict)
    after: dict[str, Callable[[Path], None]] = field(default_factory=dict)
    background: list[tuple[subprocess.Popen[str], Path]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def work_through(self, page: str) -> list[str]:
        """Carry out the whole page; where what happened differs from what it says."""
        try:
            for block in blocks(page):
                if block.note.startswith("file: "):
                    self._write(block)
                elif block.note.startswith("said by "):
                    self._listen(block)
                elif block.lang == "console":
                    self._carry_out(block)
        finally:
            self._stop()
        return self.differences

    def _write(self, block: Block) -> None:
        path = self.folder / block.note.removeprefix("file: ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._replaced(block.text), encoding="utf-8")

    def _carry_out(self, block: Block) -> None:
        entries = commands_of(self._replaced(block.text))
        for number, (command, expected) in enumerate(entries, 1):
            if command.endswith(" &"):
                self._start(command.removesuffix(" &"))
                continue
            code, printed = self._run(command)
            patient_until = time.monotonic() + PATIENCE_S
            while not fits(printed, expected) and self._may_change(command) and time.monotonic() < patient_until:
                time.sleep(0.2)
                code, printed = self._run(command)
            self.after.get(command, lambda folder: None)(self.folder)
            must_fail = block.note == "fails" and number == len(entries)
            if (code != 0) != must_fail:
                self.differences.append(f"{block.id}: $ {command}\nexit code {code}\n{printed}")
            elif not fits(printed, expected):
                self.differences.append(f"{block.id}: $ {command}\nprinted\n{printed}\ninstead of\n{expected}")

    def _may_change(self, command: str) -> bool:
        return bool(self.background) and command.startswith(LOOKING)

    def _run(self, command: str) -> tuple[int, str]:
        if command.startswith("cd "):
            self.folder = self.folder / command.removeprefix("cd ")
            return (0, "") if self.folder.is_dir() else (1, f"no folder {self.folder}")
        done = subprocess.run(
            [SHELL, "-c", command],
            cwd=self.folder,
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIME_LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout

    def _start(self, command: str) -> None:
        """Start a command and wait until it says that it is ready."""
        log = self.folder.resolve().parent / f"background-{len(self.background)}.log"
        process = subprocess.Popen(
            [SHELL, "-c", f"exec {command} >{log} 2>&1"], cwd=self.folder, env=environment(), text=True
        )
        self.background.append((process, log))
        patient_until = time.monotonic() + TIME_LIMIT_S
        while process.poll() is None and time.monotonic() < patient_until:
            if log.is_file() and any(word in log.read_text() for word in READY):
                return
            time.sleep(0.05)
        self.differences.append(f"$ {command} &\nis not ready\n{log.read_text()}")

    def _listen(self, block: Block) -> None:
        _, log = self.background[int(block.note.removeprefix("said by ")) - 1]
        patient_until = time.monotonic() + PATIENCE_S
        while not fits(log.read_text(), f"...{block.text}..."):
            if time.monotonic() > patient_until:
                self.differences.append(f"{block.id}: not said:\n{block.text}\nbut\n{log.read_text()}")
                return
            time.sleep(0.1)

    def _stop(self) -> None:
        for process, _ in reversed(self.background):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process, _ in self.background:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _replaced(self, text: str) -> str:
        for old, new in self.instead.items():
            text = text.replace(old, new)
        return text


def commands_of(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it must print; a `\\` continues a command on the next line."""
    entries: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            entries.append([line.removeprefix("$ "), ""])
        elif entries and not entries[-1][1] and entries[-1][0].endswith("\\"):
            entries[-1][0] += "\n" + line
        elif entries:
            entries[-1][1] += line + "\n"
    return [(command, printed) for command, printed in entries]


def fits(printed: str, expected: str) -> bool:
    """Whether a text is what is expected; an empty expectation is any text, and the width of columns does not count."""
    pattern = re.escape(_trimmed(expected) or "...").replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(re.sub(" {2,}", "  ", line.rstrip()) for line in text.strip().splitlines())


def environment() -> dict[str, str]:
    """The reader's: this Python's commands first, no colours, 100 columns."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RETAIN_", "PYTEST_", "COV_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TZ": "UTC", "PYTHONUNBUFFERED": "1"}
