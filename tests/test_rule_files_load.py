"""Rule files as rules: what a rule set holds, what is left out and why, and what a waiting run is pinned to."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from textwrap import dedent

import pytest

from retain.instants import DAY, HOUR
from retain.language.load.files import load_revision, load_rules
from retain.language.rules import (
    ActionStep,
    BecomesTrigger,
    EmitStep,
    EventTrigger,
    Goal,
    Limit,
    QuietHours,
    Runs,
    ScheduleTrigger,
    SetStep,
    SplitStep,
    StopStep,
    WaitForStep,
    WaitStep,
)
from retain.language.steps import walk
from retain.model import digest
from retain.registry import Function
from rule_file_help import REGISTRY, SHARED, SHOP, load, load_clean, one_rule

ABANDONED_CART = """
    version: 1
    rules:
      abandoned-cart:
        description: Three reminders, stopped by an order or an emptied cart.
        when: {event: cart_updated}
        if:
          - event.total >= 20
          - customer.email is present
        runs: {per: event.cart_id, mode: queue, at_most: 1 per 7d}
        exit_when:
          - {event: order_completed}
          - {event: cart_emptied, same: [cart_id]}
        then:
          - wait: 1h
          - email.send: {template: hello}
          - wait: 23h
          - email.send: {template: hello}
          - wait: 2d
          - if: [event.total >= 100]
            then:
              - task.create: {title: Coupon of 10 percent}
                id: coupon
              - email.send: {template: code, data: {code: "{{ steps.coupon.task_id }}"}}
            else:
              - email.send: {template: hello}
    """


def test_the_abandoned_cart_rule_loads_without_a_word() -> None:
    rule = load_clean(ABANDONED_CART).rules["abandoned-cart"]
    assert rule.runs == Runs(per="event.cart_id", mode="queue", at_most=Limit(count=1, per=7 * DAY))
    assert [step.path for step in walk(rule.steps)] == [
        "then[0]", "then[1]", "then[2]", "then[3]", "then[4]", "then[5]",
        "then[5].then[0]", "then[5].then[1]", "then[5].else[0]",
    ]  # fmt: skip
    assert rule.condition is not None
    assert [(clause.path, clause.text) for clause in rule.condition.clauses] == [
        ("if[0]", "event.total >= 20"),
        ("if[1]", "customer.email is present"),
    ]
    assert rule.needs.event_fields == {"total", "cart_id"}


THE_EXAMPLE = """
    version: 1
    rules:
      abandoned-cart:
        description: Three reminders, stopped by an order or an emptied cart.
        when: {event: cart_updated}
        if:
          - event.total >= 20
          - customer.email is present
        runs: {per: event.cart_id, mode: restart, at_most: 1 per 7d}
        exit_when:
          - {event: order_completed, same: [cart_id]}
          - {event: cart_emptied, same: [cart_id]}
        then:
          - wait: 1h
          - email.send: {template: cart-reminder}
          - wait: 23h
          - email.send: {template: cart-benefits}
          - wait: 2d
          - if: [event.total >= 100]
            then:
              - coupon.create: {percent: 10, expires_in: 5d}
                id: coupon
              - email.send: {template: cart-coupon, data: {code: "{{ steps.coupon.code }}"}}
            else:
              - email.send: {template: cart-last-call}
"""


def test_the_example_of_the_language_has_no_error_and_the_two_warnings_it_deserves() -> None:
    coupon = replace(
        REGISTRY.actions["task.create"],
        name="coupon.create",
        inputs={"type": "object", "properties": {"percent": {"type": "integer"}, "expires_in": {"type": "string"}}},
        output={"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
    )
    registry = replace(REGISTRY, actions={**REGISTRY.actions, "coupon.create": coupon})
    ruleset, problems = load_rules([("shared.yaml", SHARED), ("rules.yaml", dedent(THE_EXAMPLE))], SHOP, registry)
    assert list(ruleset.rules) == ["abandoned-cart"]
    assert [(problem.code, problem.place.line) for problem in problems] == [("W204", 10), ("W210", 12)]


def test_every_key_of_a_rule_has_its_place() -> None:
    rule = one_rule(
        """
        version: 1
        rules:
          r:
            owner: ada
            tags: [a, b]
            status: shadow
            was: old
            when:
              - {event: Signed Up, if: [event.plan == 'pro']}
              - {becomes: [count(order_completed) >= 3], for: 2d, backfill: true}
            goal: {event: order_completed, within: 14d}
            holdout: 12.5%
            breaker: 100 per 1h
            liveness: 5 runs per 1d
            on_change: exit
            then: [stop: true]
        """
    )
    first, second = rule.triggers
    assert isinstance(first, EventTrigger)
    assert (first.event, first.path) == ("signed_up", "when[0]")
    assert isinstance(second, BecomesTrigger)
    assert (second.held, second.backfill, second.watch) == (2 * DAY, True, digest("old", second.condition.key))
    assert isinstance(rule.goal, Goal)
    assert (rule.goal.within, rule.holdout) == (14 * DAY, 0.125)
    assert (rule.breaker, rule.liveness) == (Limit(count=100, per=HOUR), Limit(count=5, per=DAY))
    assert (rule.owner, rule.tags, rule.status, rule.on_change) == ("ada", ("a", "b"), "shadow", "exit")


def test_every_step_of_the_core_has_its_place() -> None:
    rule = one_rule(
        """
        version: 1
        rules:
          r:
            when: {event: cart_updated}
            then:
              - wait: {for: 4h, clock: office}
              - wait: {until: "tomorrow 09:00"}
              - wait: "{{ grace() }}"
              - {wait: 4h, clock: office, id: w}
              - wait_for: {event: task_closed, if: [event.outcome is present]}
                id: closed
                up_to: 3d
                since: start
                then: [task.create: {title: "{{ steps.closed.event.task_id }}"}]
                else: [stop: nobody came]
              - split: {a: {weight: 50, then: [stop: true]}, b: {weight: 50}}
                id: half
              - set: {plan: free, age: null, "address.city": "{{ default(customer.address.city, 'Bonn') }}"}
              - emit: {event: Task Closed, data: {task_id: x, total: "{{ default(event.total, 0) }}"}}
              - emit: signed_up
              - task.create: {title: a}
                retry: {first: 1m, give_up_after: 1d}
                on_error: [stop: failed]
              - stop: done
        """
    )
    business, until, computed, beside, awaited, split, fields, emitted, named, task, stop = rule.steps
    assert isinstance(business, WaitStep)
    assert isinstance(beside, WaitStep)
    assert isinstance(until, WaitStep)
    assert isinstance(computed, WaitStep)
    assert business.duration is not None
    assert (business.duration.literal, business.clock, beside.clock) == (4 * HOUR, "office", "office")
    assert until.until is not None
    assert until.until.literal == "tomorrow 09:00"
    assert isinstance(awaited, WaitForStep)
    assert (awaited.up_to, awaited.since, awaited.trigger.path) == (3 * DAY, "start", "then[4].wait_for")
    assert isinstance(split, SplitStep)
    assert [(branch.name, branch.weight) for branch in split.branches] == [("a", 50), ("b", 50)]
    assert split.branches[0].steps[0].path == "then[5].split.a[0]"
    assert isinstance(fields, SetStep)
    assert isinstance(emitted, EmitStep)
    assert isinstance(named, EmitStep)
    assert (emitted.event, named.event) == ("task_closed", "signed_up")
    assert isinstance(task, ActionStep)
    assert task.retry == {"first_s": 60.0, "give_up_after_s": 86_400.0}
    assert (task.on_error, task.error_steps[0].path) == ("steps", "then[9].on_error[0]")
    assert isinstance(stop, StopStep)
    assert stop.reason == "done"
    assert list(rule.calendars) == ["office"]


def test_schedules_by_cron_and_by_a_date_of_the_customer() -> None:
    ruleset = load_clean(
        """
        version: 1
        rules:
          weekly:
            when: {schedule: {cron: "0 9 * * 1", timezone: Europe/Berlin, each: segment vip, if_missed: skip}}
            then: [stop: true]
          report:
            when: {schedule: {cron: "0 9 * * 1"}}
            then: [log.write: {message: Monday}]
          birthday:
            when: {schedule: {yearly: customer.birth_date, before: 14d, at: "08:30", timezone: customer.timezone}}
            then: [stop: true]
        """
    )
    (weekly,) = ruleset.rules["weekly"].triggers
    assert isinstance(weekly, ScheduleTrigger)
    assert weekly.each is not None
    assert (weekly.timezone, weekly.if_missed) == ("Europe/Berlin", "skip")
    (birthday,) = ruleset.rules["birthday"].triggers
    assert isinstance(birthday, ScheduleTrigger)
    assert birthday.field_schedule is not None
    assert (birthday.field_schedule.offset, birthday.field_schedule.at) == (-14 * DAY, time(8, 30))
    assert birthday.field_schedule.declared == "date"
    assert birthday.timezone_field == "timezone"
    assert ruleset.rules["birthday"].needs.customer == {"birth_date", "timezone"}


def test_definitions_of_all_kinds_are_kept() -> None:
    ruleset = load_clean(
        """
        version: 1
        policies: {}
        tests: {it stops: {rule: r, steps: []}}
        rules: {r: {when: {event: signed_up}, then: [stop: true]}}
        """
    )
    assert ruleset.teams["sales"] == {"members": [{"email": "ada@example.test"}]}
    assert ruleset.tiers["main"]["levels"][1] == {"name": "gold", "from": 100}
    assert ruleset.policies["email"].unknown == "refuse"
    assert ruleset.metrics["spend"].expression.text.startswith("sum(")
    assert ruleset.tests["it stops"]["place"] == {"file": "rules.yaml", "line": 4, "column": 9}


def test_a_policy_has_caps_and_quiet_hours() -> None:
    text = "version: 1\npolicies: {email: {caps: [2 per 7d, 1 per 1d], quiet: '21:00-08:00'}}"
    ruleset, problems = load_rules([("a.yaml", text)], SHOP, REGISTRY)
    assert problems == []
    assert ruleset.policies["email"].caps == (Limit(count=2, per=7 * DAY), Limit(count=1, per=DAY))
    assert ruleset.policies["email"].quiet == QuietHours(start=time(21), end=time(8))


def test_a_rule_with_an_error_is_left_out_and_the_others_stay() -> None:
    ruleset, problems = load(
        """
        version: 1
        rules:
          good: {when: {event: signed_up}, then: [stop: true]}
          bad: {when: {event: signed_up}, if: [customer.contry == 'DE'], then: [stop: true]}
        """
    )
    assert list(ruleset.rules) == ["good"]
    assert ruleset.disabled == {"bad": "rules.yaml:5:40: unknown field customer.contry"}
    assert [problem.code for problem in problems] == ["E102"]


def test_a_warning_disables_nothing() -> None:
    ruleset, problems = load(
        """
        version: 1
        rules: {r: {when: {event: signed_up}, runs: {mode: restart, at_most: 1 per 1d}, then: [stop: true]}}
        """
    )
    assert [problem.code for problem in problems] == ["W204"]
    assert ruleset.disabled == {}


def test_a_rule_that_names_a_broken_segment_is_disabled_with_the_place_of_the_segment_and_no_second_problem() -> None:
    ruleset, problems = load(
        """
        version: 1
        segments:
          young: {if: [customer.aeg < 30]}
          young_vip: {if: [customer in segment young, customer in segment vip]}
        metrics: {points: sum(order_completed.totl)}
        rules:
          a: {when: {event: signed_up}, if: [customer in segment young_vip], then: [stop: true]}
          b: {when: {event: signed_up}, if: [metrics.points > 3], then: [stop: true]}
        """
    )
    assert [(problem.code, problem.place.line) for problem in problems] == [("E102", 4), ("E102", 6)]
    assert list(ruleset.disabled) == ["a", "b"]
    assert "segment young" in ruleset.disabled["a"]
    assert "rules.yaml:6" in ruleset.disabled["b"]


def test_a_broken_yaml_file_hides_nothing_of_the_others() -> None:
    ruleset, problems = load("rules: [", "version: 1\nrules: {r: {when: {event: signed_up}, then: [stop: true]}}")
    assert list(ruleset.rules) == ["r"]
    assert [(problem.code, problem.place.file) for problem in problems] == [("E201", "rules.yaml")]


def test_a_rule_with_a_key_given_twice_is_not_run() -> None:
    ruleset, _ = load("version: 1\nrules: {r: {when: {event: signed_up}, then: [stop: true], then: [wait: 1h]}}")
    assert list(ruleset.disabled) == ["r"]


def test_problems_of_all_files_come_sorted_by_place() -> None:
    _, problems = load(
        "version: 1\nmetrics: {a: x, b: y}\nrules: {r: {then: [wiat: 1h]}}", "version: 1\nrule: {}\nteam: {}\n"
    )
    places = [(problem.place.file, problem.place.line, problem.place.column) for problem in problems]
    assert places == sorted(places)
    assert len(problems) == 6


def test_a_disabled_plugin_is_the_reason_that_a_step_is_unknown() -> None:
    _, (problem,) = load("version: 1\nrules: {r: {when: {event: signed_up}, then: [coupon.create: {percent: 1}]}}")
    assert problem.help == "plugin coupons is disabled because its import failed: no module named money"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("wiat: 1h", "did you mean wait?"),
        ("email_send: {template: hello}", "did you mean email.send?"),
        ("task.crate: {title: a}", "did you mean task.create?"),
    ],
)
def test_a_misspelt_step_has_the_right_one_as_its_cure(wrong: str, right: str) -> None:
    _, (problem,) = load(f"version: 1\nrules: {{r: {{when: {{event: signed_up}}, then: [{wrong}]}}}}")
    assert problem.help == right


def test_a_comment_that_cuts_a_condition_is_named_in_the_cure() -> None:
    _, (problem,) = load(
        """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            if:
              - event.plan == 'a # b'
            then: [stop: true]
        """
    )
    assert problem.code == "E003"
    assert "YAML takes what follows ' #' as a comment" in problem.help


def test_a_comment_is_not_blamed_for_a_mistake_before_the_end_of_its_condition() -> None:
    (problem,) = load(
        """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            if:
              - day_since(signed_up) >= 1  # a day ago
            then: [stop: true]
        """
    )[1]
    assert (problem.code, problem.help) == ("E104", "did you mean days_since()?")


def test_a_key_without_a_space_after_its_colon_is_told_to_have_one() -> None:
    _, problems = load(
        """
        version: 1
        rules:
          r:
            when:{event: signed_up}
            then: [stop: true]
        """
    )
    (glued,) = [problem for problem in problems if problem.code == "E211"]
    assert glued.help == "write a space after the colon: when: …"


def test_a_condition_asked_before_spares_the_steps_a_warning() -> None:
    load_clean(
        """
        version: 1
        rules:
          r:
            when: {event: cart_updated}
            if: [customer.email is present, event.total > 3]
            then:
              - task.create: {title: "Write to {{ customer.email }} about {{ event.total }}"}
              - if: [customer.age > 17]
                then: [task.create: {title: "Aged {{ customer.age }}"}]
        """
    )


def test_conditions_in_one_list_know_of_one_another() -> None:
    load_clean("version: 1\nsegments: {a: {if: [customer.country is present, customer.country != 'DE']}}")


def test_a_text_that_was_read_in_one_rule_is_read_anew_where_it_means_something_else() -> None:
    ruleset, problems = load(
        """
        version: 1
        rules:
          text: {when: {event: cart_updated}, if: [event.note == 'x'], then: [stop: true]}
          number: {when: {event: cart_emptied}, if: [event.note == 'x'], then: [stop: true]}
          nothing: {when: {event: signed_up}, if: [event.note == 'x'], then: [stop: true]}
          again: {when: {event: cart_updated}, if: [event.note == 'x'], then: [stop: true]}
        """
    )
    assert list(ruleset.rules) == ["text", "again"]
    assert [(problem.code, problem.place.line) for problem in problems] == [("E107", 5), ("E102", 6)]


def test_what_follows_from_a_mistake_is_not_told_again() -> None:
    _, problems = load(
        """
        version: 1
        rules:
          r:
            when: {event: crat_updated, if: [event.total > 3]}
            if: [event.total > 5]
            exit_when: {event: cart_emptied, same: [cart_id]}
            then:
              - coupon.create: {percent: 10}
                id: coupon
              - task.create: {title: "{{ steps.coupon.code }}"}
              - wait_for: {event: task_clsoed}
                id: closed
                up_to: 1d
                then: [task.create: {title: "{{ steps.closed.event.task_id }}"}]
        """
    )
    assert [(problem.code, problem.place.line) for problem in problems] == [("E112", 5), ("E302", 9), ("E112", 12)]


def test_the_output_of_a_branch_can_be_missing_after_it() -> None:
    _, (problem,) = load(
        """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            then:
              - if: [event.plan == 'pro']
                then: [{task.create: {title: a}, id: task}]
              - task.create: {title: "About {{ steps.task.task_id }}"}
        """
    )
    assert (problem.code, problem.place.line) == ("W206", 9)


def test_the_branch_of_a_split_is_known_in_it_and_after_it_and_only_by_its_names() -> None:
    _, (problem,) = load(
        """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            then:
              - split: {a: {weight: 50, then: [task.create: {title: "{{ steps.half.branch }}"}]}, b: {weight: 50}}
                id: half
              - task.create: {title: "{{ steps.half.branch }}"}
              - if: [steps.half.branch == 'b']
                then: [task.create: {title: b}]
              - if: [steps.half.branch == 'c']
                then: [task.create: {title: c}]
        """
    )
    assert (problem.code, problem.place.line) == ("E111", 12)


def test_the_error_of_a_step_is_known_where_the_run_goes_on_without_its_result() -> None:
    load_clean(
        """
        version: 1
        rules:
          continues:
            when: {event: signed_up}
            then:
              - {task.create: {title: a}, id: task, on_error: continue}
              - if: [steps.task.error is present]
                then: [task.create: {title: "Failed: {{ steps.task.error }}"}]
          has_steps:
            when: {event: signed_up}
            then:
              - task.create: {title: a}
                id: task
                on_error: [task.create: {title: "Failed: {{ steps.task.error }}"}]
              - task.create: {title: "{{ default(steps.task.error, 'Well') }}"}
        """
    )


def test_the_error_of_a_step_can_be_missing_and_with_on_error_stop_there_is_none() -> None:
    rule = """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            then:
              - {task.create: {title: a}, id: task, on_error: ON_ERROR}
              - task.create: {title: "{{ steps.task.error }}"}
    """
    _, (missing,) = load(rule.replace("ON_ERROR", "continue"))
    _, (unknown,) = load(rule.replace("ON_ERROR", "stop"))
    assert (missing.code, unknown.code) == ("W206", "E102")


def test_while_a_condition_has_an_error_nothing_is_told_of_what_it_may_make_sure_of() -> None:
    _, (problem,) = load(
        """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            if: [event.plan is present, customer.emial is present]
            then:
              - task.create: {title: "Call about {{ event.plan }}"}
        """
    )
    assert problem.code == "E102"


PINNED = """
    version: 1
    segments: {big: {if: [metrics.twice > 100]}}
    metrics: {twice: "metrics.spend * 2", other: count(order_completed)}
    rules:
      r:
        status: live
        description: first
        when: {event: cart_updated}
        if: [customer in segment big]
        then:
          - {wait: 1h, clock: office}
          - split: {a: {weight: 50}, b: {weight: 50}}
            id: half
"""


def test_a_rule_is_rebuilt_from_the_stored_text_alone() -> None:
    ruleset, _ = load(PINNED)
    rule = ruleset.rules["r"]
    assert set(rule.source["segments"]) == {"big"}
    assert set(rule.source["metrics"]) == {"twice", "spend"}
    assert set(rule.source["calendars"]) == {"office"}
    again = load_revision(rule.source, SHOP, REGISTRY, ruleset)
    assert (again.id, again.revision, again.runs, again.needs) == (rule.id, rule.revision, rule.runs, rule.needs)
    assert again.condition is not None
    assert rule.condition is not None
    assert again.condition.key == rule.condition.key
    assert again.source == rule.source
    assert list(again.calendars) == ["office"]


def test_what_only_the_text_of_a_function_names_is_pinned_too() -> None:
    worth = Function(
        name="worth", summary="", parameters={}, body="case when customer in segment big then 2 else 1 end"
    )
    registry = replace(REGISTRY, functions={**REGISTRY.functions, "worth": worth})
    text = dedent(PINNED).replace("customer in segment big]", "worth() > 1]")
    ruleset, _ = load_rules([("shared.yaml", SHARED), ("rules.yaml", text)], SHOP, registry)
    rule = ruleset.rules["r"]
    assert set(rule.source["segments"]) == {"big"}
    assert set(rule.source["metrics"]) == {"twice", "spend"}
    assert load_revision(rule.source, SHOP, registry, ruleset).revision == rule.revision


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1h, clock", "2h, clock"),
        ("metrics.twice > 100", "metrics.twice > 200"),
        ("metrics.spend * 2", "metrics.spend * 3"),
        ("a: {weight: 50}, b: {weight: 50}", "b: {weight: 50}, a: {weight: 50}"),
    ],
)
def test_what_a_waiting_run_is_pinned_to_makes_a_new_revision(old: str, new: str) -> None:
    assert load(PINNED)[0].rules["r"].revision != load(PINNED.replace(old, new))[0].rules["r"].revision


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("status: live", "status: off"),
        ("description: first", "owner: ada"),
        ("other: count(order_completed)", "other: '5'"),
        ("{wait: 1h, clock: office}", "{clock: office, wait: 1h}"),
    ],
)
def test_what_is_always_current_makes_no_new_revision(old: str, new: str) -> None:
    assert load(PINNED)[0].rules["r"].revision == load(PINNED.replace(old, new))[0].rules["r"].revision


BROKEN_STARTS = [
    ("when: {event: order_completd}", "E112"),
    ("whne: {event: order_completed}", "E211"),
    ("description: no start", "E212"),
    ("when: {evnt: order_completed}", "E309"),
    ("when: order_completed", "E210"),
    ("when: []", "E210"),
    ("when: [{event: order_completd}, {becoms: x}]", "E112 E309"),
    ("when: {event: order_completed, becomes: [customer.email is present]}", "E309"),
]


@pytest.mark.parametrize(("start", "codes"), BROKEN_STARTS)
def test_of_a_broken_start_only_the_cause_is_told(start: str, codes: str) -> None:
    text = f"""
        version: 1
        rules:
          r:
            {start}
            if: [event.total >= 20, "trigger.kind == 'event'"]
            runs: {{per: event.order_id}}
            exit_when: [{{event: order_completed, same: [order_id]}}]
            then: [{{task.create: {{title: "order {{{{ event.order_id }}}}"}}}}]
        """
    problems = load(text)[1]
    assert [problem.code for problem in problems] == codes.split(), [problem.render() for problem in problems]


def test_of_a_misspelt_kind_of_schedule_only_the_misspelling_is_told() -> None:
    text = """
        version: 1
        rules:
          r:
            when: {schedule: {crn: "0 9 * * *"}}
            if: [customer.email is present]
            then: [{task.create: {title: hi}}]
        """
    assert [problem.code for problem in load(text)[1]] == ["E211"]


@pytest.mark.parametrize("schedule", ['{at: "09:00"}', "{after: 3d}", "{each: customer.email is present}", "{}"])
def test_a_schedule_without_a_kind_is_refused_whatever_else_it_says(schedule: str) -> None:
    text = f"""
        version: 1
        rules:
          r:
            when: [{{event: signed_up}}, {{schedule: {schedule}}}]
            then: [{{task.create: {{title: hi}}}}]
        """
    (problem,) = load(text)[1]
    assert (problem.code, problem.message) == ("E309", "a schedule needs cron, yearly or date")


def test_the_cure_of_triggers_that_end_a_run_names_their_key() -> None:
    text = """
        version: 1
        rules:
          r:
            when: {event: signed_up}
            exit_when: []
            then: [{task.create: {title: hi}}]
        """
    (problem,) = load(text)[1]
    assert (problem.code, problem.help) == ("E210", "write exit_when: {event: NAME}")


@pytest.mark.parametrize("broken", ["greet:\n    when: {event: signed_up}\n   then: []\n", "greet\n    when: []\n"])
def test_a_test_of_a_rule_whose_file_could_not_be_read_is_no_second_problem(broken: str) -> None:
    broken = f"version: 1\nrules:\n  {broken}"
    test = "version: 1\ntests:\n  says hello: {{rule: {rule}, steps: [{{at: 0m}}]}}\n"
    _, of_that_rule = load_rules([("a.yaml", broken), ("b.yaml", test.format(rule="greet"))], SHOP, REGISTRY)
    _, of_another = load_rules([("a.yaml", broken), ("b.yaml", test.format(rule="great"))], SHOP, REGISTRY)
    assert [problem.code for problem in of_that_rule] == ["E201"]
    assert [problem.code for problem in of_another] == ["E201", "E502"]


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("2 days", "write 2d"),
        ("90 min", "write 90m"),
        ("1 Week", "write 1w"),
        ("3 months", "a month has no fixed length: write 90d"),
        ("1y", "a year has no fixed length: write 365d"),
        ("soon", "write 30s, 15m, 4h, 7d, 2w or 1h 30m"),
    ],
)
def test_a_duration_in_other_words_is_told_in_those_of_the_language(written: str, cure: str) -> None:
    text = f"version: 1\nrules:\n  greet:\n    when: {{event: signed_up}}\n    then: [wait: {written}]\n"
    _, (problem,) = load_rules([("a.yaml", text)], SHOP, REGISTRY)
    assert (problem.code, problem.help) == ("E214", cure)
