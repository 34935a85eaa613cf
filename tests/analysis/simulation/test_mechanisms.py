"""Mechanisms strike whom they say, and nobody else."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.simulation.design import CLIENTS, Sides
from analysis.simulation.mechanisms import Dies, Fails, Limit, Mechanism
from analysis.simulation.simulate import chunks
from analysis.simulation.worlds import World

HELD: Mapping[str, Any] = {"rows": 24_000, "minutes": 40, "session_s": 120.0, "pace_s": 6.0, "seed": 3}


def drawn(mechanism: Mechanism, **given: Any) -> pd.DataFrame:
    where = World(name="x", title="x", mechanisms=lambda design: (mechanism,), base_risk=0.0)
    frame = pd.concat([chunk.to_pandas() for chunk in chunks(where, where.design(**{**HELD, **given}))])
    return frame.assign(bad=frame["outcome"].isin(["timeout", "failed"]))


def holds(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["kind"] == "hold"]


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
    frame = holds(drawn(limit))
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
    frame = drawn(Dies(session_share=0.3, **whose))
    held = holds(frame)
    here = held[column] == met
    assert held[here]["bad"].mean() == pytest.approx(0.3, abs=0.06)
    assert not held[~here]["bad"].any()
    ages = held[held["bad"]]["duration_s"]
    assert set(held[held["bad"]]["cause"]) == {"reset"}
    assert ages.min() > 1.0
    assert np.ptp(ages.quantile([0.1, 0.9])) > 60.0
    assert not frame[frame["kind"] != "hold"]["bad"].any()


def test_who_got_a_frame_before_the_welcome_may_fail_by_it_and_nobody_else() -> None:
    mechanism = Fails(dose=0.2, prefaced_only=True, kind="exchange", fault="unanswered")
    frame = drawn(mechanism, sides=Sides(preface_share=(0.5, 0.2)))
    exchanges = frame[frame["kind"] == "exchange"]
    by_preface = exchanges["bad"].groupby(exchanges["preface_frames"]).mean()
    assert by_preface[1] == pytest.approx(0.2, abs=0.03)
    assert by_preface[0] == 0.0
    assert not frame[frame["kind"] == "connect"]["bad"].any()
    assert "after frames before the welcome" in mechanism.title()
    assert mechanism.name == "preface"
