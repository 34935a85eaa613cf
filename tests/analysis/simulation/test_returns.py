"""Users whose connection broke come back."""

import pytest

from analysis.simulation.design import Sides
from tests.analysis.simulation.rows_of_runs import drawn, of_kind


def test_a_user_whose_connection_breaks_comes_back_with_arms_dealt_anew() -> None:
    frame = drawn("W7", session_s="run", users=40)
    connects = of_kind(frame, "connect")
    assert len(connects) > 60
    assert connects.groupby("subject", observed=True)["host"].nunique().max() <= 6
    assert (connects["retry"] == 0).all()
    for _, of_delay in connects.groupby("delay_s", observed=True):
        assert len(of_delay) > 10


def test_frames_that_come_before_the_welcome_come_again_when_their_user_does() -> None:
    prefaced = Sides(preface_share=(0.5, 0.5))
    connects = of_kind(drawn("W7", session_s="run", users=40, sides=prefaced), "connect").query("outcome == 'ok'")
    by_place = connects.groupby("host", observed=True)["preface_frames"].mean()
    assert len(connects) > 60
    assert by_place.mean() == pytest.approx(0.5, abs=0.25)
