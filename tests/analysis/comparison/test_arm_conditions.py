"""Delays that did not arrive and arms in blocks decide nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from analysis.model import Finding
from analysis.reduction.tables import Tables
from tests.analysis.comparison.confounders import confounded
from tests.analysis.tables_by_hand import sketched, with_cells


def latency_of(change: Callable[[Tables], Tables]) -> tuple[Finding, dict[str, bool | None]]:
    return confounded(change(sketched(3, suspect="latency", effect=0.05)), "latency")


def test_a_delay_that_did_not_arrive_decides_nothing() -> None:
    def lost(tables: Tables) -> Tables:
        return replace(tables, arm_rtt=tables.arm_rtt.assign(rtt_s=0.04))

    finding, checks = latency_of(lost)
    assert finding.state == "undecided"
    assert checks["delay arrived (Windows)"] is False
    assert "delay proxy" in finding.needs


def test_unmeasured_round_trips_leave_latency_undecided() -> None:
    finding, checks = latency_of(lambda tables: replace(tables, arm_rtt=tables.arm_rtt.assign(rtt_s=np.nan)))
    assert finding.state == "undecided"
    assert checks["delay arrived (Linux)"] is None


def test_arms_switched_in_blocks_decide_nothing() -> None:
    def blocks(tables: Tables) -> Tables:
        arm = tables.cells["minute"] // 10 % 3
        cells = tables.cells[tables.cells["delay_us"] == arm.map({0: 0, 1: 160_000, 2: 320_000})]
        return with_cells(replace(tables, cells=cells))

    finding, checks = latency_of(blocks)
    assert finding.state == "undecided"
    assert checks["arms interleaved (Windows)"] is False
    assert "interleaved within minutes" in finding.needs
