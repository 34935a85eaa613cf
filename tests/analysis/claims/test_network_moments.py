"""Moments at which a site's bare TCP connects fail with its sessions."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.model import Criteria, Finding
from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.reduction.tables import Tables
from analysis.verdict.decide import decide
from tests.analysis.claims.server_tables import outages, probes
from tests.analysis.tables_by_hand import sketched, with_cells

MOMENTS = (40, 90, 170, 250, 320)


def run() -> Tables:
    return sketched(1, base_risk=0.0005, hosts=4)


def down(tables: Tables, sites: list[str], moments: tuple[int, ...] = MOMENTS) -> Tables:
    """The tcp probes of these sites fail in the moments."""
    frame = tables.probes
    slot = frame["slot"] - FIRST_MINUTE * 6
    hit = np.any([(slot >= start) & (slot < start + 3) for start in moments], axis=0)
    hit &= frame["site"].isin(sites).to_numpy() & (frame["operation"] == "tcp").to_numpy()
    return replace(tables, probes=frame.assign(bad=hit.astype(int)))


def network(tables: Tables) -> Finding:
    return decide(tables, Criteria()).claims["network"]


def of_site(tables: Tables, site: str) -> Tables:
    return outages(tables, MOMENTS, group="site", names=[site])


def test_probes_and_sessions_of_one_site_that_fail_together_are_its_line() -> None:
    finding = network(down(probes(of_site(run(), "north")), ["north"]))
    assert finding.state == "confirmed"
    assert "At north sessions and bare TCP connects fail in the same moments" in finding.evidence
    assert "while other sites do not" in finding.evidence
    assert finding.parts["bare TCP connects at north"].state == "confirmed"


@pytest.mark.slow
def test_probes_that_fail_at_other_times_or_not_at_all_show_no_line() -> None:
    assert network(probes(of_site(run(), "north"))).state != "confirmed"
    elsewhere = down(probes(of_site(run(), "north")), ["north"], moments=(10, 60, 130, 210, 290))
    assert network(elsewhere).state != "confirmed"


def test_moments_of_all_sites_are_no_sites_line() -> None:
    finding = network(down(probes(outages(run(), MOMENTS)), ["north", "south"]))
    assert finding.state != "confirmed"


@pytest.mark.slow
def test_sessions_without_a_loss_in_the_probes_moments_confirm_nothing() -> None:
    assert network(down(probes(run()), ["north"])).state != "confirmed"


def test_a_line_that_spares_a_platform_of_its_site_is_none() -> None:
    tables = outages(run(), MOMENTS, group="host", names=["Windows-0", "Windows-2"])
    minutes = {FIRST_MINUTE + start // 6 for start in MOMENTS}
    cells = tables.cells
    hit = (cells["minute"].isin(minutes) & cells["host"].isin(["Windows-0", "Windows-2"])).to_numpy()
    more = np.where(hit, (cells["n"] - cells["bad"]) // 2, 0)
    failing = with_cells(tables, bad=cells["bad"] + more, residual=cells["residual"] + more)
    finding = network(down(probes(replace(tables, cells=failing.cells)), ["north"]))
    assert finding.state != "confirmed"
