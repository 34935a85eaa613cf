"""Limits and deaths break the sessions of those whom they name."""

from typing import Any

import numpy as np
import pytest

from analysis.simulation.broken_sessions import Dies, Limit
from analysis.simulation.design import CLIENTS
from tests.analysis.simulation.struck_runs import holds, struck_by


@pytest.mark.parametrize(
    ("whose", "column", "met"),
    [
        ({"suspect_only": True}, "platform", "Windows"),
        ({"client": CLIENTS[1]}, "client", CLIENTS[1]),
        ({"at_site": True}, "site", "site-a"),
    ],
)
def test_a_limit_may_be_met_by_one_platform_client_or_site_alone(whose: dict[str, Any], column: str, met: str) -> None:
    limit = Limit(at_s=60.0, fault="server_closed", **whose)
    frame = holds(struck_by(limit))
    here = frame[column] == met
    assert frame[here & frame["bad"]]["duration_s"].between(60.0, 60.4).all()
    assert frame[here]["duration_s"].max() < 60.4
    assert here[frame["bad"]].all()
    assert frame[~here]["duration_s"].max() > 100.0
    assert met.replace("Windows", "suspect").replace("site-a", "first site") in limit.title()


@pytest.mark.parametrize(
    ("whose", "column", "met"),
    [
        ({}, "kind", "hold"),
        ({"suspect_only": True}, "platform", "Windows"),
        ({"client": CLIENTS[2]}, "client", CLIENTS[2]),
    ],
)
def test_sessions_die_at_ages_of_their_own_with_nothing_asked_of_them(
    whose: dict[str, Any], column: str, met: str
) -> None:
    frame = struck_by(Dies(session_share=0.3, **whose))
    held = holds(frame)
    here = held[column] == met
    assert held[here]["bad"].mean() == pytest.approx(0.3, abs=0.06)
    assert not held[~here]["bad"].any()
    ages = held[held["bad"]]["duration_s"]
    assert set(held[held["bad"]]["cause"]) == {"reset"}
    assert ages.min() > 1.0
    assert np.ptp(ages.quantile([0.1, 0.9])) > 60.0
    assert not frame[frame["kind"] != "hold"]["bad"].any()
