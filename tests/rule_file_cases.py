"""Rule files that are wrong or warned of: the code of each, and the very column (`^` marks it, `~` its further width).

A fragment stands for a whole file (`FILES`), for the keys of one rule (`RULES`), or for the steps of one (`STEPS`).
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

RULE_HEAD = "rules:\n  r:\n"
STEP_HEAD = "rules:\n  r:\n    when: {event: cart_updated}\n    then:\n"
TAIL = "\nversion: 1\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One file and the one problem that it has."""

    code: str
    text: str
    line: int
    column: int
    width: int

    def __str__(self) -> str:
        return f"{self.code}-{self.text.strip().splitlines()[-3:][0].strip()[:40]}"


def _cases(table: str, head: str = "", depth: int = 0, tail: str = TAIL) -> list[Case]:
    """Blocks between lines of dashes: the text (`⇥` is a tab), and under the wrong line the marks and the code."""
    cases: list[Case] = []
    for block in dedent(table).strip("\n").split("\n---\n"):
        lines = block.split("\n")
        marked = next(number for number, line in enumerate(lines) if line.lstrip().startswith("^"))
        marks, code = lines[marked].rstrip().rsplit(" ", 1)
        text = head + indent("\n".join([*lines[:marked], *lines[marked + 1 :]]), " " * depth) + tail
        text = text.replace("⇥", "\t")
        line, column = marked + head.count("\n"), marks.index("^") + depth + 1
        cases.append(Case(code, text, line, column, len(marks.strip())))
    return cases


YAML = _cases(
    """
    rules: {r: [
               ^ E201
    ---
    rules:
      r:
        if:
          - 'vip' in customer.tags
                  ^ E201
    ---
    rules:
      r:
        when: x: y
               ^ E201
    ---
    rules:
      r:
    ⇥when: {event: signed_up}
    ^ E203
    ---
    rules:
      ⇥r: {}
      ^ E203
    ---
    rules: {}
    rules: {}
    ^~~~~ E205
    ---
    segments:
      big: {if: [customer.age > 3], if: [customer.age > 4]}
                                    ^~ E205
    ---
    metrics: {a: !!int "5"}
                 ^~~~~~~~~ E206
    ---
    segments: {x: {<<: {}, if: [customer.age > 3]}}
                   ^~ E206
    ---
    metrics: {a: *b}
                 ^~ E207
    ---
    metrics:
      - &b [*b]
            ^~ E207
    """
)
FILES = (
    _cases(
        """
    metrics: {a: 1}
    ^~~~~~~~~~~~~~~ E208
    """,
        tail="\n",
    )
    + _cases(
        """
    version: 2
             ^ E208
    ---
    version: one
             ^~~ E208
    """,
        tail="\n",
    )
    + _cases(
        """
    rules: [a]
           ^~~ E210
    ---
    rule: {}
    ^~~~ E211
    ---
    segments:
      big: {description: no condition}
           ^~~~~~~~~~~~~~~~~~~~~~~~~~~ E212
    ---
    policies: {sms: {consent: marketing, unknown: allow}}
               ^~~ E408
    ---
    policies: {emial: {}}
               ^~~~~ E408
    ---
    metrics:
      spend: count(order_completed)
      ^~~~~ E217
    ---
    segments:
      vip: {if: [customer.age > 3]}
      ^~~ E217
    ---
    metrics: {big-spend: count(order_completed)}
              ^~~~~~~~~ E218
    ---
    metrics: {one: metrics.two + 1, two: metrics.one + 1}
                                    ^~~ E120
    ---
    segments:
      a: {if: [customer.age > 3, customer in segment a]}
      ^ E120
    ---
    teams:
      care: {members: []}
                      ^~ E210
    ---
    teams:
      care:
        members:
          - {email: a@example.test, away: [{from: 2026-12-24, to: 2026-12-01}]}
                                           ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E216
    ---
    tiers:
      club:
        levels: [{name: silver, from: 10}, {name: gold, from: 5}]
                                           ^~~~~~~~~~~~~~~~~~~~~ E216
    ---
    calendars:
      shop: {zone: Berlin, hours: {mon: "09:00-17:00"}}
                   ^~~~~~ E311
    ---
    calendars:
      shop:
        zone: UTC
        hours: {mon-fri: 9 to 5}
                         ^~~~~~ E311
    ---
    tests: {stops: true}
            ^~~~~ E501
    ---
    tests: {stops: [rule]}
            ^~~~~ E501
    ---
    tests:
      it stops: {rule: wellcome, steps: []}
                       ^~~~~~~~ E502
    ---
    tests:
      it stops: {steps: []}
      ^~~~~~~~ E502
    """
    )
)
RULES = _cases(
    """
    when: {event: signed_up}
    if: event.plan == 'pro'
        ^~~~~~~~~~~~~~~~~~~ E210
    then: [stop: true]
    ---
    when: {event: signed_up}
    if:
      - event.plan starts with 'a: b
        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~ E210
    then: [stop: true]
    ---
    when: {event: signed_up}
    exit_wen: {event: cart_emptied}
    ^~~~~~~~ E211
    then: [stop: true]
    ---
    when: {event: signed_up}
    status: paused
            ^~~~~~ E213
    then: [stop: true]
    ---
    when: {event: signed_up}
    runs: {mode: replace}
                 ^~~~~~~ E213
    then: [stop: true]
    ---
    when: {becomes: [customer.age > 3], for: 2 days}
                                             ^~~~~~ E214
    then: [stop: true]
    ---
    when: {event: signed_up}
    then: [wait: 365001d]
                 ^~~~~~~ E214
    ---
    when: {event: signed_up}
    runs: {at_most: 3 a week}
                    ^~~~~~~~ E215
    then: [stop: true]
    ---
    when: {event: signed_up}
    breaker: 100
             ^~~ E215
    then: [stop: true]
    ---
    when: {event: signed_up}
    holdout: 120%
             ^~~~ E216
    then: [stop: true]
    ---
    when: {evnt: signed_up}
          ^~~~~~~~~~~~~~~~~ E309
    then: [stop: true]
    ---
    when: {event: signed_up, becomes: [customer.age > 3]}
          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E309
    then: [stop: true]
    ---
    when: {schedule: {cron: "0 25 * * *", each: segment vip}}
                            ^~~~~~~~~~~~ E310
    then: [stop: true]
    ---
    when: {schedule: {cron: "0 0 31 2 *", each: segment vip}}
                            ^~~~~~~~~~~~ E310
    then: [stop: true]
    ---
    when: {schedule: {yearly: customer.country}}
                              ^~~~~~~~~~~~~~~~ E312
    then: [stop: true]
    ---
    when: {schedule: {date: customer.birth_date, timezone: customer.age}}
                                                           ^~~~~~~~~~~~ E312
    then: [stop: true]
    ---
    when: {schedule: {cron: "0 9 * * *", at: "09:00", each: segment vip}}
                                         ^~ E219
    then: [stop: true]
    ---
    when: {event: cart_updated}
    exit_when: {event: cart_emptied, same: [cart]}
                                            ^~~~ E316
    then: [stop: true]
    ---
    when: {becomes: [customer.age > 3]}
    exit_when: {event: cart_emptied, same: [cart_id]}
                                            ^~~~~~~ E316
    then: [stop: true]
    ---
    when: {event: cart_updated}
    exit_when: {event: order_completed, same: [cart_id]}
                                               ^~~~~~~ W210
    then: [stop: true]
    ---
    when: {event: cart_updated}
    goal: {event: order_completed, same: [cart_id], within: 3d}
                                          ^~~~~~~ W210
    then: [stop: true]
    ---
    when: {event: cart_updated}
    runs: {mode: restart, at_most: 1 per 7d}
                          ^~~~~~~ W204
    then: [stop: true]
    ---
    when: {event: cart_updated}
    runs:
      at_most: 2 per 1d
      ^~~~~~~ W204
      mode: restart
    then: [stop: true]
    ---
    when: {event: cart_updated}
    on_change: move
    then:
      - wait: 1h
        ^~~~ W205
    ---
    when: {event: cart_updated}
    on_change: move
    then:
      - wait_for: {event: order_completed}
        ^~~~~~~~ W205
        up_to: 2d
    ---
    when: {event: cart_updated}
    was: r
         ^ E407
    then: [stop: true]
    ---
    when: {schedule: {cron: "0 9 * * *"}}
    then:
      - email.send: {template: hello}
        ^~~~~~~~~~ E315
    ---
    when: {schedule: {cron: "0 9 * * *"}}
    then:
      - set: {plan: free}
             ^~~~~~~~~~~~ E315
    """,
    RULE_HEAD,
    4,
)
BESIDE = _cases(
    """
    rules:
      old: {when: {event: signed_up}, then: [stop: true]}
      new:
        was: old
             ^~~ E407
        when: {event: signed_up}
        then: [stop: true]
    ---
    rules:
      r:
      ^ E212
        when: {event: signed_up}
    """
)
STEPS = _cases(
    """
    - wait: 1h
      stop: true
      ^~~~ E301
    ---
    - id: nothing
      ^~~~~~~~~~~ E301
    ---
    - wiat: 1h
      ^~~~ E302
    ---
    - wait: 1h
    - coupon.create: {percent: 10}
      ^~~~~~~~~~~~~ E302
    ---
    - task.create: {title: a}
      id: one
    - task.create: {title: b}
      id: one
          ^~~ E303
    ---
    - if: [event.total > 3]
      then:
        - task.create: {title: a}
          id: one
      else:
        - task.create: {title: b}
          id: one
              ^~~ E303
    ---
    - split: {a: {weight: 50}, b: {weight: 40}}
      ^~~~~ E304
      id: half
    ---
    - split:
      ^~~~~ E304
        a: {weight: 100.5}
      id: half
    ---
    - task.create: {title: a, titel: b}
                              ^~~~~ E305
    ---
    - task.create:
        title: a
        owner: ada
        ^~~~~ E305
    ---
    - task.create: {note: a}
      ^~~~~~~~~~~ E306
    ---
    - log.write:
      ^~~~~~~~~ E306
    ---
    - task.create: {title: 5}
                           ^ E307
    ---
    - task.create:
        title: a
        tags:
          - b
          - 7
            ^ E307
    ---
    - task.create: {title: a, priority: medium}
                                        ^~~~~~ E307
    ---
    - set: {age: old}
                 ^~~ E307
    ---
    - task.create: {title: a, points: "{{ customer.plan }}"}
                                      ^~~~~~~~~~~~~~~~~~~~~ E308
    ---
    - set: {plan: "{{ count(order_completed) }}"}
                  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E308
    ---
    - wait: "{{ customer.plan }}"
            ^~~~~~~~~~~~~~~~~~~~~ E308
    ---
    - task.create: {title: "Call {{ customer.plan"}
                                 ^~ E314
    ---
    - task.create:
        title: |
          Call
          this {{ }} now
               ^~~~~ E314
    ---
    - wait: 90
            ^~ E214
    ---
    - wait: {for: 1h, until: "09:00"}
      ^~~~ E219
    ---
    - wait: {until: "25:00"}
                    ^~~~~~~ E311
    ---
    - wait: 1h
      id: first wait
          ^~~~~~~~~~ E218
    ---
    - wait_for: {event: task_closed}
      ^~~~~~~~ E212
    ---
    - task.create: {title: a, team: slaes}
                                    ^~~~~ E401
    ---
    - task.create:
        title: a
        team: Sales
              ^~~~~ E401
    ---
    - task.create: {title: a, programme: club}
                                         ^~~~ E402
    ---
    - task.create:
        title: a
        programme: mian
                   ^~~~ E402
    ---
    - task.create: {title: a, calendar: ofice}
                                        ^~~~~ E403
    ---
    - wait: 4h
      clock: ofice
             ^~~~~ E403
    ---
    - email.send: {template: helo}
                             ^~~~ E404
    ---
    - email.send:
        template: wellcome
                  ^~~~~~~~ E404
    ---
    - email.send: {template: code}
                             ^~~~ E406
    ---
    - email.send: {template: plan}
                             ^~~~ E406
    ---
    - if: [customer.age > 30]
      then: [stop: true]
      else:
      ^~~~ W203
        - email.send: {template: hello}
    ---
    - if: [event.note == 'x']
      then: [stop: true]
      else:
      ^~~~ W203
        - split: {a: {weight: 100, then: [email.send: {template: hello}]}}
          id: half
    ---
    - task.create: {title: "Call {{ customer.email }}"}
                                    ^~~~~~~~~~~~~~ W206
    ---
    - task.create:
        title: "{{ customer.email }}"
               ^~~~~~~~~~~~~~~~~~~~~~ W206
    ---
    - task.create:
        title: a
        note: >-
          Call
          {{ customer.email }}
             ^~~~~~~~~~~~~~ W206
    ---
    - email.send: {template: code, data: {code: "{{ customer.email }}"}}
                             ^~~~ W206
    ---
    - stop: true
    - wait: 1h
      ^~~~~~~~ W211
    ---
    - if: [event.total > 3]
      then: [{stop: enough}]
      else: [{task.create: {title: a}}, {stop: true}]
    - wait: 1h
      ^~~~~~~~ W211
    ---
    - if: [event.total > 3]
      then:
        - stop: enough
        - task.create: {title: a}
          ^~~~~~~~~~~~~~~~~~~~~~~ W211
    ---
    - emit: order_complted
            ^~~~~~~~~~~~~~ E112
    ---
    - emit: {event: task_closed, data: {task_id: 17}}
                                                 ^~ E307
    ---
    - emit: {event: signed_up, data: {plan: "{{ event.total }}"}}
                                            ^~~~~~~~~~~~~~~~~~~ E308
    ---
    - set: {contry: DE}
            ^~~~~~ E102
    """,
    STEP_HEAD,
    6,
)
NO_POLICY = _cases(
    """
    rules:
      r:
        when: {event: signed_up}
        then:
          - email.send: {template: hello}
            ^~~~~~~~~~ E130
    ---
    rules:
      r:
        when: {event: signed_up}
        then:
          - wait_for: {event: cart_updated}
            up_to: 1d
            else:
              - {id: late, email.send: {template: hello}}
                           ^~~~~~~~~~ E130
    """
)
