"""Rules that are valid and hardly meant, as a whole: which warning each gets and at which column, and near misses.

A fragment stands for a whole file (`^` marks the place, `~` its further width), for `MISSES` without any mark.
"""

from __future__ import annotations

from textwrap import dedent

from rule_file_cases import TAIL, Case


def _blocks(table: str) -> list[str]:
    return dedent(table).strip("\n").split("\n---\n")


def _case(block: str) -> Case:
    lines = block.split("\n")
    marked = next(number for number, line in enumerate(lines) if line.lstrip().startswith("^"))
    marks, code = lines[marked].rstrip().rsplit(" ", 1)
    text = "\n".join([*lines[:marked], *lines[marked + 1 :]]) + TAIL
    return Case(code, text, marked, marks.index("^") + 1, len(marks.strip()))


CASES = [
    _case(block)
    for block in _blocks(
        """
    rules:
      r:
        when: {event: signed_up}
        then:
          - email.send: {template: hello}
          - wait: 2d
          - email.send: {template: hello}
            ^~~~~~~~~~ W212
    ---
    rules:
      r:
        when: {event: cart_updated}
        then:
          - if: [event.total > 100]
            then: [email.send: {template: hello}]
          - wait: {until: tomorrow 09:00}
          - email.send: {template: hello}
            ^~~~~~~~~~ W212
    ---
    rules:
      r:
        when: {event: cart_updated}
        if:
          - event.total > 100
          - event.total < 50
            ^~~~~~~~~~~~~~~~ W213
        then: [stop: true]
    ---
    rules:
      r:
        when:
          becomes:
            - count(order_completed) > 2 and count(order_completed) < 3 or customer.vip
              ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W213
        then: [stop: true]
    ---
    rules:
      r:
        when: {event: cart_updated, if: [event.total >= 20]}
        if:
          - any:
            ^~~~ W213
              - event.total < 10
              - event.total between 11 and 12
        then: [stop: true]
    ---
    rules:
      r:
        when: {event: signed_up}
        if:
          - not exists(order_completed)
          - count(order_completed) >= 1
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~ W213
        then: [stop: true]
    ---
    rules:
      r:
        when: {event: signed_up}
        if:
          - count(order_completed) >= 0
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~ W214
        then: [stop: true]
    ---
    rules:
      r:
        when: {event: signed_up}
        then:
          - if: [customer.email is missing or customer.email is present]
                 ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W214
            then: [stop: true]
          - wait: 1h
    ---
    rules:
      a:
        when: {event: signed_up}
        then: [set: {plan: free}]
      b:
        when: {event: signed_up}
        if: [customer.age > 18]
        then:
          - set: {plan: pro}
                  ^~~~ W215
    ---
    rules:
      a:
        when: {becomes: [customer.plan == 'free', customer.age > 18]}
        then: [set: {plan: pro}]
      b:
        when: {becomes: ["customer.plan in [pro]", customer.age < 30]}
        then:
          - set: {plan: free}
                  ^~~~ W215
    ---
    rules:
      a:
        when: {event: signed_up}
        then: [email.send: {template: hello}]
      b:
        when: {event: signed_up}
        if: [customer.age > 18]
        then:
          - wait: 20h
          - email.send: {template: hello}
            ^~~~~~~~~~ W216
    ---
    rules:
      a:
        when: {schedule: {cron: "0 9 * * 1", each: segment vip}}
        then: [email.send: {template: hello}]
      b:
        when: {schedule: {cron: "0 9 * * 1", each: [customer.ltv > 1000]}}
        then: [stop: true]
      c:
        when: {schedule: {cron: "0 9 * * 1", each: segment vip}}
        then: [email.send: {template: hello}]
               ^~~~~~~~~~ W216
    ---
    rules:
      r:
        when: {schedule: {yearly: customer.birth_date}}
        runs: {at_most: 1 per 30d}
                        ^~~~~~~~~ W217
        then: [email.send: {template: hello}]
    ---
    rules:
      r:
        when: {schedule: {cron: "0 9 * * *", each: segment vip}}
        runs: {at_most: 3 per 2d}
                        ^~~~~~~~ W217
        then: [email.send: {template: hello}]
    ---
    rules:
      r:
        when: {event: signed_up}
        goal: {event: order_completed}
        then:
          - email.send: {template: hello}
          - wait: 8d
          - email.send: {template: hello}
            ^~~~~~~~~~ W218
    ---
    rules:
      r:
        when: {event: signed_up}
        goal: {event: order_completed, within: 2d}
        then:
          - wait_for: {event: cart_updated}
            up_to: 2d
            else:
              - email.send: {template: hello}
                ^~~~~~~~~~ W218
    ---
    rules:
      r:
        when: {schedule: {cron: "30 2 * * *", timezone: Europe/Berlin, each: segment vip}}
                                ^~~~~~~~~~~~ W219
        then: [stop: true]
    ---
    rules:
      r:
        when: {schedule: {yearly: customer.birth_date, at: "02:15", timezone: customer.timezone}}
                                                           ^~~~~~~ W219
        then: [stop: true]
    ---
    rules:
      r:
        when: {schedule: {cron: "0 2 * * 0", each: segment vip}}
                                ^~~~~~~~~~~ W219
        then: [stop: true]
    ---
    rules:
      a:
        when: {event: signed_up}
        then: [stop: true]
      b:
      ^ W220
        when: {event: signed_up}
        then: [stop: true]
    tests: {it stops: {rule: a, steps: []}}
    ---
    rules:
      a:
        when: {event: signed_up}
        then: [stop: true]
      b:
        when: {event: signed_up}
        then: [stop: true]
      c:
      ^ W220
        when: {event: signed_up}
        then: [stop: true]
    tests: {it stops: {rule: [a, b], steps: []}}
    ---
    rules:
      r:
        when: {becomes: [customer.ltv > 1000]}
        then: [sms.send: {text: Hello}]
               ^~~~~~~~ W221
    policies: {sms: {}}
    ---
    rules:
      r:
        when: {event: signed_up}
        then:
          - wait: 3d
          - sms.send: {text: Hello}
            ^~~~~~~~ W221
    policies: {sms: {caps: [1 per 7d]}}
    ---
    rules:
      r:
        when:
          schedule:
            cron: "0 9 * * *"
            each: [age(customer.created_at) >= 2]
                   ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W222
        then: [stop: true]
    ---
    rules:
      r:
        when:
          schedule:
            cron: "0 9 * * *"
            each:
              - distinct(order_completed.products.category) >= 2
                ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W222
        then: [stop: true]
    """
    )
]
MISSES = _blocks(
    """
    # W212: something ends it
    rules:
      r:
        when: {event: signed_up}
        exit_when: {event: order_completed}
        then:
          - email.send: {template: hello}
          - wait: 2d
          - email.send: {template: hello}
    ---
    # W212: somebody looks before the second
    rules:
      r:
        when: {event: signed_up}
        then:
          - email.send: {template: hello}
          - wait: 2d
          - if: [not exists(order_completed)]
            then: [email.send: {template: hello}]
    ---
    # W212: two at once are no series
    rules:
      r:
        when: {event: signed_up}
        then:
          - email.send: {template: hello}
          - email.send: {template: code, data: {code: x}}
    ---
    # W213: there is a whole number between
    rules:
      r:
        when: {event: signed_up}
        if: [count(order_completed) > 2, count(order_completed) < 4]
        then: [stop: true]
    ---
    # W213: another window is another count
    rules:
      r:
        when: {event: signed_up}
        if: [not exists(order_completed in last 30d), exists(order_completed), known_days() >= 30]
        then: [stop: true]
    ---
    # W214: an unknown is not true
    rules:
      r:
        when: {event: signed_up}
        if: [customer.age >= 0]
        then: [stop: true]
    ---
    # W214: it leaves out those without an order
    rules:
      r:
        when: {event: signed_up}
        if: [days_since(order_completed) >= 0]
        then: [stop: true]
    ---
    # W215: they exclude each other
    rules:
      a:
        when: {event: signed_up}
        if: [customer.age < 18]
        then: [set: {plan: free}]
      b:
        when: {event: signed_up}
        if: [customer.age >= 18]
        then: [set: {plan: pro}]
    ---
    # W215: one after the other, and both say the same
    rules:
      a:
        when: {event: signed_up}
        then: [set: {plan: free}]
      b:
        when: {event: order_completed}
        then: [set: {plan: pro}]
      c:
        when: {event: signed_up}
        then: [set: {plan: free}]
    ---
    # W216: more than a day between
    rules:
      a:
        when: {event: signed_up}
        then: [email.send: {template: hello}]
      b:
        when: {event: signed_up}
        then:
          - wait: 24h
          - email.send: {template: hello}
    ---
    # W216: not the same people
    rules:
      a:
        when: {event: signed_up, if: [event.plan == 'pro']}
        then: [email.send: {template: hello}]
      b:
        when: {event: signed_up}
        if: ["event.plan in [free, trial]"]
        then: [email.send: {template: hello}]
    ---
    # W216: one of them only watches
    rules:
      a:
        when: {event: signed_up}
        then: [email.send: {template: hello}]
      b:
        status: shadow
        when: {event: signed_up}
        then: [email.send: {template: hello}]
    ---
    # W217: two years can hold two of them
    rules:
      r:
        when: {schedule: {yearly: customer.birth_date}}
        runs: {at_most: 1 per 400d}
        then: [email.send: {template: hello}]
    ---
    # W217: in the week in which the clock is put forward it comes a little sooner
    rules:
      r:
        when: {schedule: {cron: "0 9 * * 1", each: segment vip}}
        runs: {at_most: 1 per 7d}
        then: [email.send: {template: hello}]
    ---
    # W218: in time
    rules:
      r:
        when: {event: signed_up}
        goal: {event: order_completed, within: 9d}
        then:
          - email.send: {template: hello}
          - wait: 8d
          - email.send: {template: hello}
    ---
    # W218: nobody is written to after it
    rules:
      r:
        when: {event: signed_up}
        goal: {event: order_completed}
        then:
          - email.send: {template: hello}
          - wait: 30d
          - log.write: {message: done}
    ---
    # W219: there is no gap in Tokyo, and none at three
    rules:
      a:
        when: {schedule: {cron: "30 2 * * *", timezone: Asia/Tokyo, each: segment vip}}
        then: [stop: true]
      b:
        when: {schedule: {cron: "0 3 * * *", timezone: Europe/Berlin, each: segment vip}}
        then: [stop: true]
    ---
    # W219: by the hour nothing is lost
    rules:
      r:
        when: {schedule: {cron: "*/15 * * * *", timezone: Europe/Berlin, each: segment vip}}
        then: [stop: true]
    ---
    # W220: nobody tests here yet
    rules:
      r:
        when: {event: signed_up}
        then: [stop: true]
    ---
    # W220: off is off
    rules:
      a:
        when: {event: signed_up}
        then: [stop: true]
      b:
        status: off
        when: {event: signed_up}
        then: [stop: true]
    tests: {it stops: {rule: a, steps: []}}
    ---
    # W221: a receipt
    rules:
      r:
        when: {event: order_completed}
        then: [sms.send: {text: Thank you}]
    policies: {sms: {}}
    ---
    # W221: a consent is asked for
    rules:
      r:
        when: {becomes: [customer.ltv > 1000]}
        then: [sms.send: {text: Hello}]
    policies: {sms: {consent: marketing, unknown: refuse}}
    ---
    # W222: a test of a field leaves fewer
    rules:
      r:
        when:
          schedule:
            cron: "0 9 * * *"
            each: [customer.vip, age(customer.created_at) >= 2]
        then: [stop: true]
    ---
    # W222: at a customer's own date only that customer is loaded
    rules:
      r:
        when:
          schedule:
            yearly: customer.birth_date
            each: [age(customer.created_at) >= 2]
        then: [stop: true]
    """
)
