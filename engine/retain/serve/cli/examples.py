"""An example or two for each command: the end of its `--help`, and part of its page in the reference."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": ("retain init shop", "retain init shop --pack onboarding --pack win-back"),
    "demo": ("retain demo",),
    "docs": ("retain docs wait", "retain docs email.send", "retain docs E102"),
    "check": ("retain check", "retain check rules/win-back.yaml --strict", "retain check --format github"),
    "test": ("retain test", "retain test -k refund --coverage", "retain test --record abandoned-cart 17"),
    "simulate": ("retain simulate", "retain simulate --events orders.jsonl --from 2026-01-01 --html report.html"),
    "plan": ("retain plan", "retain plan --against origin/main --max-affected 500", "retain plan --against running"),
    "compare": ("retain compare win-back HEAD~1", "retain compare win-back win-back-shadow --recorded"),
    "explain": (
        "retain explain abandoned-cart 17",
        'retain explain abandoned-cart 17 --at "2026-11-21 10:00"',
        "retain explain abandoned-cart 17 --with customer.email=ada@example.com",
        "retain explain --why-not abandoned-cart",
    ),
    "history": ("retain history 17 --since -30d", "retain history ada@example.com --rule abandoned-cart"),
    "import": ("retain import orders.jsonl.gz", "retain import orders.csv --mapping orders.yaml --dry-run"),
    "consents import": ("retain consents import consents.csv --source newsletter",),
    "export": ("retain export --out sample.jsonl.gz --sample 1000 --since 365d",),
    "suppressions import": ("retain suppressions import bounces.csv",),
    "run": ("retain run", "retain run --listen 127.0.0.1:9000"),
    "reload": ("retain reload",),
    "status": ("retain status", "retain status --json"),
    "doctor": ("retain doctor",),
    "pause": ('retain pause --rule abandoned-cart --reason "wrong letter"', "retain pause --all"),
    "resume": ("retain resume --rule abandoned-cart", "retain resume --all --drop"),
    "customers show": ("retain customers show 17", "retain customers show ada@example.com --at yesterday"),
    "segments list": ("retain segments list",),
    "segments show": ("retain segments show vip --explain", "retain segments show vip --ids"),
    "rules list": ("retain rules list",),
    "rules show": ("retain rules show abandoned-cart",),
    "rules stats": ("retain rules stats", "retain rules stats abandoned-cart"),
    "rules pause": ('retain rules pause abandoned-cart --reason "wrong letter"',),
    "rules resume": ("retain rules resume abandoned-cart", "retain rules resume abandoned-cart --drop --yes"),
    "rules revisions": ("retain rules revisions abandoned-cart",),
    "rules diff": ("retain rules diff abandoned-cart", "retain rules diff abandoned-cart be9257 46a7b7"),
    "rules rollback": ("retain rules rollback abandoned-cart --dry-run", "retain rules rollback abandoned-cart be9257"),
    "runs list": ("retain runs list --rule abandoned-cart --state waiting", "retain runs list --customer 17"),
    "runs show": ("retain runs show 6e197e52157b34c59146",),
    "runs retry": ("retain runs retry --rule abandoned-cart", "retain runs retry 6e197e52157b34c59146"),
    "runs stop": ('retain runs stop 6e197e52157b34c59146 --reason "asked by phone"',),
    "effects list": ("retain effects list --state dead --since -2d", "retain effects list --csv"),
    "effects retry": ("retain effects retry --rule abandoned-cart", "retain effects retry 6e197e52157b34c59146.1"),
    "effects drop": ("retain effects drop 6e197e52157b34c59146.1", "retain effects drop --all --until yesterday"),
    "effects confirm": ("retain effects confirm 6e197e52157b34c59146.1 --output code=SAVE10",),
    "events failed list": ("retain events failed list",),
    "events failed retry": ("retain events failed retry 1204", "retain events failed retry --all"),
    "events failed drop": ("retain events failed drop 1204",),
    "rejects list": ("retain rejects list --source website",),
    "audit": ("retain audit --since -7d", "retain audit --who ada"),
    "tasks list": ("retain tasks list --owner ada@example.com",),
    "tasks close": ("retain tasks close 7be21f0c2a9d4560 --outcome reached",),
    "config show": ("retain config show",),
    "db check": ("retain db check",),
    "db upgrade": ("retain db upgrade",),
    "db index": ("retain db index",),
    "db copy": ("retain db copy retain.db env:RETAIN_DATABASE",),
    "plugins": ("retain plugins",),
    "schema": ("retain schema > schemas/rules.schema.json", "retain schema --config"),
}


def epilog_of(path: str) -> str | None:
    """The last lines of a command's help; None where there is no example."""
    lines = EXAMPLES.get(path, ())
    head = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", head, *(f"  {line}" for line in lines)]) if lines else None
