"""What was lost between the two machines: by the rungs of timeouts, site by site."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide
from tests.analysis.claims.rung_tables import asked, lost, with_addresses
from tests.analysis.effects import estimate_of
from tests.analysis.tables_by_hand import SHORT, no_attempts, sketched, states, with_cells
from tests.kit.examples import examples


def run(seed: int = 1, **given: Any) -> Tables:
    return asked(sketched(seed, **{"base_risk": 0.0005} | given))


def network(tables: Tables) -> Finding:
    return decide(tables, Criteria()).claims["network"]


@pytest.mark.parametrize("given", [{}, SHORT | {"attempts_a_minute": 1500.0}])
def test_requests_that_nobody_acknowledged_are_the_ways_or_a_whole_machines(given: dict[str, Any]) -> None:
    decision = decide(lost(run(**given)), Criteria())
    finding = decision.claims["network"]
    assert finding.state == "confirmed"
    assert "the peer's whole machine is gone" in finding.evidence
    assert decision.hypothesis.state == "ruled_out"
    assert "network is confirmed" in decision.hypothesis.because
    assert not set(states(decision).values()) - {"confirmed", "ruled_out", "undecided"}
    assert {"platform", "client", "latency", "platform_x_latency", "server", "client_loop"}.isdisjoint(
        name for name, state in states(decision).items() if state == "confirmed"
    )


def test_the_line_of_one_site_is_named_by_the_site_that_was_spared() -> None:
    finding = network(lost(run(), site="north"))
    assert finding.state == "confirmed"
    assert "Nearly spared: south" in finding.evidence
    assert finding.parts["attempts at north"].state == "confirmed"
    assert finding.parts["attempts at south"].state == "ruled_out"


@pytest.mark.parametrize(
    ("only", "words"),
    [
        ({"platform": "Windows"}, "the platform Linux was nearly spared"),
        ({"client": "websocket-client"}, "the client"),
        ({"host": "Linux-1"}, "the platform Windows was nearly spared"),
        ({"host": ["Linux-1", "Windows-0"]}, "the host"),
        ({"delay_us": 300_000}, "the delay 0 ms was nearly spared"),
    ],
)
def test_a_loss_that_spares_a_neighbour_is_no_lines_and_stays_in_the_comparisons(
    only: dict[str, Any], words: str
) -> None:
    decision = decide(lost(run(delays_us=(0, 300_000)), 0.06, **only), Criteria())
    finding = decision.claims["network"]
    assert finding.state == "undecided"
    assert words in decision.spared_way
    assert words in finding.evidence
    if "client" in only:
        assert decision.claims["client"].state == "confirmed"


def at_own_sites(tables: Tables) -> Tables:
    """Each platform leaves through a site of its own."""
    site = {"Windows": "north", "Linux": "south"}
    frames = {
        name: getattr(tables, name).assign(site=getattr(tables, name)["platform"].map(site))
        for name in ("cells", "slots", "sites")
    }
    return replace(tables, **frames)


def test_the_line_of_a_site_that_only_one_platform_has_is_the_networks_and_not_the_platforms() -> None:
    claims = decide(lost(at_own_sites(run()), platform="Windows"), Criteria()).claims
    assert claims["network"].state == "confirmed"
    assert claims["platform"].state != "confirmed"


def test_a_platform_whose_kernel_was_not_asked_is_not_spared_but_unknown() -> None:
    tables = lost(run(), 0.03, platform="Linux")
    decision = decide(lost(tables, 0.03, facts=("may_be_way",), platform="Windows"), Criteria())
    assert decision.spared_way == "of the platform Windows nobody knows whether it was spared"
    assert decision.claims["network"].state == "undecided"
    # What is explained on one side only would look like the other side's failures.
    assert decision.claims["platform"].state != "confirmed"


@pytest.mark.slow
def test_hosts_of_unknown_sites_are_held_against_each_other() -> None:
    tables = run()
    nowhere = replace(tables, cells=tables.cells.assign(site=None), sites=tables.sites.assign(site=None))
    assert network(lost(nowhere)).state == "confirmed"
    assert network(lost(nowhere, host=["Linux-0", "Windows-0"])).state == "undecided"


@pytest.mark.slow
def test_an_address_of_the_target_that_was_spared_speaks_of_a_machine() -> None:
    tables = lost(run())
    alike = network(with_addresses(tables, {"a": 0.03, "b": 0.03, "c": 0.03}))
    assert alike.state == "confirmed"
    finding = network(with_addresses(tables, {"a": 0.0, "b": 0.03, "c": 0.06}))
    assert finding.state == "undecided"
    assert "1 of the target's 3 addresses was nearly spared" in finding.evidence
    assert "one of its addresses" in finding.needs


def test_what_every_kernel_says_of_others_rules_the_network_out() -> None:
    tables = asked(sketched(1, base_risk=0.02))
    finding = network(tables)
    assert finding.state == "ruled_out"
    assert estimate_of(finding.effect) == 0.0


@pytest.mark.slow
def test_failures_of_which_no_kernel_was_asked_leave_it_undecided_and_it_says_so() -> None:
    tables = sketched(1, base_risk=0.02)
    finding = network(tables)
    assert finding.state == "undecided"
    assert "The kernel was not asked" in finding.evidence
    assert "whose kernel can be asked" in finding.needs
    half = with_cells(tables, placed=lambda cells: cells["timeouts"] // 2)
    assert "the kernel could not say" in network(half).evidence


def test_a_run_too_short_to_bound_it_asks_for_attempts() -> None:
    finding = network(asked(sketched(1, **SHORT, base_risk=0.02)))
    assert finding.state == "undecided"
    assert "more attempts" in finding.needs
    assert "kernel" not in finding.needs


def test_one_host_whose_failures_may_be_the_ways_keeps_it_open() -> None:
    tables = run()
    here = with_cells(lost(tables, 0.008, facts=("may_be_way",), host="Linux-0"))
    finding = network(here)
    assert finding.state == "undecided"
    assert "Linux-0" in finding.evidence


def test_no_attempts_decide_nothing() -> None:
    assert network(no_attempts()).state == "undecided"


def test_few_failures_confirm_nothing_whatever_their_rung_is() -> None:
    assert network(lost(run(2), 0.004, seed=2)).state != "confirmed"


WHERE = st.sampled_from([{}, {"site": "north"}, {"platform": "Windows"}, {"delay_us": 0}, {"kind": "connect"}])


@pytest.mark.slow
@settings(max_examples=examples(0.08), deadline=None)
@given(seed=st.integers(1, 8), share=st.sampled_from([0.0, 0.004, 0.03]), where=WHERE)
def test_forgetting_what_kernels_said_never_decides_more_of_the_network(
    seed: int, share: float, where: dict[str, Any]
) -> None:
    told = lost(asked(sketched(seed, base_risk=0.002, minutes=20, hosts=2)), share, seed=seed, **where)
    forgotten = with_cells(told, on_way=0, placed=0, may_be_way=told.cells["residual"])
    before, after = decide(told, Criteria()).claims, decide(forgotten, Criteria()).claims
    assert after["network"].state in (before["network"].state, "undecided")
    assert after["network"].state != "confirmed"


@pytest.mark.slow
@settings(max_examples=examples(0.08), deadline=None)
@given(seed=st.integers(1, 8), where=WHERE)
def test_a_larger_margin_never_confirms_the_network(seed: int, where: dict[str, Any]) -> None:
    tables = lost(asked(sketched(seed, base_risk=0.002, minutes=20, hosts=2)), 0.012, seed=seed, **where)
    narrow, wide = (decide(tables, Criteria(margin=m)).claims["network"].state for m in (0.005, 0.02))
    assert wide != "confirmed" or narrow == "confirmed"
    assert narrow != "ruled_out" or wide == "ruled_out"
