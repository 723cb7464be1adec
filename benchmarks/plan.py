"""`retain plan`, the whole command: one edited rule over the purchases of the demo, 69,659 orders of 23,570 customers.

All shipped rules play on both sides, over the last 90 days and the 30 to come. Run: python benchmarks/plan.py [--quick]
"""

from __future__ import annotations

import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from processes import PLAIN, RETAIN
from report import Figure, arguments, report

from retain.app.simulation.demo import demo_project
from retain.resources import resource as shipped

AIM_S = 10.0
RULE, BEFORE, AFTER = "churn-alert.yaml", "health(order_completed, 30d) < 40", "health(order_completed, 30d) < 35"


def main() -> int:
    """Edit one rule, and ask whom it touches."""
    args = arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        before, after = Path(parent) / "before", Path(parent) / "after"
        for folder in (before, after):
            demo_project(folder)
        rule = after / "rules" / RULE
        text = rule.read_text()
        assert BEFORE in text
        rule.write_text(text.replace(BEFORE, AFTER))
        data = shipped("rules") / "demo"
        past = ["--events", data / "data" / "purchases.csv.gz", "--mapping", data / "purchases.mapping.yml"]
        command = [RETAIN, "--project", after, "plan", "--against", before, *past, "--json"]
        began = time.perf_counter()
        done = subprocess.run(list(map(str, command)), env=PLAIN, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(done.stdout)
    assert told["touched"], "the edit touches nobody"
    about = f"{len(told['touched'])} people touched; {used.ru_utime + used.ru_stime:.1f} s of CPU"
    bound = None if args.quick else AIM_S
    return report(args, [Figure("plan over the demo's purchases", f"{seconds:.1f} s", about, seconds, bound)])


if __name__ == "__main__":
    raise SystemExit(main())
