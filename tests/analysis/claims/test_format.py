"""Messages that are misread, or never answered by type."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.claims.format import flagged_by_format, format_
from analysis.comparison.view import View, view_of
from analysis.model import Criteria
from analysis.reduction.tables import Tables
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import SHORT, moved, sketched, with_cells


def view(tables: Tables) -> View:
    return view_of(tables, Criteria())


@pytest.mark.parametrize("given", [{}, SHORT])
def test_a_type_that_nobody_answers_is_the_format_and_leaves_the_comparisons(given: dict[str, Any]) -> None:
    tables = sketched(1, attempts_a_minute=600.0, **given)
    silent = tables.cells["operation"] == "chat"
    dead = moved(tables, "residual", silent)
    prepared = view(dead)
    assert flagged_by_format(prepared).sum() == silent.sum()
    claims = decided_alone(dead, "format", "intermittent").claims
    finding = claims["format"]
    assert finding.state == "confirmed"
    assert "No chat is answered" in finding.evidence
    assert claims["intermittent"].state != "confirmed"


def test_a_type_that_is_asked_on_connections_that_had_fallen_silent_is_not_silent_by_type() -> None:
    tables = sketched(1, attempts_a_minute=600.0)
    silent = tables.cells["operation"] == "chat"
    dead = moved(tables, "residual", silent)
    n = dead.cells.loc[silent, "n_clean"].sum()
    follows = pd.DataFrame([{"host": "Linux-0", "platform": "Linux", "operation": "chat", "n": n}])
    assert not flagged_by_format(view(replace(dead, continued=follows))).any()
    assert format_(view(replace(dead, continued=follows))).state != "confirmed"
    some = replace(dead, continued=follows.assign(n=n // 2))
    assert format_(view(some)).state == "confirmed"


def test_a_type_that_is_answered_too_late_is_answered() -> None:
    tables = sketched(1, attempts_a_minute=600.0)
    slow = tables.cells["operation"] == "chat"
    late = moved(tables, "residual", slow)
    late = with_cells(late, late=np.where(slow, late.cells["residual"], 0))
    assert not flagged_by_format(view(late)).any()
    assert format_(view(late)).state != "confirmed"


def test_a_target_that_answers_nothing_is_no_matter_of_format() -> None:
    dead = moved(sketched(1), "residual", np.ones(len(sketched(1).cells), dtype=bool))
    assert format_(view(dead)).state != "confirmed"


def test_frames_before_the_welcome_that_one_client_cannot_read() -> None:
    tables = sketched(1)
    preface = tables.cells.index % 4 == 0
    blind = preface & (tables.cells["kind"] == "connect") & (tables.cells["client"] == "websockets-asyncio")
    finding = format_(view(moved(with_cells(tables, preface=preface), "residual", blind)))
    assert finding.state == "confirmed"
    assert "before the welcome" in finding.evidence


def test_malformed_frames_are_counted() -> None:
    tables = sketched(1)
    finding = format_(view(moved(tables, "format", tables.cells.index % 20 == 0)))
    assert finding.state == "confirmed"
