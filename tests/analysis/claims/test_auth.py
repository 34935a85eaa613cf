"""Tokens that are refused, counted where the refusals are."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.claims.auth import auth
from analysis.comparison.view import View, view_of
from analysis.model import Criteria
from analysis.reduction.tables import Tables
from tests.analysis.tables_by_hand import SHORT, moved, sketched


def view(tables: Tables) -> View:
    return view_of(tables, Criteria())


@pytest.mark.parametrize("given", [{}, SHORT])
def test_refused_tokens_are_confirmed_even_in_ninety_seconds(given: dict[str, Any]) -> None:
    tables = sketched(1, attempts_a_minute=600.0, base_risk=0.0, **given)
    some = (tables.cells["kind"] == "connect") & (tables.cells.index % 6 == 0)
    finding = auth(view(moved(tables, "auth", some)))
    assert finding.state == "confirmed"
    assert "of the connects" in finding.evidence


def test_no_refusal_in_740_connects_rules_auth_out() -> None:
    assert auth(view(sketched(1, **{**SHORT, "attempts_a_minute": 1300.0}))).state == "ruled_out"
    few = auth(view(sketched(1, **{**SHORT, "attempts_a_minute": 100.0})))
    assert few.state == "undecided"
    assert "more connects" in few.needs


def test_where_no_credentials_were_shown_nothing_is_said_unless_there_are_refusals() -> None:
    without = Criteria(has_credentials=False)
    clean = sketched(1, **{**SHORT, "attempts_a_minute": 1300.0})
    finding = auth(view_of(clean, without))
    assert (finding.state, finding.effect) == ("undecided", None)
    assert finding.evidence == "Sessions came without credentials: there was nothing to refuse."
    refused = moved(clean, "auth", (clean.cells["kind"] == "connect") & (clean.cells.index % 6 == 0))
    assert auth(view_of(refused, without)).state == "confirmed"


def test_refusals_of_one_host_are_not_diluted_by_the_others() -> None:
    tables = sketched(1, base_risk=0.0)
    skewed = (
        (tables.cells["host"] == "Linux-1") & (tables.cells["kind"] == "connect") & (tables.cells["minute"] % 40 == 0)
    )
    finding = auth(view(moved(tables, "auth", skewed)))
    assert finding.state == "confirmed"
    assert "Linux-1" in finding.evidence


def test_the_tokens_that_were_still_good_are_counted_where_the_refusals_are() -> None:
    tables = sketched(1, base_risk=0.0)
    connects = tables.cells["kind"] == "connect"
    here = connects & (tables.cells["host"] == "Linux-1") & (tables.cells["minute"] % 40 == 0)
    others = connects & (tables.cells["host"] != "Linux-1") & (tables.cells["n"] > 0)
    elsewhere = tables.cells.index == tables.cells.index[others][0]
    refused = moved(tables, "auth", here | elsewhere)
    good = np.where(here | elsewhere, refused.cells["n"], 0)
    finding = auth(view(replace(refused, cells=refused.cells.assign(auth_fresh=good))))
    count = int(refused.cells["n"][here].sum())
    assert f"({count} of " in finding.evidence
    assert f" {count} of them more than a minute" in finding.evidence
