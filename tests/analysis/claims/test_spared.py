"""Who was spared what others met."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.claims.spared import are_spared, spared_of_answers, spared_of_ends
from analysis.comparison.view import View, view_of
from analysis.model import Settings
from tests.analysis.claims.server_tables import answered, kept_silent
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import sketched, with_sessions


@pytest.mark.parametrize(
    ("spared", "words"),
    [
        ({"client": "websocket-client"}, "the client"),
        ({"platform": "Windows"}, "the platform Linux"),
        ({"delay_us": 300_000}, "the delay 0 ms"),
        ({"site": "north"}, "the site south"),
        ({"host": "Linux-1"}, "only one host"),
    ],
)
def test_silence_that_spares_a_cohort_is_not_the_servers_and_stays_in_the_comparisons(
    spared: dict[str, Any], words: str
) -> None:
    tables = kept_silent(sketched(1, delays_us=(0, 300_000)), 0.1, **spared)
    decision = decided_alone(tables, "server", "client")
    finding = decision.claims["server"]
    assert finding.parts["silence while it answers pings"].state != "confirmed"
    assert words in decision.spared
    if "client" in spared:
        assert decision.claims["client"].state == "confirmed"


def ended(died: dict[str, int], **given: Any) -> View:
    """The view of a run in which the server itself ended so many of 2,000 sessions of each platform."""
    tables = with_sessions(sketched(5, base_risk=0.0, minutes=60), died=died, cause="server_error", **given)
    return view_of(replace(tables, sessions=tables.sessions.assign(explicit=tables.sessions["failed"])), Settings())


@pytest.mark.parametrize(
    ("died", "words"),
    [
        ({"Windows": 200, "Linux": 200}, ""),
        ({"Windows": 200, "Linux": 20}, "the platform Linux was nearly spared"),
        ({"Windows": 2, "Linux": 0}, "only the platform Windows met it"),
        ({"Windows": 0, "Linux": 0}, ""),
    ],
)
def test_ends_that_a_platform_met_less_than_half_as_often_or_never_spared_it(died: dict[str, int], words: str) -> None:
    assert spared_of_ends(ended(died)) == words


def test_a_cohort_is_surely_spared_only_with_sessions_enough_to_tell() -> None:
    met = np.array([50.0, 0.0, 0.0])
    assert are_spared(np.array([100.0, 100.0, 2.0]), met).tolist() == [False, True, False]


def test_answers_that_all_platforms_get_alike_spared_nobody() -> None:
    assert spared_of_answers(view_of(answered(sketched(1)), Settings())) == ""
    assert spared_of_answers(view_of(answered(sketched(1), platform="Linux"), Settings())) == (
        "the platform Windows was nearly spared"
    )
