"""What sessions that ended before their time keep from being ruled out, and what they do not."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from analysis.claims.held import PART, causes_words, deaths, held_of
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding, State
from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.runs.engine import open_rows
from analysis.simulation.simulate import simulate_rows
from analysis.verdict.decide import decide
from tests.analysis.deciding import decided_alone, found_alone
from tests.analysis.tables_by_hand import sketched, states, with_sessions

# No attempt fails: everything is ruled out.
CLEAN = {"base_risk": 0.0, "minutes": 60, "attempts_a_minute": 240.0}
COMPARED = {"platform", "latency", "client", "platform_x_latency"}


def clean() -> Tables:
    return sketched(5, **CLEAN)


@functools.cache
def states_of_clean() -> dict[str, State]:
    return states(decide(clean(), Criteria()))


def claims(tables: Tables, *names: str) -> dict[str, Finding]:
    """The claims, of which only these look at the data."""
    return decided_alone(tables, *names).claims


def reopened(tables: Tables) -> set[str]:
    """What is ruled out of the clean run, and not of this one."""
    before, after = states_of_clean(), states(decide(tables, Criteria()))
    assert all(after[name] in (state, "undecided") for name, state in before.items())
    return {name for name, state in before.items() if after[name] != state}


def test_the_clean_run_rules_everything_out() -> None:
    assert set(states_of_clean().values()) == {"ruled_out"}


def test_sessions_that_all_lived_keep_nothing_open() -> None:
    assert reopened(with_sessions(clean(), died={"Windows": 0, "Linux": 0})) == set()


def test_sessions_that_die_everywhere_keep_the_server_the_network_and_intermittent_open() -> None:
    tables = with_sessions(clean(), died={"Windows": 160, "Linux": 160})
    everywhere = {"server", "network", "intermittent"}
    assert everywhere <= reopened(tables) <= COMPARED | everywhere
    found = claims(tables, *sorted(everywhere))
    for name in sorted(everywhere):
        finding = found[name]
        assert "sessions that end before their time are not among them" in finding.evidence
        assert "8.00 % (320 of 4,000" in finding.evidence
        assert "reset 320" in finding.needs
        assert "plain TCP connections" in finding.needs
        part = finding.parts[PART]
        assert part.effect is not None
        assert part.state == "undecided"


def test_sessions_that_die_on_one_platform_keep_the_comparison_of_platforms_open() -> None:
    found = claims(with_sessions(clean(), died={"Windows": 300, "Linux": 0}), "platform")["platform"]
    assert found.state == "undecided"
    assert "(Windows" in found.evidence
    assert "(Linux" in found.evidence
    assert "difference of +" in found.evidence or "difference of -" in found.evidence


@pytest.mark.parametrize(
    ("claim", "column", "value"),
    [("client", "client", "websockets-asyncio"), ("latency", "delay_us", 320_000)],
)
def test_sessions_that_die_in_one_arm_keep_its_comparison_open(claim: str, column: str, value: object) -> None:
    tables = with_sessions(clean(), died={"Windows": 150, "Linux": 150}, where=lambda cells: cells[column] == value)
    assert claim in reopened(tables)
    assert "platform_x_latency" not in reopened(tables)


def test_a_few_sessions_that_died_among_many_keep_nothing_open() -> None:
    assert reopened(with_sessions(clean(), died={"Windows": 2, "Linux": 2}, sessions=20_000)) == set()


def test_a_rate_that_may_reach_the_margin_keeps_open_though_it_is_not_surely_beyond() -> None:
    tables = with_sessions(clean(), died={"Windows": 4, "Linux": 4}, sessions=1000)
    finding = claims(tables, "intermittent")["intermittent"]
    assert finding.state == "undecided"
    assert "More sessions" in finding.needs


def test_one_death_among_too_few_sessions_to_say_keeps_nothing_open() -> None:
    assert reopened(with_sessions(clean(), died={"Windows": 1, "Linux": 0}, sessions=60)) == set()


def test_what_is_confirmed_stays_confirmed() -> None:
    tables = sketched(1, suspect="platform", effect=0.05)
    assert found_alone(tables, "platform").state == "confirmed"
    assert found_alone(with_sessions(tables, died={"Windows": 0, "Linux": 300}), "platform").state == "confirmed"


def test_the_commonest_causes_are_named_with_their_close_codes() -> None:
    tables = with_sessions(clean(), died={"Windows": 10, "Linux": 10})
    holds = tables.holds
    closed = np.arange(len(holds)) < 15
    holds = holds.assign(cause=np.where(closed, "server_closed", "reset"), close_code=np.where(closed, 1006.0, np.nan))
    view = view_of(replace(tables, holds=holds), Criteria())
    assert causes_words(deaths(view)) == "server_closed 1006 15, reset 5"


@pytest.mark.slow
def test_what_a_limit_of_the_servers_ends_is_the_limits() -> None:
    tables = reduce(open_rows(simulate_rows("W13", rows=16_000, minutes=120, seed=1)))
    view = view_of(tables, Criteria())
    ended = int(tables.holds.loc[tables.holds["died"], "n"].sum())
    assert ended > 300
    assert int(deaths(view)["n"].sum()) < 0.02 * ended
    held = held_of(view, tables.holds[tables.holds["died"]])
    assert int(held.died.sum()) == ended
