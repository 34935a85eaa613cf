"""The set-up's timeline."""

from __future__ import annotations

import pytest

from standin.settings import Timeline


def test_the_default_is_what_was_measured() -> None:
    timeline = Timeline()
    assert timeline.auth_s + timeline.register_s == pytest.approx(0.190)
    assert Timeline.with_floor(0.190) == timeline


def test_a_floor_of_zero_takes_out_every_wait() -> None:
    assert Timeline.with_floor(0) == Timeline(auth_s=0, register_s=0, loop_s=0, error_s=0)


def test_proportions_are_kept() -> None:
    assert Timeline.with_floor(0.380).auth_s == pytest.approx(2 * Timeline().auth_s)
