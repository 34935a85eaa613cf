"""A run's line in the list of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from scenarios.screens.web_runs import UNKNOWN, row_of, run_row

RUN: dict[str, Any] = {
    "started_at": "2026-11-30T04:57:33.000000Z",
    "ended_at": "2026-11-30T06:02:40.000000Z",
    "ended": "run_time",
    "users": 1200,
    "target": {"url": "wss://staging.example.com/ws", "standin": False},
}
VERDICT = {"slo": {"state": "breached"}, "answer": {"why": "It comes from the server's side."}}


def test_a_run_is_told_by_date_target_users_length_verdict_and_first_line() -> None:
    row = run_row("r", RUN, VERDICT, ("report.html",))
    assert (row.date, row.target, row.users) == ("2026-11-30 04:57", "wss://staging.example.com/ws", "1,200")
    assert (row.length, row.verdict, row.first_line) == ("1 h 5 min", "breached", "It comes from the server's side.")


def test_the_stand_in_is_named_as_such() -> None:
    assert run_row("r", RUN | {"target": {"url": "ws://127.0.0.1:1", "standin": True}}, {}, ()).target == "the stand-in"


@pytest.mark.parametrize(("ended_at", "length"), [("04:57:45", "12 s"), ("04:59:33", "2 min 0 s"), ("soon", UNKNOWN)])
def test_lengths_are_as_long_as_they_matter(ended_at: str, length: str) -> None:
    ended = f"2026-11-30T{ended_at}.000000Z" if ":" in ended_at else ended_at
    assert run_row("r", RUN | {"ended_at": ended}, {}, ()).length == length


@pytest.mark.parametrize(("problems", "first"), [(["Lost.", "Late."], "Lost."), ([], ""), ([3], ""), ("Lost.", "")])
def test_what_makes_a_run_void_is_the_first_of_its_problems(problems: Any, first: str) -> None:
    assert run_row("r", RUN | {"problems": problems}, {}, ()).problem == first


def test_a_run_that_goes_on_says_so() -> None:
    assert run_row("r", RUN | {"ended_at": None, "ended": "running"}, {}, ()).length == "running"


def test_what_its_files_do_not_say_is_a_dash_and_costs_nothing_else() -> None:
    wrong: dict[str, Any] = {"started_at": 3, "target": [], "users": "many"}
    row = run_row("r", wrong, {"slo": None, "answer": "x"}, ())
    assert {row.date, row.target, row.users, row.length, row.first_line} == {UNKNOWN}
    assert row.verdict == "not analysed"


def test_files_are_read_the_report_stands_first_and_half_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(RUN))
    (tmp_path / "verdict.json").write_text('{"slo": ')
    (tmp_path / "report.html").write_text("")
    row = row_of(tmp_path)
    assert row.files == ("report.html", "verdict.json", "run.json")
    assert (row.users, row.verdict) == ("1,200", "not analysed")
