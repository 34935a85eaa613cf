"""The client's own loop, host by host."""

from typing import Any

import pytest

from analysis.claims.client_loop import client_loop
from analysis.comparison.view import View, view_of
from analysis.model import Criteria
from analysis.reduction.tables import Tables
from tests.analysis.claims.rung_tables import asked, lost
from tests.analysis.tables_by_hand import SHORT, moved, sketched, with_cells


def view(tables: Tables) -> View:
    return view_of(tables, Criteria())


@pytest.mark.parametrize("given", [{}, SHORT])
def test_a_blocked_loop_is_confirmed_on_its_host(given: dict[str, Any]) -> None:
    tables = sketched(1, attempts_a_minute=600.0, **given)
    host = tables.cells["host"].iloc[0]
    blocked = (tables.cells["host"] == host) & (tables.cells.index % 5 == 0)
    finding = client_loop(view(moved(tables, "client_loop", blocked)))
    assert finding.state == "confirmed"
    assert str(host) in finding.evidence


def test_many_short_lags_are_not_ruled_out() -> None:
    tables = sketched(1, base_risk=0.02)
    late = with_cells(tables, any_lag_bad=lambda cells: cells["bad"])
    assert client_loop(view(tables)).state == "ruled_out"
    assert client_loop(view(late)).state == "undecided"


def test_a_host_with_few_attempts_and_no_late_loop_is_asked_for_more_of_them() -> None:
    finding = client_loop(view(sketched(1, **SHORT, base_risk=0.0)))
    assert finding.state == "undecided"
    assert "no attempt failed with a late loop" in finding.evidence
    assert "attempts on each host" in finding.needs and "Fewer users" not in finding.needs


def test_unmeasured_lag_decides_nothing() -> None:
    finding = client_loop(view(with_cells(sketched(1), lag_null=lambda cells: cells["n"])))
    assert finding.state == "undecided"
    assert "unknown" in finding.evidence


def test_one_host_is_enough_where_the_kernel_says_that_nothing_lay_unread() -> None:
    one_a_side = sketched(1, base_risk=0.02, hosts=1)
    timeouts = int(one_a_side.cells["timeouts"].sum())
    finding = client_loop(view(asked(one_a_side)))
    assert finding.state == "ruled_out"
    assert f"Of {timeouts} timeouts whose place is known none had bytes waiting in this machine" in finding.evidence
    assert "at most" in finding.evidence


def test_answers_that_lay_unread_are_the_client_loops_and_are_counted() -> None:
    tables = asked(sketched(1, base_risk=0.001))
    finding = client_loop(view(lost(tables, 0.03, facts=("client_loop", "here"), host="Linux-1")))
    assert finding.state == "confirmed"
    assert "not read or sent" in finding.evidence
    assert "timeouts whose place is known" in finding.evidence
    assert "place is known" not in client_loop(view(sketched(1, base_risk=0.02))).evidence


def test_a_host_with_few_connections_is_cleared_where_each_timeout_was_asked_about() -> None:
    many = sketched(1, **SHORT, attempts_a_minute=1500.0, base_risk=0.1)
    few = with_cells(many, connections=lambda cells: (cells["n"] // 20).clip(lower=1))
    assert client_loop(view(few)).state == "undecided"
    assert client_loop(view(asked(few))).state == "ruled_out"
    half_unasked = asked(few, placed=few.cells["timeouts"] * (few.cells.index % 2))
    assert client_loop(view(half_unasked)).state == "undecided"
    late = with_cells(asked(few), any_lag_bad=lambda cells: cells["bad"].clip(upper=1))
    assert client_loop(view(late)).state == "undecided"
