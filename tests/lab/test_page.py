"""The page of the lab, from rows and what was seen."""

from __future__ import annotations

from lab.judge import Expected, Seen
from lab.page import page, result, told
from lab.rows import Row, Setup

ROW = Row(
    *("nginx-502", "nginx", "the server is down", Setup("")),
    Expected(right=frozenset({"server"}), words=("502|bad gateway",), never=("age limit",)),
    *((), "nginx"),
)


def test_a_right_row_is_ok_and_a_wrong_one_says_what_is_wrong() -> None:
    assert result(ROW, Seen(frozenset({"server"}), "HTTP 502")) == "ok"
    assert result(ROW, Seen(frozenset(), "HTTP 502")) == "server is missing"


def test_a_row_that_was_skipped_says_why() -> None:
    assert result(ROW, "nginx is not installed.") == "skipped: nginx is not installed."
    assert "| – | – | skipped: nginx is not installed. |" in page([(ROW, "nginx is not installed.")])


def test_a_line_has_what_was_expected_and_what_was_seen() -> None:
    screen = "Service levels breached.\nFound: it comes from the server's side (HTTP 502).\nUndecided: much."
    (line,) = [one for one in page([(ROW, Seen(frozenset({"server"}), screen))]).splitlines() if "nginx-502" in one]
    assert line == (
        "| nginx-502 | nginx | the server is down | server | “502” or “bad gateway”, not “age limit” | server "
        "| Service levels breached. Found: it comes from the server's side (HTTP 502). | ok |"
    )


def test_where_waits_must_be_lost_stands_among_what_must_be_said() -> None:
    row = ROW._replace(expected=Expected(rungs=("unread", "generator")))
    assert told(row)[-1] == "lost by each client: unread or generator"


def test_long_sentences_are_cut_between_words_and_bars_do_not_end_a_cell() -> None:
    line = page([(ROW, Seen(frozenset(), "a|b " + "word " * 100))]).splitlines()[-1]
    assert "a\\|b word" in line
    assert " word ... |" in line
