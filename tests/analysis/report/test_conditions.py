"""Conditions stand under the direction that rests on them, and never deny what was decided without them."""

from __future__ import annotations

from analysis.model import Check, Finding, Part
from analysis.report.conditions import directions

HOLDS = Check(name="long enough", ok=True, detail="60 minutes.")
FAILS = Check(name="same budgets", ok=False, detail="10 s and 20 s.")
UNKNOWN = Check(name="same packet loss", ok=None, detail="Nobody asked.")


def test_the_servers_conditions_are_of_ruling_it_out_and_its_ways_of_confirming_it() -> None:
    confirmed, out = directions(
        "server", Finding(state="undecided", parts={"silence": Part(state="undecided")}, checks=(FAILS,))
    )
    assert (confirmed.heading, [*confirmed.ways], confirmed.failing) == ("To confirm it", ["silence"], ())
    assert (out.heading, out.failing) == ("To rule it out", (FAILS,))
    assert out.words.endswith("1 does not hold or is unknown:")


def test_a_server_that_is_confirmed_is_named_with_what_shows_it_and_needs_no_condition() -> None:
    finding = Finding(
        state="confirmed",
        parts={"silence": Part(state="confirmed"), "synchrony": Part(state="ruled_out")},
        checks=(FAILS, HOLDS),
    )
    confirmed, out = directions("server", finding)
    assert confirmed.words.startswith("Confirmed by silence. ")
    assert out.words == "It is confirmed, so there is nothing to rule out: these are shown to be looked at."


def test_a_comparison_rests_on_its_conditions_in_both_directions() -> None:
    (both,) = directions("latency", Finding(state="undecided", checks=(HOLDS, FAILS, UNKNOWN)))
    assert both.heading == "To confirm it and to rule it out"
    assert (both.words, both.failing, both.holding) == ("2 do not hold or are unknown:", (FAILS, UNKNOWN), (HOLDS,))
    assert directions("latency", Finding(state="confirmed", checks=(HOLDS,)))[0].words == "All hold."


def test_what_the_bound_rules_out_rests_on_no_condition() -> None:
    bound, confirmed = directions("platform", Finding(state="ruled_out", ceiling=True, checks=(FAILS,)))
    assert (bound.heading, bound.failing) == ("To rule it out", ())
    assert (confirmed.heading, confirmed.failing) == ("To confirm it", (FAILS,))


def test_a_claim_that_a_part_confirms_is_not_denied_by_conditions_of_the_whole() -> None:
    finding = Finding(state="confirmed", parts={"in connects": Part(state="confirmed")}, checks=(FAILS,))
    (both,) = directions("platform", finding)
    assert both.words.startswith("Confirmed by in connects, which does not rest on these.")
