"""Clients that share nothing but the server, and fail in the same moments."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.planning.sketched_tables import FIRST_MINUTE
from analysis.simulation import strikes
from analysis.simulation.scene import is_within
from analysis.simulation.sessions import Sessions
from tests.analysis.claims.server_tables import at_first_site, outages, probes, server, simulated, with_sites
from tests.analysis.tables_by_hand import sketched


def test_failures_in_the_same_moments_are_the_servers() -> None:
    finding = server(outages(sketched(1), (40, 90, 170, 250, 320)))
    assert finding.state == "confirmed"
    assert "same moments" in finding.evidence


def outages_of_a_line(sessions: Sessions) -> None:
    """Silence in some moments, for the hosts of the first site only."""
    windows, here = sessions.scene.windows, at_first_site(sessions)
    sessions.strike_connects(0.8 * (is_within(sessions.at_s, windows) & here), "silent")
    sessions.strike_exchanges(0.8 * (is_within(sessions.exchange_at_s, windows) & here[:, None]), "silent")


@pytest.mark.slow
def test_outages_of_one_sites_line_are_not_the_servers_though_all_platforms_fail_in_the_same_moments() -> None:
    finding = server(simulated(outages_of_a_line, windows=strikes.bursts(10.0)))
    assert finding.state == "undecided"
    assert "the site site-b was nearly spared" in finding.evidence
    assert "two or more sites" in finding.needs


@pytest.mark.slow
def test_outages_at_all_sites_are_the_servers() -> None:
    finding = server(simulated(strikes.stalls, windows=strikes.bursts(10.0)))
    assert finding.state == "confirmed"
    assert "at all sites" in finding.evidence


@pytest.mark.parametrize("site", [None, "north"])
def test_moments_of_hosts_that_may_share_a_line_are_the_servers_unless_tcp_probes_fail_in_them_too(
    site: str | None,
) -> None:
    moments = (40, 90, 170, 250, 320)
    tables = with_sites(outages(sketched(1), moments), site)
    finding = server(tables)
    assert finding.state == "confirmed"
    assert "a line that they share would look the same" in finding.evidence
    clean = server(probes(tables))
    assert clean.state == "confirmed"
    assert "while bare TCP connects went well" in clean.evidence
    lost = probes(tables)
    slot = lost.probes["slot"] - FIRST_MINUTE * 6
    down = np.any([(slot >= start) & (slot < start + 3) for start in moments], axis=0)
    finding = server(replace(lost, probes=lost.probes.assign(bad=down.astype(int))))
    assert finding.state == "undecided"
    assert "bare TCP connects failed in these moments too" in finding.evidence
    assert "second site" in finding.needs


def test_outages_of_two_sites_at_different_times_are_those_of_two_lines() -> None:
    north = outages(sketched(1), (40, 170, 320), group="site", names=["north"])
    finding = server(outages(north, (90, 250, 300), group="site", names=["south"]))
    assert finding.state == "undecided"
    assert "all sites do is not sure" in finding.evidence


def test_bursts_of_one_platform_are_not() -> None:
    finding = server(outages(sketched(1), (40, 90, 170, 250, 320), group="platform", names=["Windows"]))
    assert finding.state != "confirmed"


def test_hosts_of_one_platform_are_compared_with_each_other() -> None:
    one = sketched(1, platforms=("Linux",), hosts=4)
    assert server(outages(one, (40, 90, 170, 250, 320))).state == "confirmed"
    assert server(outages(one, (40, 90, 170, 250, 320), names=["Linux-0"])).state != "confirmed"
