"""Who was spared what others met."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.claims.spared import (
    are_spared,
    met_and_expected,
    nearly_spared,
    spared_of_answers,
    spared_of_ends,
    spared_of_way,
)
from analysis.comparison.view import View, view_of
from analysis.model import Criteria
from tests.analysis.claims.rung_tables import asked, lost
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
    return view_of(replace(tables, sessions=tables.sessions.assign(explicit=tables.sessions["failed"])), Criteria())


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


def test_ends_in_a_run_whose_network_nobody_named_spared_no_site() -> None:
    tables = with_sessions(sketched(5, base_risk=0.0, minutes=60), died={"Windows": 200, "Linux": 200})
    unnamed = replace(
        tables,
        cells=tables.cells.assign(site=None),
        sessions=tables.sessions.assign(site=None, explicit=tables.sessions["failed"]),
    )
    view = view_of(unnamed, Criteria())
    assert view.sites == ()
    assert spared_of_ends(view) == ""
    assert are_spared(np.zeros(0), np.zeros(0)).tolist() == []


def test_a_cohort_is_surely_spared_only_with_sessions_enough_to_tell() -> None:
    met = np.array([50.0, 0.0, 0.0])
    assert are_spared(np.array([100.0, 100.0, 2.0]), met).tolist() == [False, True, False]


def test_answers_that_all_platforms_get_alike_spared_nobody() -> None:
    assert spared_of_answers(view_of(answered(sketched(1)), Criteria())) == ""
    assert spared_of_answers(view_of(answered(sketched(1), platform="Linux"), Criteria())) == (
        "the platform Windows was nearly spared"
    )


def test_what_a_group_was_to_expect_is_what_the_others_met_where_it_was_too() -> None:
    group, line = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 2])
    n, failed = np.array([100, 100, 200, 100, 500]), np.array([1, 0, 20, 10, 90])
    met, expected = met_and_expected(group, line, n, failed)
    # The third has its line for itself: nobody says what was to be expected there.
    assert met.tolist() == [1.0, 30.0, 0.0]
    assert expected.tolist() == [20.0, 2.0, 0.0]
    assert nearly_spared(met, expected).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("met", "expected", "spared"),
    [(0, 2, False), (0, 4, True), (1, 4, False), (1, 6, True), (2, 9, False), (3, 40, True)],
)
def test_few_failures_to_be_expected_say_nothing_of_being_spared(met: int, expected: int, spared: bool) -> None:
    assert nearly_spared(np.array([float(met)]), np.array([float(expected)])).item() is spared


def test_what_the_way_lost_is_held_against_neighbours_of_the_same_site_only() -> None:
    def spared(**only: Any) -> str:
        return spared_of_way(view_of(lost(asked(sketched(1, base_risk=0.0005)), 0.05, **only), Criteria()))

    assert spared() == ""
    assert spared(site="north") == ""
    assert spared(platform="Linux") == "the platform Windows was nearly spared"
    assert spared(site="north", platform="Linux") == "the platform Windows was nearly spared"
    assert spared_of_way(view_of(sketched(1), Criteria())) == ""
