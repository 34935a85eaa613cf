"""The system, its loop and its clients come apart where the arms were there, and nothing rests on the parts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.claims.client import client
from analysis.claims.platform import platform
from analysis.claims.platform_parts import reading
from analysis.claims.platform_x_latency import platform_x_latency
from analysis.comparison.view import view_of
from analysis.model import Criteria, Effect, Finding, Part, State
from analysis.planning.sketch import Suspect
from analysis.reduction.tables import Tables
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import renamed, sketched, with_cells
from tests.kit.examples import examples
from tests.typed import known

LATENCY = {"platform": "", "platform_x_latency": "_x_latency"}
CLAIMS = {"platform": platform, "platform_x_latency": platform_x_latency}
ASYNCIO = ("websockets-asyncio", "websockets-selector")
ALL = ("websocket-client", "websockets-gevent", *ASYNCIO)
EQUAL = "Windows against Linux at equal loop"
LOOP = "loop: asyncio-proactor against asyncio-selector of websockets-asyncio"
SIZE = {"hosts": 4, "attempts_a_minute": 200.0}
SMALL = {"minutes": 20, "hosts": 2, "clients": ALL}


def found(name: str, tables: Tables) -> Finding:
    return CLAIMS[name](view_of(tables, Criteria()), None)


def suspected(name: str, what: str, **more: Any) -> Tables:
    """A run in which the system, or its loop, is at fault; for the interaction at the highest delay only."""
    suspect = {"system": name, "loop": f"loop{LATENCY[name]}"}[what]
    return sketched(1, suspect=suspect, effect=0.04, **{**SIZE, "clients": ASYNCIO, **more})


@pytest.mark.parametrize("name", CLAIMS)
def test_a_fault_of_the_loop_is_none_at_equal_loop_and_shows_between_the_loops_of_one_host(name: str) -> None:
    finding = found(name, suspected(name, "loop"))
    assert finding.state == "confirmed"
    assert "Windows, whose asyncio loop is the Proactor, against Linux" in finding.evidence
    assert finding.parts[LOOP].state == "confirmed"
    assert finding.parts[EQUAL].state != "confirmed"
    assert "At equal loop (websockets-asyncio/asyncio-selector)" in finding.evidence
    assert "it is the loop" in finding.evidence or "The loop is part of it" in finding.evidence


@pytest.mark.parametrize("name", CLAIMS)
def test_a_fault_of_the_system_shows_at_equal_loop_and_not_between_the_loops(name: str) -> None:
    finding = found(name, suspected(name, "system"))
    assert finding.state == "confirmed"
    assert finding.parts[EQUAL].state == "confirmed"
    assert finding.parts[LOOP].state != "confirmed"
    assert "it is the system" in finding.evidence or "The system is part of it" in finding.evidence


@pytest.mark.parametrize("name", CLAIMS)
def test_without_one_loop_on_both_sides_the_missing_arm_is_named(name: str) -> None:
    finding = found(name, suspected(name, "system", clients=ALL[:3]))
    assert finding.state == "confirmed"
    assert EQUAL not in finding.parts
    assert "--client websockets-asyncio,websockets-selector" in finding.evidence
    open_still = found(name, sketched(2, suspect=name, effect=0.006, clients=ALL[:3], **SIZE))
    assert open_still.state == "undecided"
    assert "--client websockets-asyncio,websockets-selector" in open_still.needs


def test_where_nothing_was_found_no_arm_is_asked_for() -> None:
    finding = found("platform", sketched(2, base_risk=0.01, clients=ALL[:3]))
    assert finding.state == "undecided"
    assert "--client" not in finding.needs


def test_platforms_of_one_loop_are_at_equal_loop_as_they_are() -> None:
    tables = sketched(2, suspect="platform", effect=0.04, platforms=("macOS", "Linux"), clients=ALL, **SIZE)
    finding = found("platform", tables)
    assert finding.state == "confirmed"
    assert not any("at equal loop" in name or name.startswith("loop") for name in finding.parts)
    assert "--client" not in finding.evidence


def test_the_clients_that_differ_are_named_beside_those_that_do_not() -> None:
    tables = sketched(1, suspect="loop", effect=0.04, clients=ALL, **SIZE)
    finding = found("platform", tables)
    assert finding.state == "confirmed"
    assert finding.parts["Windows against Linux with websockets-asyncio/asyncio"].state == "confirmed"
    assert "They differ with websockets-asyncio/asyncio, not with" in finding.evidence


def test_of_three_platforms_each_is_parted_from_the_rest() -> None:
    tables = sketched(1, suspect="loop", effect=0.05, platforms=("Windows", "Linux", "macOS"), clients=ALL, **SIZE)
    finding = found("platform", tables)
    assert finding.state == "confirmed"
    assert "Windows, whose asyncio loop is the Proactor and whose gevent loop is libuv, against the rest" in (
        finding.evidence
    )
    assert finding.evidence.count("They differ with") == 1
    assert "They differ with websockets-asyncio/asyncio, not with" in finding.evidence
    assert finding.parts["Windows against the rest at equal loop"].state != "confirmed"
    assert finding.parts[LOOP].state == "confirmed"


def test_a_client_that_the_others_dilute_keeps_the_platform_from_being_ruled_out() -> None:
    tables = sketched(3, suspect="loop", effect=0.009, base_risk=0.0005, hosts=6, clients=ALL, attempts_a_minute=400.0)
    finding = found("platform", tables)
    assert finding.parts["Windows against Linux"].state == "ruled_out"
    assert finding.state == "undecided"
    assert "but not so Windows against Linux with websockets-asyncio/asyncio" in finding.evidence
    assert "diluted" in finding.needs


def test_loops_and_libraries_are_parts_of_the_client() -> None:
    finding = client(view_of(sketched(1, suspect="loop", effect=0.04, clients=ALL, **SIZE), Criteria()))
    assert finding.state == "confirmed"
    assert finding.parts[LOOP].state == "confirmed"
    assert finding.parts[next(name for name in finding.parts if name.startswith("library"))].state == "ruled_out"
    assert "In one library the loops differ" in finding.evidence
    other = client(view_of(sketched(2, suspect="client", effect=0.04, clients=ALL, **SIZE), Criteria()))
    assert "On one loop the libraries differ (websocket-client against websockets-gevent on gevent" in other.evidence


def test_an_arm_beside_a_platforms_own_loop_is_named_among_the_notes() -> None:
    notes = decided_alone(sketched(1, **SMALL)).data_quality
    assert any("as an arm beside a platform's own loop: websockets-asyncio/asyncio-selector." in note for note in notes)
    assert not any("beside" in note for note in decided_alone(sketched(1, minutes=20, hosts=2)).data_quality)


def test_a_confounded_comparison_is_not_read() -> None:
    tables = suspected("platform", "loop")
    finding = found("platform", replace(tables, sites=tables.sites.assign(site=tables.sites["platform"])))
    assert finding.state == "undecided"
    assert "it is the loop" not in finding.evidence


def part(state: State, value: float = 0.02) -> Part:
    return Part(state=state, effect=Effect(name="risk difference", estimate=value, low=None, high=None))


@pytest.mark.parametrize(
    ("equal", "loops", "words"),
    [
        (part("ruled_out", 0.0), [part("confirmed")], "it is the loop and not the system"),
        (part("undecided", 0.0), [part("confirmed")], "the system is open"),
        (part("confirmed"), [part("ruled_out", 0.0)], "it is the system and not its loop"),
        (part("confirmed"), [], "its loop is open"),
        (part("confirmed"), [part("confirmed")], "it is both"),
        (part("ruled_out", 0.0), [part("ruled_out", 0.0)], "with the other clients"),
        (part("ruled_out", 0.0), [], "stays open"),
        (part("undecided"), [part("undecided")], "stays open"),
        (part("confirmed"), [part("confirmed", -0.02)], "opposite directions"),
        (part("confirmed", -0.02), [part("confirmed")], "opposite directions"),
        (part("confirmed", -0.02), [part("undecided")], "stays open"),
    ],
)
def test_the_parts_are_read_as_far_as_they_go(equal: Part, loops: list[Part], words: str) -> None:
    assert words in reading(equal, loops)


few = settings(max_examples=examples(1 / 8), deadline=None)
suspects = st.sampled_from(["none", "platform", "platform_x_latency", "loop", "client"])


@few
@given(suspects, st.integers(1, 8))
def test_what_happens_on_an_arm_beside_moves_its_parts_and_no_claim_of_platforms(suspect: Suspect, seed: int) -> None:
    tables = sketched(seed, suspect=suspect, effect=0.04, **SMALL)
    beside = (tables.cells["platform"] == "Windows") & (tables.cells["event_loop"] == "asyncio-selector")
    worse = np.where(beside, tables.cells["n"] // 3, tables.cells["bad"])
    changed = with_cells(tables, bad=worse, residual=worse, timeouts=worse)
    for name in CLAIMS:
        one, two = found(name, with_cells(tables)), found(name, changed)
        assert (one.effect, one.p_value, one.n) == (two.effect, two.p_value, two.n)
        if EQUAL in one.parts:
            assert one.parts[EQUAL].effect != two.parts[EQUAL].effect


@few
@given(suspects, st.integers(1, 8))
def test_no_claim_is_confirmed_by_a_part(suspect: Suspect, seed: int) -> None:
    tables = sketched(seed, suspect=suspect, effect=0.04, **SMALL)
    for name in CLAIMS:
        finding = found(name, tables)
        assert finding.state != "confirmed" or known(finding.p_value) <= 0.05
        assert finding.p_value is None or finding.p_value == finding.parts[next(iter(finding.parts))].p_value


@few
@given(suspects, st.integers(1, 8))
def test_loops_under_one_name_on_all_platforms_give_the_claims_that_families_give(suspect: Suspect, seed: int) -> None:
    tables = sketched(seed, suspect=suspect, effect=0.04, **{**SMALL, "clients": ALL[:3]})
    names = {"asyncio-proactor": "asyncio-selector", "gevent-libuv": "gevent-libev"}
    same = renamed(tables, "event_loop", {**names, **{name: name for name in names.values()}})
    for name in CLAIMS:
        one, two = found(name, tables), found(name, same)
        assert (one.state, one.effect, one.p_value) == (two.state, two.effect, two.p_value)


@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("name", CLAIMS)
def test_planted_effects_are_found_on_real_loops_with_four_hosts_a_side(name: str, seed: int) -> None:
    clients = (ALL[:3], ("websockets-asyncio",), ALL, ("websocket-client", "websockets-gevent"))[seed - 1]
    assert found(name, sketched(seed, suspect=name, effect=0.04, hosts=4, clients=clients)).state == "confirmed"
