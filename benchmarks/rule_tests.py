"""CPU seconds of a thousand tests beside rules, each through the whole engine and a store in memory.

The tests of the shipped rules again and again under other names; the whole command from outside, the start included.
Run: python benchmarks/rule_tests.py [--quick]
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from check_1000_rules import PACKS
from processes import RETAIN, cpu_of
from report import Figure, arguments, report

TESTS, LIMIT_S = 1_000, 10.0
_TEST = re.compile(r"^  (\S[^\n]*):\n(?=    rule:)", re.MULTILINE)


def fill(folder: Path) -> int:
    """Add copies of the project's tests until there are enough; how many there are."""
    found = [part for path in sorted(folder.glob("tests/*.yaml")) for part in _tests(path.read_text())]
    count = len(found)
    for copy in range((TESTS - count) // len(found) + 1):
        more = found[: TESTS - count]
        texts = [f"  copy {copy} of {name}:\n{body}" for name, body in more]
        (folder / f"tests/copy-{copy:03}.yaml").write_text("version: 1\ntests:\n" + "".join(texts))
        count += len(more)
    return count


def _tests(text: str) -> list[tuple[str, str]]:
    parts = _TEST.split(text.partition("\ntests:\n")[2])
    return list(zip(parts[1::2], parts[2::2], strict=True))


def main() -> int:
    """Make the project, run its tests a few times."""
    args = arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        folder = Path(parent) / "shop"
        packs = [word for pack in PACKS for word in ("--pack", pack)]
        subprocess.run([RETAIN, "init", str(folder), *packs], check=True, stdout=subprocess.DEVNULL)
        tests = fill(folder)
        seconds = median(cpu_of([RETAIN, "--project", str(folder), "test"]) for _ in range(1 if args.quick else 3))
    figure = Figure("retain test", f"{seconds:.2f} s CPU", f"{tests:,} tests", seconds, LIMIT_S)
    return report(args, [figure])


if __name__ == "__main__":
    raise SystemExit(main())
