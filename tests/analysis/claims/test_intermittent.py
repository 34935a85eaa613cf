"""What fails now and then under the same conditions, and what only looks so."""

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.claims.intermittent import intermittent
from analysis.comparison.view import View, view_of
from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from tests.analysis.tables_by_hand import moved, sketched, with_cells


def view(tables: Tables) -> View:
    return view_of(tables, Criteria())


def test_a_fault_that_strikes_always_is_not_intermittent() -> None:
    tables = sketched(1, base_risk=0.0)
    always = moved(tables, "residual", tables.cells["operation"] == "chat")
    assert intermittent(view(always)).state == "ruled_out"


def test_a_type_with_too_few_attempts_is_named_and_not_called_the_worst_of_those_below_the_margin() -> None:
    tables = sketched(3, base_risk=0.0)
    is_rare = (tables.cells["operation"] == "chat") & (tables.cells["minute"] == tables.cells["minute"].min())
    rare = with_cells(tables, operation=np.where(is_rare, "agent_request", tables.cells["operation"]))
    finding = intermittent(view(rare))
    assert finding.state == "ruled_out"
    assert "agent_request requests:" not in finding.evidence
    named = (
        "Linux, agent_request requests, Windows, agent_request requests, agent_request exchanges of a and 1 other part"
    )
    assert f"Too few attempts to say it of {named} of the run alone." in finding.evidence


def test_a_fault_of_connects_is_not_diluted_by_exchanges() -> None:
    tables = sketched(
        1, base_risk=0.0, attempts_a_minute=300.0, operations=("connect", *(f"type-{i}" for i in range(9)))
    )
    connects = tables.cells["kind"] == "connect"
    hit = np.where(connects, np.random.default_rng(1).binomial(tables.cells["n"], 0.025), 0)
    few = with_cells(tables, bad=hit, residual=hit, timeouts=hit)
    assert hit.sum() / tables.cells["n"].sum() < 0.005
    assert intermittent(view(few)).state == "confirmed"


def test_what_always_fails_for_a_user_or_a_size_is_not_intermittent() -> None:
    tables = sketched(1, base_risk=0.0, attempts_a_minute=600.0)
    struck = tables.cells["n"] // 10
    now_and_then = with_cells(tables, bad=struck, residual=struck, timeouts=struck)
    assert intermittent(view(now_and_then)).state == "confirmed"
    always = with_cells(now_and_then, n_always=struck, bad_always=struck)
    assert intermittent(view(always)).state == "ruled_out"


def test_failures_that_may_all_be_those_of_users_who_never_succeed_confirm_nothing() -> None:
    tables = sketched(1, base_risk=0.0, attempts_a_minute=600.0)
    struck = np.where(tables.cells["platform"] == "Windows", tables.cells["n"] // 10, 0)
    tables = with_cells(tables, bad=struck, residual=struck, timeouts=struck)

    def never_ok(platform: str, n: int) -> Finding:
        of_kinds = [(platform, kind, 3, n) for kind in ("connect", "exchange")]
        return intermittent(view(replace(tables, never_ok=pd.DataFrame(of_kinds, columns=tables.never_ok.columns))))

    assert never_ok("Windows", 10).state == "confirmed"
    assert never_ok("Linux", int(struck.sum())).state == "confirmed"
    finding = never_ok("Windows", int(struck.sum()))
    assert finding.state == "undecided"
    assert "6 users failed each time, and came less than ten times: they may fail always." in finding.evidence
