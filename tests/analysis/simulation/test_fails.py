"""Attempts fail that meet every condition, and no others."""

import pytest

from analysis.simulation.design import Sides
from analysis.simulation.fails import Fails
from tests.analysis.simulation.struck_runs import struck_by


def test_who_got_a_frame_before_the_welcome_may_fail_by_it_and_nobody_else() -> None:
    mechanism = Fails(dose=0.2, prefaced_only=True, kind="exchange", fault="unanswered")
    frame = struck_by(mechanism, sides=Sides(preface_share=(0.5, 0.2)))
    exchanges = frame[frame["kind"] == "exchange"]
    by_preface = exchanges["bad"].groupby(exchanges["preface_frames"]).mean()
    assert by_preface[1] == pytest.approx(0.2, abs=0.03)
    assert by_preface[0] == 0.0
    assert not frame[frame["kind"] == "connect"]["bad"].any()
    assert "after frames before the welcome" in mechanism.title()
    assert mechanism.name == "preface"
