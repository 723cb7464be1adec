"""No question that is asked while events flow reads a whole table."""

from __future__ import annotations

import pytest

from retain.model import Record
from retain.store.rows import Batch, Merge, PauseRow
from retain.store.store import Store
from retain.store.tables import metadata
from store_help import T0, alias, effect, identify, message, run

LARGE = {"e", "s", *metadata.tables} - {"failed_events", "counters", "sources", "pauses", "schedules", "watches"}


class Watched:
    """A store whose statements are noted, with their values, while it is used."""

    def __init__(self):
        self.store = Store.in_memory()
        self.statements = []
        with self.store._db.read() as session:
            self.driver = session.driver
        self.driver.set_trace_callback(self.statements.append)

    def plans(self):
        """Each noted statement with the steps that SQLite takes for it."""
        self.driver.set_trace_callback(None)
        queries = [
            one for one in dict.fromkeys(self.statements) if one.startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))
        ]
        return [(query, [row[3] for row in self.driver.execute(f"EXPLAIN QUERY PLAN {query}")]) for query in queries]

    def scans(self):
        """The steps that read a whole table or a whole index, unless it is small by its nature."""
        steps = [(step.split(), query) for query, steps in self.plans() for step in steps]
        return [(words, query) for words, query in steps if words[0] == "SCAN" and words[1] in LARGE]


@pytest.fixture
def watched():
    made = Watched()
    yield made
    made.store.close()


def test_acceptance_reads_by_index(watched):
    store = watched.store
    store.accept([message(user_id="1"), message(anonymous_id="a"), message(email="a@example.test")], T0)
    store.accept([identify(user_id="1", anonymous_id="a"), alias("a@example.test", "1"), message(id="m")], T0)
    store.accept([message(id="m")], T0)
    assert watched.scans() == []


def test_facts_are_read_by_index(watched):
    store, ids = watched.store, [1, 2, 3]
    store.undecided(10)
    store.next_undecided()
    store.undecided_customers()
    store.customers(ids)
    store.customer_ids_after(0, 10)
    store.active_runs(ids, {"cart": T0})
    store.runs_by_id(["a"])
    store.run_ids_exist(["a"])
    store.history(ids, {"order_completed": T0, "customer_updated": None}, 5)
    store.sends(ids, T0)
    store.consents(ids)
    store.suppressed("email", ["a"])
    store.pending_effects_of(["a"])
    store.effects_by_id(["a"])
    store.starts_since("cart", T0)
    store.records_of(ids, ["task"])
    store.record("task", "a")
    store.count_by_owner("task")
    store.customer_at(1, T0)
    assert watched.scans() == []


def test_due_work_is_read_in_the_order_of_an_index_of_what_waits(watched):
    store = watched.store
    store.due_runs(T0, 10, {"held"})
    store.due_customers(T0, 10)
    store.due_effects(T0, 10, ["email.send"])
    store.next_due({"held"})
    used = {step.split(" USING ")[-1].split(" (")[0] for _, steps in watched.plans() for step in steps}
    assert used <= {
        f"{kind} {name}"
        for kind in ("INDEX", "COVERING INDEX")
        for name in ("runs_wake", "customers_recheck", "effects_due")
    }


def test_effects_that_a_dead_process_left_are_found_by_index(watched):
    watched.store.in_doubt_on_start()
    assert watched.scans() == []


def test_a_commit_finds_its_rows_by_index(watched):
    store = watched.store
    store.accept([message(user_id="1"), message(user_id="2")], T0)
    store.commit(Batch(watermark=2, runs=[run()], effects=[effect()], records=[Record(kind="task", id="a")]))
    store.commit(
        Batch(
            merges=[Merge(1, 2, T0)],
            cancel_effects_of=[("r1", "merged")],
            records=[Record(kind="task", id="a", version=1)],
            pauses=[PauseRow("rule", "a", False, "", "", T0)],
            quarantined=[(1, "x")],
        )
    )
    store.retry_failed([1], T0)
    assert watched.scans() == []


def test_what_people_ask_about_one_customer_or_rule_is_read_by_index(watched):
    store = watched.store
    store.find_customer("1")
    store.identities_of(1)
    store.list_runs(customer=1)
    store.list_runs(rule="cart")
    store.list_effects(customer=1)
    store.list_effects(rule="cart", since=T0)
    store.decisions_of(customer=1)
    store.decisions_of(rule="cart", since=T0)
    store.events_of(1)
    store.event(1)
    store.events_after(0, 10)
    store.summaries_of([1])
    store.rule_stats("cart")
    assert watched.scans() == []
