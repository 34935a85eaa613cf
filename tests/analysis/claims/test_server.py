"""The union of the server's paths, and what it takes to rule the server out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.reduction.tables import Tables
from tests.analysis.claims.server_tables import server
from tests.analysis.tables_by_hand import sketched, with_cells


def test_a_clean_cohort_all_the_time_rules_the_server_out() -> None:
    finding = server(sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120))
    assert finding.state == "ruled_out"
    assert "Linux" in finding.evidence


def test_a_type_that_nobody_answers_leaves_the_server_open() -> None:
    tables = sketched(1, base_risk=0.0)
    silent = tables.cells["operation"] == "chat"
    hit = np.where(silent, tables.cells["n"], 0)
    finding = server(with_cells(tables, bad=hit, residual=hit, timeouts=hit))
    assert finding.state == "undecided"
    assert "chat" in finding.evidence


def told_no(tables: Tables, column: str = "said_no", share: float = 0.05, **only: str | int) -> Tables:
    """A share of the attempts of some is refused or reset; nobody waits in vain."""
    inside = np.ones(len(tables.cells), dtype=bool)
    for name, value in only.items():
        inside &= (tables.cells[name] == value).to_numpy()
    hit = np.where(inside, np.random.default_rng(1).binomial(tables.cells["n"], share), 0)
    return with_cells(tables, **{"residual": hit, "bad": hit, "timeouts": 0 * hit, column: hit})


@pytest.mark.parametrize("only", [{"platform": "Windows"}, {"client": "websockets-asyncio"}, {"delay_us": 320_000}])
def test_a_clean_cohort_clears_the_server_of_silence_and_not_of_refusals(only: dict[str, Any]) -> None:
    tables = sketched(1, base_risk=0.0, attempts_a_minute=300.0)
    silent = server(told_no(tables, "timeouts", **only))
    assert silent.state == "ruled_out"
    refused = server(told_no(tables, **only))
    assert refused.state == "undecided"
    assert "Refused, reset or closed: Not surely below" in refused.evidence
    assert "who refused, reset or closed" in refused.needs
    assert {check.name: check.ok for check in refused.checks}["hardly anybody told no"] is False


def test_a_few_refusals_everywhere_leave_the_server_ruled_out() -> None:
    tables = sketched(1, base_risk=0.0, attempts_a_minute=300.0)
    assert server(told_no(tables, share=0.001)).state == "ruled_out"


@pytest.mark.parametrize("factor, clears", [("scenario", False), ("cpu", True)])
def test_a_clean_side_that_the_target_can_tell_from_the_other_clears_it_for_itself_only(
    factor: str, clears: bool
) -> None:
    tables = sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120)
    mine = tables.factors.assign(factor=factor, level=tables.factors["platform"])
    finding = server(replace(tables, factors=pd.concat([tables.factors, mine], ignore_index=True)))
    assert finding.state == ("ruled_out" if clears else "undecided")
