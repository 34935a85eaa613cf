"""Instances of the server against each other."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.reduction.tables import Tables
from analysis.simulation.sessions import Sessions
from tests.analysis.claims.server_tables import SHORT, server, simulated
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import sketched


def pinned_processes(sessions: Sessions) -> None:
    """Each process keeps one instance, as its resolver does; it is one client that fails."""
    pinned = np.random.default_rng(100).integers(0, 3, (sessions.design.host_count, 3))
    sessions.instance = pinned[sessions.host, sessions.client]
    sessions.strike(0.03 * (sessions.client == 1), "silent")


@pytest.mark.slow
def test_an_instance_is_not_blamed_for_the_client_that_is_pinned_to_it() -> None:
    decision = decided_alone(simulated(pinned_processes, instances=3), "server")
    assert decision.claims["server"].state == "undecided"
    assert "instances could not be compared" in decision.claims["server"].evidence
    assert "session affinity" in decision.claims["server"].needs


def bad_instance(tables: Tables, share: float, seed: int = 1) -> Tables:
    frame = tables.instances
    lost = np.where(
        frame["server_instance"] == "b", np.random.default_rng(seed).binomial(frame["n"], share), frame["bad"]
    )
    return replace(tables, instances=frame.assign(bad=np.maximum(lost, frame["bad"])))


@pytest.mark.parametrize("given", [{}, SHORT])
def test_an_instance_that_stands_out_is_the_servers_and_is_named(given: dict[str, Any]) -> None:
    finding = server(bad_instance(sketched(1, **given), 0.2))
    assert finding.state == "confirmed"
    assert "Instance b" in finding.evidence


def test_equal_instances_confirm_nothing_in_ninety_seconds() -> None:
    confirmed = [server(sketched(seed, **SHORT, base_risk=0.05)).state == "confirmed" for seed in range(1, 13)]
    assert not any(confirmed)


def test_hosts_that_stick_to_an_instance_leave_the_server_open() -> None:
    tables = sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120)
    tied = tables.instances.assign(server_instance=np.where(tables.instances["platform"] == "Windows", "a", "b"))
    finding = server(replace(tables, instances=tied))
    assert finding.state == "undecided"
    assert "session affinity" in finding.needs


def test_one_instance_of_many_that_answers_with_errors_is_not_ruled_out() -> None:
    tables = sketched(2, base_risk=0.0, attempts_a_minute=300.0)
    frame = tables.instances
    few = (frame["operation"] == "chat") & (frame["minute"] % 10 == 0) & (frame["server_instance"] == "a")
    new = frame.assign(server_instance=frame["server_instance"].where(~few, "instance-9"))
    hit = np.where(few, np.random.default_rng(1).binomial(new["n"], 0.04), 0)
    assert server(replace(tables, instances=new)).state == "ruled_out"
    for columns in (("explicit", "bad"), ("bad",), ("auth_fresh", "auth")):
        finding = server(replace(tables, instances=new.assign(**dict.fromkeys(columns, hit))))
        assert finding.state != "ruled_out", columns
        assert "instance-9" in finding.evidence
