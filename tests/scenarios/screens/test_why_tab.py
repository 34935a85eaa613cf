from __future__ import annotations

import json
from typing import Any

import msgspec

from scenarios.screens.live_file import Seen, Written
from scenarios.screens.why_tab import KEY, MOST_LINES, TEMPLATE_ARGS, WhyTab, rows
from tests.scenarios.screens.live_documents import HOSTILE, as_json, document


def seen(**more: Any) -> Seen:
    return msgspec.json.decode(as_json(document(**more)), type=Seen)


def test_the_table_says_why_and_counts_by_cause_platform_client_delay_and_instance() -> None:
    found = rows(seen())
    assert [row["by"] for row in found] == [
        *("Why?", "All", "Cause", "Cause", "Platform", "Platform", "Client"),
        *("Added delay", "Added delay", "Added delay", "Instance", "Instance", "Instance", "More"),
    ]
    assert str(found[0]["value"]).startswith("Windows clients with 300 ms added")
    assert found[1] == {
        "by": "All",
        "value": "judged attempts",
        "attempts": 9228,
        "failed": 92,
        "share": "1.00\N{NO-BREAK SPACE}%",
        "mostly": "silent peer (86)",
    }
    assert (found[2]["value"], found[2]["failed"], found[2]["share"]) == ("silent peer", 86, "0.93\N{NO-BREAK SPACE}%")
    assert [row["value"] for row in found[7:10]] == ["none", "100 ms", "300 ms"]
    assert [row["value"] for row in found[10:13]] == ["instance-0", HOSTILE, "not named"]


def test_before_the_first_look_the_table_says_so() -> None:
    assert rows(seen(looked=False))[0]["value"] == "Not looked at yet."


def test_once_more_has_failed_than_the_last_look_knew_the_table_promises_the_next() -> None:
    assert "the next look says why" in str(rows(seen(answer=None))[0]["value"])


def test_without_rows_there_is_one_line_that_says_so_and_one_that_says_where_more_is() -> None:
    assert [row["by"] for row in rows(None)] == ["", "More"]


def test_of_thousands_of_instances_those_with_most_failures_are_shown_and_the_others_counted() -> None:
    many = [{"value": f"i{n}", "n": 10, "failed": n, "causes": {"silent_peer": n}} for n in range(100)]
    given = {"state": "running", "attempts": {"all": 1, "judged": 1}, "by": {"instance": many}}
    found = [row for row in rows(msgspec.convert(given, Seen)) if row["by"] == "Instance"]
    assert len(found) == MOST_LINES + 1
    assert found[0]["value"] == "i99"
    assert found[-1]["value"] == "and 80 more on the live page"


def written(**more: Any) -> Written:
    return Written(b"", seen(**more), 0.0)


def test_the_lines_are_added_to_locusts_statistics_which_stay_as_they_are() -> None:
    for body in (b'{"stats": [1], "state": "running"}', b'{\n  "stats": [\n    1\n  ],\n  "state": "running"\n}\n'):
        added = json.loads(WhyTab().added_to(body, written()))
        assert added.pop("extended_stats") == [{"key": KEY, "data": rows(seen())}]
        assert added == {"stats": [1], "state": "running"}


def test_another_document_gives_other_lines_and_none_gives_those_of_none() -> None:
    tab = WhyTab()
    for one in (written(), written(looked=False), None):
        added = json.loads(tab.added_to(b'{"stats": []}', one))
        assert added["extended_stats"][0]["data"] == rows(one.seen if one is not None else None)


def test_what_is_no_object_stays_as_it_is() -> None:
    assert WhyTab().added_to(b"[]", None) == b"[]"


def test_the_table_has_a_column_for_each_field_and_belongs_to_the_tab() -> None:
    (table,) = TEMPLATE_ARGS["extended_tables"]
    assert [column["key"] for column in table["structure"]] == list(rows(None)[0])
    assert table["key"] == TEMPLATE_ARGS["extended_tabs"][0]["key"] == KEY
    assert not [link for link in TEMPLATE_ARGS["extended_csv_files"] if link["href"].startswith("/")]
