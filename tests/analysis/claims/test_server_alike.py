"""Faults that hit everybody alike, and the controls that tell them."""

from dataclasses import replace

from tests.analysis.claims.server_tables import probes, server
from tests.analysis.tables_by_hand import sketched


def test_a_constant_fault_that_hits_everybody_alike_cannot_be_told() -> None:
    tables = sketched(5, base_risk=0.03)
    finding = server(tables)
    assert finding.state == "undecided"
    # It is named already.
    assert "X-Server-Instance" not in finding.needs
    assert "he server's log" in finding.needs
    nameless = replace(tables, instances=tables.instances.iloc[:0])
    assert "X-Server-Instance" in server(nameless).needs


def test_a_constant_fault_is_told_where_the_controls_are_clean_and_all_fail_alike() -> None:
    alike = sketched(5, base_risk=0.05, host_sd=0.05, minute_sd=0.1, attempts_a_minute=300.0)
    assert server(alike).state == "undecided"
    finding = server(probes(alike))
    assert finding.state == "confirmed"
    assert "controls clean" in str(list(finding.parts))
    assert server(probes(alike, bad=1)).state == "undecided"


def test_controls_that_are_clean_do_not_blame_the_server_for_one_platform() -> None:
    one = sketched(5, suspect="platform", effect=0.05, base_risk=0.0005, host_sd=0.05, attempts_a_minute=300.0)
    assert server(probes(one)).state != "confirmed"
