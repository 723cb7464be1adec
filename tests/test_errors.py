"""The cure for an unknown name says which known ones are meant."""

from __future__ import annotations

from retain.errors import did_you_mean, nearest


def test_the_known_name_that_is_most_like_is_meant() -> None:
    assert nearest("order_complted", ["cart_updated", "order_completed"]) == "order_completed"
    assert did_you_mean("order_complted", ["order_completed"]) == "did you mean order_completed?"


def test_a_name_that_only_stands_elsewhere_is_meant() -> None:
    assert nearest("city", ["address.city", "name"]) == "address.city"


def test_a_name_that_is_like_none_is_answered_with_all_where_they_are_few() -> None:
    assert nearest("zzz", ["cron", "date"]) == ""
    assert did_you_mean("zzz", ["date", "cron"]) == "known: cron, date"
    assert did_you_mean("zzz", []) == ""


def test_few_names_are_all_told_however_long_they_are() -> None:
    names = [f"{letter * 60}_{letter}" for letter in "abcdefgh"]
    assert did_you_mean("zzz", names) == f"known: {', '.join(names)}"


def test_of_many_names_those_most_alike_are_told_and_the_others_counted() -> None:
    names = [f"{letter * 3}_happened_on_some_day" for letter in "abcdefghijklmnop"]
    told = did_you_mean("zzz", names)
    assert told.startswith("known: ")
    assert told.endswith(" and 8 more")
