"""Random conditions over the shop of `condition_world`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

DURATIONS = ("36h", "3d", "7d", "30d", "45d", "90d")


@dataclass
class Conditions:
    """Writes conditions at random; `timeless` leaves out all that time alone can change."""

    random: Random
    timeless: bool = False

    def pick(self, *choices: Callable[[], str] | str) -> str:
        """One of several texts, or of what several functions write."""
        chosen = self.random.choice(choices)
        return chosen if isinstance(chosen, str) else chosen()

    def condition(self, depth: int = 0) -> str:
        """A whole condition."""
        roll = self.random.random()
        if depth > 2 or roll < 0.4:
            return self.atom()
        if roll < 0.55:
            return f"not ({self.condition(depth + 1)})"
        parts = [self.condition(depth + 1) for _ in range(self.random.randint(2, 3))]
        return "(" + self.pick(" and ", " or ").join(parts) + ")"

    def atom(self) -> str:
        """One test."""
        plain = (
            self.compared, self.compared, self.text_test, self.member, self.set_test, self.range_test, self.presence,
            self.flag, self.case_test, self.with_steps, self.date_test,
        )  # fmt: skip
        if self.timeless:
            return self.pick(*plain)
        timed = (
            self.looked_back, self.looked_back, self.looked_back, self.looked_back, self.named, self.since_test,
            self.since_test, self.moment_test,
        )  # fmt: skip
        return self.pick(*plain, *timed)

    def op(self) -> str:
        return self.pick("==", "!=", "<", "<=", ">", ">=", "=")

    def order_op(self) -> str:
        return self.pick("<", "<=", ">", ">=")

    def number(self) -> str:
        return self.pick(str(self.random.randint(-3, 120)), f"{self.random.randint(0, 400) / 4}")

    def share(self) -> str:
        return f"0.{self.random.randint(1, 9)}"

    def amount(self) -> str:
        return self.pick("20", "49.9", "100", "0.5", "-3", "19.99", "150", "75.25")

    def numeric(self, depth: int = 0) -> str:
        """A number without a unit, from fields of the customer and the event."""
        leaves = ("customer.ltv", "customer.points", "event.weight", "event.items", "steps.coupon.percent")
        if depth > 1 or self.random.random() < 0.5:
            return self.pick(*leaves)
        inner = self.numeric(depth + 1)
        return self.pick(
            f"({inner} {self.pick('+', '-', '*', '/')} {self.numeric(depth + 1)})",
            f"({inner} {self.pick('+', '-', '*', '/')} {self.random.randint(0, 5)})",
            f"-({inner})",
            f"abs({inner} - 40)",
            f"round({inner} / 7)",
            f"round({inner} / 7, {self.random.randint(0, 3)})",
            f"least({inner}, 60)",
            f"greatest({inner}, {self.numeric(depth + 1)})",
            f"default({inner}, {self.random.randint(0, 80)})",
        )

    def money(self) -> str:
        return self.pick(
            "event.total", "event.total", "customer.balance", "customer.rate", "event.total + customer.balance",
            "-event.total", "event.total * 2", "default(customer.balance, 10)", "least(event.total, customer.balance)",
            "round(event.total, 1)", "abs(customer.balance - 40)", "default(event.total, customer.rate)",
        )  # fmt: skip

    def compared(self) -> str:
        return self.pick(
            lambda: f"{self.numeric()} {self.order_op()} {self.number()}",
            lambda: f"{self.money()} {self.op()} {self.amount()}",
            lambda: f"{self.amount()} {self.order_op()} {self.money()}",
            lambda: f"{self.money()} {self.order_op()} {self.money()}",
            lambda: f"event.total / customer.balance {self.order_op()} 1.5",
            lambda: f"round({self.money()}) {self.op()} 40",
            lambda: f"customer.points {self.op()} {self.random.randint(0, 5)}",
            lambda: f"{self.numeric()} {self.order_op()} {self.numeric()}",
            lambda: f"(customer.points > 2) {self.pick('==', '!=')} (customer.consent or event.gift)",
        )

    def text_test(self) -> str:
        return self.pick(
            lambda: f"customer.country {self.pick('==', '!=')} '{self.pick('DE', 'AT')}'",
            lambda: f"'FR' {self.pick('==', '!=')} customer.country",
            lambda: f"customer.address.city {self.pick('==', '!=')} customer.country",
            lambda: f"customer.email starts with '{self.pick('a', 'X', '%')}'",
            lambda: f"customer.email {self.pick('', 'not ')}ends with '{self.pick('@example.com', 'X')}'",
            lambda: "customer.email starts with customer.country",
            lambda: (
                f"customer.email {self.pick('starts', 'ends')} with '{self.pick('ü', 'ü@exä', 'ß', 'ple.com', '')}'"
            ),
        )

    def member(self) -> str:
        no = self.pick("", "not ")
        return self.pick(
            f"customer.country {no}in [DE, AT]",
            f"customer.address.city {no}in ['Bonn', Ulm]",
            f"customer.points {no}in [0, 1, 2, 5]",
            f"customer.ltv {no}in [0, 20.5, 40]",
            f"event.total {no}in [49.9, 20, 0]",
            f"customer.consent {no}in [true]",
            f"customer.birth_date {no}in ['1996-02-29', '1990-05-31']",
            f"customer.renews_at {no}in ['2026-09-01', '2026-03-29T01:00:00+01:00']",
        )

    def set_test(self) -> str:
        no = self.pick("", "not ")
        return self.pick(
            f"customer.tags {no}contains 'vip'",
            f"customer.tags {no}contains customer.country",
            f"customer.tags {no}contains any of [vip, beta]",
            f"customer.tags {no}contains all of [vip, beta]",
            f"customer.sizes {no}contains 38",
            f"customer.sizes {no}contains any of [38, 40.5]",
            f"event.products.category {no}contains 'shoes'",
            f"event.products.category {no}contains all of [shoes, hats]",
            f"event.ratings {no}contains 5",
            f"last(order.products.category) {no}contains 'hats'",
        )

    def range_test(self) -> str:
        no = self.pick("", "not ")
        low = self.random.randint(0, 60)
        return self.pick(
            f"{self.numeric()} {no}between {low} and {low + 30}",
            f"customer.ltv {no}between customer.points and 60",
            f"customer.ltv {no}between 20 and customer.points * 20",
            f"event.total {no}between 20 and 75.5",
            f"customer.balance {no}between event.total and 100",
            f"customer.birth_date {no}between '1980-01-01' and '1999-12-31'",
        )

    def presence(self) -> str:
        field = self.pick(
            "customer.email", "customer.ltv", "customer.address.city", "event.total", "customer.profile",
            "customer.renews_at", "customer.birth_date", "customer.profile", "steps.coupon.code",
            "event.total / customer.points",
            "(customer.ltv > 20 and customer.consent)", "last(order.channel)",
        )  # fmt: skip
        return f"{field} is {self.pick('missing', 'present', 'not missing')}"

    def flag(self) -> str:
        return self.pick(
            "customer.consent", "event.gift", "not customer.consent", "customer.country changed",
            "customer.address.city changed", "default(customer.consent, true)",
            "true", "customer.consent != event.gift",
        )  # fmt: skip

    def case_test(self) -> str:
        end = self.pick("", f" else {self.numeric(2)}")
        return self.pick(
            f"case when {self.text_test()} then {self.numeric(2)} when {self.flag()} then 5{end} end > 20",
            f"case when {self.compared()} then event.total else customer.balance end >= 30",
            f"case when {self.flag()} then customer.consent else event.gift end",
            "case when customer.consent then customer.tags end contains 'vip'",
        )

    def with_steps(self) -> str:
        return self.pick(
            "steps.coupon.percent >= 10",
            "steps.coupon.code starts with 'X'",
            "trigger.kind == 'event'",
            "trigger.planned_at >= '2026-06-01'",
        )

    def date_test(self) -> str:
        return self.pick(
            f"customer.birth_date {self.op()} '1990-05-31'",
            f"customer.renews_at {self.order_op()} '2026-09-01'",
            f"customer.renews_at {self.order_op()} '2026-03-29T01:00:00+01:00'",
            f"customer.renews_at {self.order_op()} customer.birth_date",
            f"customer.renews_at - customer.trial_ends_at {self.order_op()} {self.pick(*DURATIONS)}",
            f"customer.renews_at + 7d {self.order_op()} customer.trial_ends_at",
            f"-(customer.renews_at - customer.trial_ends_at) {self.order_op()} {self.pick(*DURATIONS)}",
            f"default(customer.renews_at, customer.trial_ends_at) {self.order_op()} '2026-07-01'",
        )

    def named(self) -> str:
        return self.pick(
            lambda: f"customer {self.pick('', 'not ')}in segment {self.pick('rich', 'quiet', 'german')}",
            lambda: f"metrics.spend {self.order_op()} {self.amount()}",
            lambda: f"metrics.recency {self.order_op()} {self.number()}",
            lambda: f"metrics.opens {self.order_op()} {self.share()}",
            lambda: f"metrics.habit {self.pick('==', '!=')} '{self.pick('regular', 'new')}'",
            lambda: f"spent({self.pick(*DURATIONS)}) {self.order_op()} {self.amount()}",
            lambda: f"score({self.pick('1', '2', '0.5')}) {self.order_op()} {self.number()}",
        )

    def window(self) -> str:
        return self.pick(
            lambda: f" in last {self.pick(*DURATIONS)}",
            lambda: f" in last {self.pick(*DURATIONS)}",
            lambda: f" between {self.pick('60d', '45d', '90d')} and {self.pick('1d', '7d', '30d')} ago",
            lambda: f" in last {self.pick('1', '2', '7', '30')} calendar days",
            lambda: f" this {self.pick('day', 'week', 'month', 'quarter', 'year')}",
            lambda: f" this {self.pick('day', 'week', 'month', 'quarter', 'year')}",
            lambda: f" since {self.pick('2026-01-01', '2026-07-15')}",
            " since start",
            "",
            "",
        )

    def where(self) -> str:
        if self.random.random() < 0.55:
            return ""
        test = self.pick(
            "channel == 'web'",
            "channel != 'web'",
            "channel not in [web, app]",
            "total >= 20 and channel is present",
            "not (total < 50)",
            "total > event.total",
            "total between 10 and customer.balance",
            "score > 2",
            "gift",
            "weight > customer.ltv or items >= 2",
            "products.category contains 'shoes'",
            "shipped_at is missing",
            "days_until(customer.renews_at) > 10 and total > 10",
        )
        return f" where {test}"

    def aggregate(self, head: str) -> str:
        """One look at history; filters that do not suit the event are left out."""
        where = self.where()
        if "order" not in head and any(word in where for word in ("gift", "weight", "shipped_at", "products")):
            where = ""
        if "order" in head and "score" in where:
            where = ""
        if self.timeless and "days_" in where:
            where = ""
        window = self.pick("", " since 2026-01-01", " since start") if self.timeless else self.window()
        return f"{head}{where}{window})"

    def looked_back(self) -> str:
        event = self.pick("order", "order", "email_sent", "email_opened")
        return self.pick(
            lambda: f"{self.aggregate(f'count({event}')} {self.op()} {self.random.randint(0, 4)}",
            lambda: self.aggregate(f"exists({event}"),
            lambda: f"{self.aggregate(f'sum({event}.total')} {self.op()} {self.amount()}",
            lambda: f"{self.aggregate('sum(order.weight')} {self.order_op()} {self.number()}",
            lambda: f"{self.aggregate('sum(order.items')} {self.op()} {self.random.randint(0, 6)}",
            lambda: f"{self.aggregate('avg(order.total')} {self.order_op()} {self.amount()}",
            lambda: f"{self.aggregate('avg(order.weight')} {self.order_op()} {self.number()}",
            lambda: f"{self.aggregate('min(order.total')} {self.order_op()} {self.amount()}",
            lambda: f"{self.aggregate('max(order.items')} {self.order_op()} {self.random.randint(0, 4)}",
            lambda: f"{self.aggregate('last(order.channel')} == '{self.pick('web', 'app')}'",
            lambda: f"{self.aggregate('first(order.total')} {self.order_op()} {self.amount()}",
            lambda: f"{self.aggregate('last(order.gift')}",
            lambda: f"{self.aggregate('distinct(order.channel')} {self.op()} {self.random.randint(0, 2)}",
            lambda: f"{self.aggregate('distinct(order.products.category')} {self.order_op()} 2",
            lambda: f"{self.aggregate('ratio(email_opened, email_sent')} {self.order_op()} {self.share()}",
            lambda: (
                f"{self.aggregate('sum(order.total')} {self.order_op()} {self.aggregate('sum(email_sent.total')} * 2"
            ),
        )

    def since_test(self) -> str:
        days = self.pick("1", "7", "30", "45.5", "90")
        return self.pick(
            lambda: f"{self.aggregate('days_since(order')} {self.op()} {days}",
            lambda: f"{self.aggregate('days_since(email_sent')} {self.order_op()} {days}",
            lambda: f"{self.aggregate('last_at(order')} {self.order_op()} '2026-07-01'",
            lambda: f"{self.aggregate('first_at(order')} {self.order_op()} customer.renews_at",
            lambda: f"days_since(customer.renews_at) {self.order_op()} {days}",
            lambda: f"days_until(customer.renews_at) {self.pick('', 'not ')}between {days} and 60",
            lambda: f"days_since(customer.birth_date) / 365.25 {self.order_op()} 30",
            lambda: f"age(customer.birth_date) {self.op()} {self.pick('18', '30', '36')}",
            lambda: f"known_days() {self.order_op()} {days}",
        )

    def moment_test(self) -> str:
        """Time on both sides, and in arithmetic."""
        return self.pick(
            lambda: f"days_since(order) {self.order_op()} days_since(email_sent)",
            lambda: f"days_since(order) * 2 {self.order_op()} known_days() + {self.number()}",
            lambda: f"100 - days_since(order) * {self.pick('2', '0.3')} {self.order_op()} {self.number()}",
            lambda: f"days_until(customer.renews_at) {self.order_op()} days_since(order)",
            lambda: f"days_since(order) * days_since(email_sent) {self.order_op()} {self.pick('100', '900', '5000')}",
            lambda: f"count(order) / known_days() {self.order_op()} 0.0{self.random.randint(1, 9)}",
            lambda: f"round(days_since(order)) {self.op()} {self.random.randint(0, 60)}",
            lambda: f"least(days_since(order), known_days()) {self.order_op()} {self.number()}",
            lambda: f"greatest(days_since(order), 10) {self.order_op()} {self.number()}",
            lambda: f"abs(days_until(customer.renews_at)) {self.order_op()} {self.random.randint(1, 30)}",
            lambda: f"default(days_since(order), 400) {self.order_op()} {self.number()}",
            lambda: f"case when days_since(order) < 20 then known_days() else 50 end {self.order_op()} {self.number()}",
            lambda: f"customer.sizes {self.pick('', 'not ')}contains round(days_since(order) + {self.number()})",
            lambda: f"event.total {self.op()} age(customer.birth_date)",
            lambda: f"days_since(order) is {self.pick('missing', 'present')}",
            lambda: f"-days_since(order) {self.order_op()} -20.5",
        )
