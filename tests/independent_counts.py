"""What the headline rules must have done over the demo's data, counted without the engine, a few lines for each rule.

Each function reads the shipped files itself and follows the rule as written in `rules/`, with the engine's order of
things: an event is decided a millisecond after it came, a timer that is due at that instant goes after it, windows are
half-open. Consent is not recorded in the data, so every letter is refused where it is due, and delays nothing. Instants
are milliseconds; what happens after the last row of the data is not counted.
"""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

DATA = Path(__file__).parents[1] / "rules" / "demo" / "data"
DAY = 86_400_000
Orders = dict[str, list[tuple[int, int]]]  # customer -> (instant, cents), in order
HOLIDAYS = {date(2024, 1, 1), date(2024, 3, 29), date(2024, 4, 1), date(2024, 5, 1)}


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a shipped data file."""
    with gzip.open(DATA / name, "rt", newline="") as file:
        yield from csv.DictReader(file)


def instant(text: str) -> int:
    """An ISO text in UTC as milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def clicks() -> list[tuple[int, str, str, str, str]]:
    """Instant, user, session, event and channel of every click."""
    columns = ("user_id", "session_id", "event", "acquisition_channel")
    return [(instant(row["timestamp"]), *(row[column] for column in columns)) for row in rows("clickstream.csv.gz")]


def purchases(keep: Callable[[str], bool] = lambda _: True) -> Orders:
    """The orders of every customer that is to be kept, at noon of their days."""
    orders: Orders = defaultdict(list)
    for row in rows("purchases.csv.gz"):
        if keep(row["customer"]):
            cents = round(float(row["dollars"]) * 100)
            orders[row["customer"]].append((instant(row["day"] + "T12:00:00"), cents))
    return orders


def after_business_hours(start: int, hours: int) -> int:
    """The instant at which so many hours between 9 and 17 UTC of working days have passed."""
    now, left = datetime.fromtimestamp(start / 1000, UTC), timedelta(hours=hours)
    while True:
        opens, closes = (now.replace(hour=hour, minute=0, second=0, microsecond=0) for hour in (9, 17))
        if now.weekday() < 5 and now.date() not in HOLIDAYS and now < closes:
            begin = max(now, opens)
            if closes - begin >= left:
                return round((begin + left).timestamp() * 1000)
            left -= closes - begin
        now = opens.replace(hour=0) + timedelta(days=1)


def lead_assignment() -> Counter[str]:
    """Every first click is a lead, unless it came by no channel; an order within 4 + 8 business hours ends its run."""
    found: Counter[str] = Counter()
    until: dict[str, int | None] = {}  # user -> end of the run; None once it has ended or was refused
    last = 0
    for at, user, _, event, channel in clicks():
        last = at
        if user not in until:
            found["refused if" if channel == "direct" else "started"] += 1
            until[user] = None if channel == "direct" else after_business_hours(at + 1, 12)
        end = until[user]
        if event == "purchase" and end is not None:
            found["ended by order" if at <= end else "ended done"] += 1
            until[user] = None
    found["ended done"] += sum(end <= last for end in until.values() if end is not None)
    return found


def abandoned_cart() -> Counter[str]:
    """Each addition starts the three days of its cart again; an order ends all series of the customer."""
    found: Counter[str] = Counter()
    carts: dict[str, dict[str, int]] = defaultdict(dict)  # user -> cart -> start of the live run
    ordered: dict[str, int] = {}
    now = 0
    for at, user, cart, event, _ in clicks():
        now = at + 1
        for done in [name for name, start in carts[user].items() if start + 3 * DAY < at]:
            del carts[user][done]
            found["ended done"] += 1
        if event == "purchase":
            found["ended by order"] += len(carts[user])
            carts[user].clear()
            ordered[user] = at
        elif event == "add_to_cart" and user in ordered and ordered[user] > now - DAY:
            found["refused if"] += 1
        elif event == "add_to_cart":
            found["started"] += 1
            found["ended restarted"] += cart in carts[user]
            carts[user][cart] = now
    found["ended done"] += sum(start + 3 * DAY < now for live in carts.values() for start in live.values())
    return found


def loyalty(orders: Orders) -> Counter[str]:
    """Silver from 100, gold from 300 within 365 days: up at once, down after 30 days unless earned back."""
    found: Counter[str] = Counter()
    last = max(at for bought in orders.values() for at, _ in bought)
    for bought in orders.values():
        level, warned = 0, None  # warned: when the waiting downgrade started
        looks = [(at + 365 * DAY + 1, 1) for at, _ in bought] + [(at, 0) for at, _ in bought]
        known = 0
        while looks:
            look, is_timer = min(looks)
            looks.remove((look, is_timer))
            if look > last:
                break
            known += not is_timer
            now = look if is_timer else look + 1
            spend = sum(cents for at, cents in bought[:known] if now - 365 * DAY <= at < now)
            reached = (spend >= 10_000) + (spend >= 30_000)
            if warned is not None and reached >= level:
                found["downgrade ended by order"] += 1
                warned = None
            if warned is not None and now >= warned + 30 * DAY:
                found["downgrade ended done"] += 1
                level, warned = reached, None
            if not is_timer:
                found["upgrade started" if reached > level else "upgrade refused if"] += 1
                level = max(level, reached)
            if reached < level and warned is None:
                found["downgrade started"] += 1
                warned = now
                looks.append((now + 30 * DAY, 1))
    return found


def churn_alert(orders: Orders) -> Counter[str]:
    """Quiet for 30 days, fewer orders than in the 90 days before, health under 40, all for 2 days; 3 orders a year."""
    found: Counter[str] = Counter()
    last = max(at for bought in orders.values() for at, _ in bought)
    for bought in orders.values():
        times = [at for at, _ in bought]
        was_true, due, end = False, None, None  # due: when the condition has held; end: of the live run
        for index, at in enumerate(times):
            until = min(times[index + 1] if index + 1 < len(times) else last + 1, last + 1)
            if end is not None:
                found["ended by order" if at <= end else "ended done"] += 1
                end = None
            was_true, due = False, None  # an order makes the customer not quiet
            edges = {one + days * DAY + 1 for one in times[: index + 1] for days in (30, 60, 90, 180, 365)}
            looks = sorted(edge for edge in edges | {at + 30 * DAY} if at < edge < until)
            for look in [*looks, until]:
                if due is not None and due < look:
                    _count_start(found, times[: index + 1], due, end)
                    if _is_regular(times[: index + 1], due) and (end is None or end <= due):
                        found["ended done"] += end is not None
                        end = due + 21 * DAY
                    due = None
                is_true = look < until and _is_leaving(times[: index + 1], look)
                due = look + 2 * DAY if is_true and not was_true else due if is_true else None
                was_true = is_true
        found["ended done"] += end is not None and end <= last
    return found


def _count_start(found: Counter[str], times: list[int], now: int, end: int | None) -> None:
    if not _is_regular(times, now):
        found["refused if"] += 1
    elif end is not None and now < end:
        found["refused running"] += 1
    else:
        found["started"] += 1


def _is_regular(times: list[int], now: int) -> bool:
    return _within(times, now, 365) >= 3


def _within(times: list[int], now: int, days: int) -> int:
    return bisect_left(times, now) - bisect_left(times, now - days * DAY)


def _is_leaving(times: list[int], now: int) -> bool:
    recent, half_year, year = (_within(times, now, days) for days in (90, 180, 365))
    before = half_year - recent
    recency = 40 if _within(times, now, 30) else 25 if _within(times, now, 60) else 10 if recent else 0
    moving = 0 if len(times) < 2 or not recent else 30 if recent > before else 20 if recent == before else 10
    health = recency + 7.5 * min(4, max(0, year - 1)) + moving
    return now - times[-1] >= 30 * DAY and recent < before and health < 40
