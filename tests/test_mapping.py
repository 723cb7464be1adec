"""CSV to messages: the mapping decides, nothing is guessed, and what is wrong is named."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from retain.errors import RetainError, RuleError
from retain.model import Json
from retain.resources import resource
from retain.wire.mapping import read_csv_messages, read_mapping

DEMO = resource("rules") / "demo"
ORDERS = """
version: 1
messages:
  - call: identify
    first: who
    user_id: "{who}"
    timestamp: "{day}T12:00:00Z"
    traits: {email: "{who}@example.test", source: import}
  - call: track
    when: {kind: [sale, gift]}
    user_id: "{who}"
    timestamp: "{day}T12:00:00Z"
    event: Order Completed
    properties: {order_id: "line-{line}", total: "{sum:number}", note: "{note}"}
"""


def messages(tmp_path: Path, rows: str, mapping: str = ORDERS, name: str = "orders.csv") -> list[dict[str, Json]]:
    """The messages of a CSV text."""
    file = tmp_path / name
    data = rows.encode()
    file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return list(read_csv_messages(file, read_mapping(mapping, "orders.mapping.yml")))


def test_a_row_becomes_what_the_mapping_says(tmp_path: Path) -> None:
    found = messages(tmp_path, "who,day,kind,sum,note\nada,1997-01-01,sale,49.90,\n")
    assert found == [
        {
            "type": "identify",
            "messageId": "orders.csv:2:0",
            "userId": "ada",
            "timestamp": "1997-01-01T12:00:00Z",
            "traits": {"email": "ada@example.test", "source": "import"},
        },
        {
            "type": "track",
            "messageId": "orders.csv:2:1",
            "userId": "ada",
            "timestamp": "1997-01-01T12:00:00Z",
            "event": "Order Completed",
            "properties": {"order_id": "line-2", "total": 49.9},
        },
    ]


def test_only_the_first_row_of_a_value_and_only_rows_with_one_of_some_values(tmp_path: Path) -> None:
    rows = "who,day,kind,sum,note\nada,1997-01-01,sale,5,\nada,1997-01-02,gift,6,\nada,1997-01-03,visit,,\n"
    assert Counter(message["type"] for message in messages(tmp_path, rows)) == {"identify": 1, "track": 2}


def test_a_compressed_file_reads_as_a_plain_one(tmp_path: Path) -> None:
    rows = "who,day,kind,sum,note\nada,1997-01-01,sale,5,x\n"
    plain = messages(tmp_path, rows)
    packed = messages(tmp_path, rows, name="orders.csv.gz")
    assert [message | {"messageId": ""} for message in plain] == [message | {"messageId": ""} for message in packed]


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("49.90", 49.9), (" 7 ", 7), ("-1", -1), ("many", "many"), ("1e3", 1000.0)]
)
def test_a_number_is_a_number_where_it_can_be_one(tmp_path: Path, text: str, value: Json) -> None:
    _, order = messages(tmp_path, f"who,day,kind,sum,note\nada,1997-01-01,sale,{text},\n")
    assert order["properties"]["total"] == value


def test_a_short_row_costs_only_itself(tmp_path: Path) -> None:
    rows = "who,day,kind,sum,note\nada\n\nben,1997-01-01,sale,5,\n"
    assert [message.get("timestamp") for message in messages(tmp_path, rows)] == [
        None,
        "1997-01-01T12:00:00Z",
        "1997-01-01T12:00:00Z",
    ]


def test_a_row_that_runs_over_lines_is_known_by_its_last_line(tmp_path: Path) -> None:
    rows = 'who,day,kind,sum,note\nada,1997-01-01,sale,5,"two\nlines"\n'
    assert messages(tmp_path, rows)[1]["properties"]["note"] == "two\nlines"


def test_another_delimiter_and_a_byte_order_mark(tmp_path: Path) -> None:
    mapping = ORDERS.replace("version: 1", "version: 1\ndelimiter: ';'")
    rows = "\ufeffwho;day;kind;sum;note\nada;1997-01-01;sale;5;\n"
    assert messages(tmp_path, rows, mapping)[0]["userId"] == "ada"


def test_a_column_that_the_file_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(RetainError, match=r"has no column 'who'.*\n.*did you mean whom\?"):
        messages(tmp_path, "whom,day,kind,sum,note\n")


def test_a_file_that_is_not_there_or_no_text_is_an_error_of_ours(tmp_path: Path) -> None:
    mapping = read_mapping(ORDERS, "orders.mapping.yml")
    with pytest.raises(RetainError, match="cannot be opened"):
        next(read_csv_messages(tmp_path / "none.csv", mapping))
    (tmp_path / "bad.csv").write_bytes(b"who,day,kind,sum,note\n\xff\xfe")
    with pytest.raises(RetainError, match="no CSV in UTF-8"):
        list(read_csv_messages(tmp_path / "bad.csv", mapping))
    (tmp_path / "bad.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(RetainError, match="no CSV in UTF-8"):
        list(read_csv_messages(tmp_path / "bad.csv.gz", mapping))
    whole = gzip.compress(b"who,day,kind,sum,note\n" + bytes(range(32, 127)) * 9)
    for damaged in (whole[:-9], whole[:40] + b"\xff" * 40):
        (tmp_path / "bad.csv.gz").write_bytes(damaged)
        with pytest.raises(RetainError, match="no CSV in UTF-8"):
            list(read_csv_messages(tmp_path / "bad.csv.gz", mapping))
    (tmp_path / "bad.csv").write_bytes("who,day,kind,sum,note\n".encode("utf-16-le"))
    with pytest.raises(RetainError, match="a zero byte"):
        list(read_csv_messages(tmp_path / "bad.csv", mapping))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nmessages:\n  - call: trak", "did you mean track"),
        ("version: 1\nmessages:\n  - {call: track, usr_id: x}", "did you mean user_id"),
        ("version: 2\nmessages: []", "version must be 1"),
        ("version: 1\ndelimiter: ab\nmessages: []", "delimiter must be one character"),
        ('version: 1\ndelimiter: "\\n"\nmessages: []', "delimiter must be one character"),
        ("messages: []", "needs 'version'"),
        ("version: 1\nmessages:\n  - {call: track, when: purchase}", "when must be a map"),
        ("version: 1\nmessages:\n  - {call: track, properties: {a: [1]}}", "a must be one value"),
        ("version: 1\nmessages: [", "E20"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_mapping(text, "m.yml")
    shown = "\n".join(problem.render() for problem in caught.value.problems)
    assert said in shown
    assert "m.yml:" in shown


def shipped(name: str) -> list[dict[str, Json]]:
    """The messages of one of the demo's data sets."""
    file = DEMO / f"{name}.mapping.yml"
    return list(read_csv_messages(DEMO / "data" / f"{name}.csv.gz", read_mapping(file.read_text(), str(file))))


def test_every_row_of_the_clickstream_is_a_message_and_every_visitor_a_lead() -> None:
    found = shipped("clickstream")
    kinds = Counter(message.get("event", message["type"]) for message in found)
    assert kinds["Lead Created"] == kinds["identify"] == 600
    assert kinds["Product Added"] == 1346
    assert kinds["Order Completed"] == 470
    assert len(found) == 31_106 + 2 * 600
    assert len({message["messageId"] for message in found}) == len(found)
    assert not any("total" in message.get("properties", {}) for message in found)


def test_the_purchases_are_those_of_the_source() -> None:
    found = shipped("purchases")
    orders = [message for message in found if message["type"] == "track"]
    assert len(orders) == 69_659
    assert len(found) - len(orders) == 23_570
    assert round(sum(order["properties"]["total"] for order in orders), 2) == 2_500_315.63
    assert {order["timestamp"][10:] for order in orders} == {"T12:00:00Z"}
    assert all(first["timestamp"] <= second["timestamp"] for first, second in pairwise(orders))
