"""Every confounder of the method, made by hand and found by name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.comparison.host_conditions import base_rtt_similar, kernels_alike
from analysis.comparison.rule import Condition
from analysis.comparison.view import view_of
from analysis.model import Criteria
from analysis.reduction.tables import Tables
from tests.analysis.claims.rung_tables import asked, lost
from tests.analysis.comparison.confounders import confounded, worse_windows
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import only, sketched, with_cells
from tests.typed import known


def test_without_a_confounder_every_check_passes_and_the_platform_is_confirmed() -> None:
    finding, checks = confounded(worse_windows())
    assert finding.state == "confirmed"
    assert set(checks.values()) == {True}


def one_host(tables: Tables) -> Tables:
    return only(tables, lambda frame: (frame["platform"] != "Windows") | (frame["host"] == "Windows-0"))


def unknown_rtt(tables: Tables) -> Tables:
    return replace(tables, base_rtt=tables.base_rtt.assign(base_rtt_s=None))


def other_minutes(tables: Tables) -> Tables:
    middle = tables.cells["minute"].median()
    early = tables.cells["minute"] < middle
    return with_cells(replace(tables, cells=tables.cells[early == (tables.cells["platform"] == "Windows")]))


def other_latencies(tables: Tables) -> Tables:
    far = tables.base_rtt["platform"] == "Windows"
    return replace(tables, base_rtt=tables.base_rtt.assign(base_rtt_s=np.where(far, 3.0, 0.04)))


def other_clients(tables: Tables) -> Tables:
    name = np.where(tables.cells["platform"] == "Windows", "asyncio", tables.cells["client"])
    return with_cells(tables, client=name)


def other_network(tables: Tables) -> Tables:
    return replace(tables, sites=tables.sites.assign(site=tables.sites["platform"]))


def unknown_network(tables: Tables) -> Tables:
    return replace(tables, sites=tables.sites.assign(site=None))


def other_instances(tables: Tables) -> Tables:
    frame = tables.platform_instances
    return replace(tables, platform_instances=frame.assign(server_instance=frame["platform"] + "-only"))


def busy_loops(tables: Tables) -> Tables:
    loops = tables.loops
    busy = np.where(loops["platform"] == "Windows", loops["good"] // 5, 0)
    return replace(tables, loops=loops.assign(good_lagged=busy))


def unmeasured_loops(tables: Tables) -> Tables:
    return replace(tables, cells=tables.cells.assign(lag_null=tables.cells["n"]))


def other_pythons(tables: Tables) -> Tables:
    versions = tables.factors["platform"].map({"Windows": "3.11.9", "Linux": "3.12.1"})
    return replace(tables, factors=tables.factors.assign(level=versions))


def inherited_users(tables: Tables) -> Tables:
    rows = [
        {"host": host, "platform": platform, "bin": 5_892_000, "ordinal": ordinal, "n": 50, "explicit": 0}
        for host, platform in tables.base_rtt[["host", "platform"]].itertuples(index=False)
        for ordinal in ((4, 5, 6) if platform == "Windows" else (1, 2, 3))
    ]
    return replace(tables, subjects=pd.DataFrame(rows))


def own_bursts(tables: Tables) -> Tables:
    burst = (tables.cells["platform"] == "Windows") & (tables.cells["minute"] % 12 == 0)
    quiet = {name: np.where(burst, tables.cells["n"], 0) for name in ("bad", "residual", "timeouts")}
    return with_cells(tables, **quiet)


def simulated(tables: Tables) -> Tables:
    return replace(tables, totals=tables.totals.assign(simulated=1000))


CONFOUNDERS: dict[Callable[[Tables], Tables], str] = {
    one_host: "hosts on each side",
    unknown_rtt: "round trips known",
    other_minutes: "same minutes",
    other_latencies: "same latencies",
    other_clients: "same clients",
    other_network: "same networks",
    unknown_network: "same networks",
    other_instances: "same instances",
    busy_loops: "equal loops",
    unmeasured_loops: "loops measured",
    other_pythons: "same Python versions",
    inherited_users: "order of users",
    own_bursts: "no bursts of its own",
    simulated: "platforms are real",
}


@pytest.mark.parametrize("confound", CONFOUNDERS, ids=lambda change: change.__name__)
def test_a_confounder_is_named_and_leaves_the_platform_undecided(confound: Callable[[Tables], Tables]) -> None:
    finding, checks = confounded(confound(worse_windows()))
    assert checks[CONFOUNDERS[confound]] is not True
    assert finding.state == "undecided"
    assert finding.needs


def test_a_rehearsal_may_use_labels() -> None:
    rehearsed = decided_alone(simulated(worse_windows()), "platform", settings=Criteria(rehearsal=True))
    assert rehearsed.claims["platform"].state == "confirmed"


def test_a_platform_with_one_host_does_not_spoil_the_comparison_of_the_others() -> None:
    tables = sketched(3, suspect="platform", effect=0.03, platforms=("Windows", "Linux", "macOS"))
    few = only(tables, lambda frame: (frame["platform"] != "macOS") | (frame["host"] == "macOS-0"))
    finding, _ = confounded(few)
    assert finding.state == "confirmed"
    assert next(iter(finding.parts)) == "Windows against Linux"
    assert not any("macOS" in name for name in finding.parts)


def test_round_trips_that_nobody_measured_are_not_called_different() -> None:
    tables = unknown_rtt(worse_windows())
    prepared = view_of(tables, Criteria())
    check = base_rtt_similar(prepared, np.arange(len(prepared.hosts)), (0, 1))
    assert check.check.ok is None
    assert "unknown" in check.check.detail and "nan" not in check.check.detail
    assert check.need.startswith("round trips measured on every host")


def kernels(tables: Tables) -> Condition | None:
    prepared = view_of(tables, Criteria())
    return kernels_alike(prepared, range(len(prepared.platforms)))


def test_kernels_that_explain_one_sides_timeouts_alone_leave_the_platforms_undecided() -> None:
    tables = asked(worse_windows())
    assert kernels(tables) is None
    unread = lost(tables, 0.03, facts=("client_loop", "here"), platform="Linux")
    assert known(kernels(unread)).check.ok
    told = np.where(unread.cells["platform"] == "Windows", 0, unread.cells["placed"])
    one_side = with_cells(unread, placed=told)
    assert not known(kernels(one_side)).check.ok
    assert "on Windows the kernel was not asked" in known(kernels(one_side)).check.detail
    finding, checks = confounded(one_side)
    assert finding.state == "undecided"
    assert checks["kernels asked alike"] is False
