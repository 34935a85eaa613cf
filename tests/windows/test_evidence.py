from __future__ import annotations

from collections import Counter

from windows.evidence import Cell, connects_by_cell, imbalance

ROW = {
    "host": "h1",
    "platform": "Windows",
    "client": "websocket-client",
    "event_loop": "gevent-libuv",
    "delay_s": 0.08,
    "mitigation": "none",
    "outcome": "ok",
}


def test_cells_count_each_outcome() -> None:
    rows = [ROW, ROW | {"outcome": "timeout"}, ROW, ROW | {"platform": "Linux", "event_loop": "gevent-libev"}]
    assert connects_by_cell(rows) == {
        Cell("Linux", "websocket-client", "gevent-libev", 0.08): Counter(ok=1),
        Cell("Windows", "websocket-client", "gevent-libuv", 0.08): Counter(ok=2, timeout=1),
    }


def test_imbalance_is_between_the_fullest_and_the_emptiest_cell_of_a_host() -> None:
    rows = [ROW, ROW, ROW, ROW | {"delay_s": 0.0}, ROW | {"host": "h2"}, ROW | {"host": "h2", "delay_s": 0.0}]
    assert imbalance(rows) == {"h1": 2, "h2": 0}


def test_a_cell_that_one_host_was_never_dealt_counts_as_zero_there() -> None:
    rows = [ROW, ROW, ROW | {"host": "h2", "delay_s": 0.0}]
    assert imbalance(rows) == {"h1": 2, "h2": 1}
