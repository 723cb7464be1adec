"""CPU seconds of `retain check` over 1,000 rules: the shipped ones, again and again under other names and numbers.

The whole command from outside, the start of Python and of the plugins included.
Run: python benchmarks/check_1000_rules.py [--quick]
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from processes import RETAIN, cpu_of
from report import Figure, arguments, report

RULES, LIMIT_S = 1_000, 2.0
PACKS = (
    "abandoned-cart", "birthday", "churn-alert", "lead-assignment", "loyalty-tiers", "nps-follow-up", "onboarding",
    "win-back",
)  # fmt: skip
_RULE = re.compile(r"^  ([a-z][a-z0-9-]*):\n(?=    (?:allow|description):)", re.MULTILINE)


def fill(folder: Path) -> int:
    """Add copies of the project's rules until there are enough; how many lines there are.

    Copies have no tests and write to the same customers, which each says that it means.
    """
    files = sorted(folder.glob("rules/*.yaml"))
    for path in files:
        path.write_text(_RULE.sub(r"\g<0>    allow: [W216, W220]\n", path.read_text()))
    rules = [part for path in files for part in _rules(path.read_text())]
    missing = RULES - len(rules)
    for copy in range(missing // len(rules) + 1):
        texts = [f"  {rule}-{copy}:\n{_varied(body, copy)}" for rule, body in rules[: missing - copy * len(rules)]]
        (folder / f"rules/copy-{copy:03}.yaml").write_text("version: 1\nrules:\n" + "".join(texts))
    return sum(path.read_text().count("\n") for path in folder.glob("rules/*.yaml"))


def _rules(text: str) -> list[tuple[str, str]]:
    parts = _RULE.split(text.partition("\nrules:\n")[2])
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _varied(body: str, copy: int) -> str:
    """The same rule with other thresholds, so that no text is met twice."""
    return re.sub(r"(>=|<=|<|>) (\d+)\b", lambda found: f"{found[1]} {int(found[2]) + copy}", body)


def main() -> int:
    """Make the project, check it a few times."""
    args = arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        folder = Path(parent) / "shop"
        packs = [word for pack in PACKS for word in ("--pack", pack)]
        subprocess.run([RETAIN, "init", str(folder), *packs], check=True, stdout=subprocess.DEVNULL)
        lines = fill(folder)
        command = [RETAIN, "--project", str(folder), "check"]
        cpu_of(command)  # warms up
        seconds = median(cpu_of(command) for _ in range(1 if args.quick else 5))
    against = f"{RULES:,} rules, {lines:,} lines"
    return report(args, [Figure("retain check", f"{seconds:.2f} s CPU", against, seconds, LIMIT_S)])


if __name__ == "__main__":
    raise SystemExit(main())
