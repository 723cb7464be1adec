"""Facts for a batch, in a fixed handful of queries whatever its size."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from retain.decide.facts import CustomerFacts, Facts
from retain.decide.watches import look_first
from retain.errors import DecisionError
from retain.language.condition import Needs
from retain.language.load.files import load_revision
from retain.language.plan import Plan
from retain.language.rules import Rule
from retain.language.scope import History
from retain.language.time.schedules import zone_of
from retain.model import Fields, Instant, Run
from retain.store.rows import CustomerRow
from retain.store.store import Store

_decode = msgspec.json.Decoder().decode


def decode(body: bytes) -> Fields:
    """The fields of a stored event."""
    fields: Fields = _decode(body)
    return fields


def load_customers(store: Store, facts: Facts, ids: Collection[int], at: Instant) -> None:
    """Fill the working set with everything that deciding about these customers may read.

    Whom the backfill of a new watch has not reached, it looks at here, before anything is decided about them.

    Args:
        at: the earliest instant that will be decided; windows reach back from it.
    """
    wanted = sorted(customer for customer in ids if customer not in facts.customers)
    if not wanted:
        return
    if 0 in wanted:
        facts.nobody()
    at = min([at, *(first.since for first in facts.first_looks.values())])
    watermark = store.watermark()
    everybody = wanted
    if facts.recall is not None and (recalled := facts.recall(wanted, at)):
        wanted = [customer for customer in wanted if customer not in recalled]
        for customer in recalled.values():
            customer.is_new = customer.first_seq > store.mark_of(customer.id, watermark)
        facts.customers.update(recalled)
    _load(store, facts, wanted, watermark, at)
    _load_suppressed(store, facts, everybody)
    kinds = record_kinds(facts.plan)
    if kinds:
        facts.records.load(store.records_of(everybody, kinds))
    if facts.first_looks:
        for number in everybody:
            look_first(facts, facts.customer(number))


def _load(store: Store, facts: Facts, wanted: list[int], watermark: int, at: Instant) -> None:
    for row in store.customers(wanted).values():
        facts.customers[row.id] = _customer(row, facts.plan, store.mark_of(row.id, watermark), at)
    runs = store.active_runs(wanted, {rule: at - longest for rule, longest in facts.plan.counted.items()})
    for run in runs:
        facts.customers[run.customer].runs[run.id] = run
    pinned = load_pinned(store, facts.plan, runs)
    needs = Needs.union(facts.plan.needs, *(rule.needs for rule in pinned)) if pinned else facts.plan.needs
    if needs.events:
        since = {name: None if far is None else at - far for name, far in needs.events.items()}
        for customer, name, occurred_at, body in store.history(wanted, since, watermark):
            facts.customers[customer].history.add(name, occurred_at, body)
    _load_messaging(store, facts, wanted, at)


def load_pinned(store: Store, plan: Plan, runs: Iterable[Run]) -> list[Rule]:
    """The older texts that these runs are pinned to; loaded from the store where they are met first."""
    found: dict[str, Rule] = {}
    for run in runs:
        current = plan.rules.get(run.rule)
        if current is not None and current.revision == run.revision:
            continue
        rule = plan.revisions.get(run.revision)
        if rule is None:
            rule = _load_one(store, plan, run)
            plan.pin(rule)
        found[run.revision] = rule
    return list(found.values())


def _load_one(store: Store, plan: Plan, run: Run) -> Rule:
    stored = store.load_revision(run.revision)
    if stored is None:
        raise DecisionError(
            f"revision {run.revision} of rule {run.rule} is not in the store",
            where=f"run {run.id}",
            cure="restore the store from a backup that has it, or stop the run: retain runs stop",
        )
    _, source = stored
    return load_revision(_decode(source.encode()), plan.schema, plan.registry, plan.ruleset)


def record_kinds(plan: Plan) -> list[str]:
    """The kinds of records that actions of the plan read or write."""
    return sorted({kind for action in plan.registry.actions.values() for kind in action.record_kinds})


def load_shared_records(store: Store, facts: Facts) -> None:
    """Shared records and counts by owner, read once and then kept up to date in memory."""
    kinds = record_kinds(facts.plan)
    shared = [kind for kind in kinds if (known := facts.plan.registry.record_kinds.get(kind)) and known.shared]
    if shared:
        facts.records.load(store.shared_records(shared))
    for kind in kinds:
        facts.records.load_counts(kind, store.count_by_owner(kind))


def _customer(row: CustomerRow, plan: Plan, watermark: int, at: Instant) -> CustomerFacts:
    return CustomerFacts(
        row.id,
        row.key,
        row.fields,
        row.stamps,
        row.first_seen,
        zone_of(row.fields, plan.defaults.zone),
        row.watches,
        row.recheck_at,
        row.first_seq,
        row.first_seq > watermark,
        History(decode),
        known_since=at,
    )


def _load_messaging(store: Store, facts: Facts, ids: list[int], at: Instant) -> None:
    policies = facts.plan.ruleset.policies.values()
    if not policies:
        return
    for (customer, purpose), (granted, answered_at) in store.answers(ids).items():
        facts.customers[customer].answer(purpose, granted, answered_at)
    longest = max((cap.per for policy in policies for cap in policy.caps), default=0)
    if longest:
        for customer, sent_on, sent_at, arm in store.sends(ids, at - longest):
            facts.customers[customer].sends.append((sent_at, sent_on, arm))


def _load_suppressed(store: Store, facts: Facts, ids: list[int]) -> None:
    for policy in facts.plan.ruleset.policies.values():
        channel = facts.plan.registry.channels.get(policy.channel)
        if channel is None:
            continue
        addresses = {
            address.casefold()
            for customer in ids
            if isinstance(address := facts.customers[customer].fields.get(channel.address_field), str)
        }
        facts.suppressed.setdefault(policy.channel, set()).update(store.suppressed(policy.channel, sorted(addresses)))
