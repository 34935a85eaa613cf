import numpy as np
import pandas as pd
import pytest

from analysis.claims.platform import platform
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from analysis.stats.groups import Ints
from tests.analysis.tables_by_hand import sketched, with_cells


def found(tables: Tables) -> Finding:
    return platform(view_of(tables, Criteria()), None)


@pytest.mark.parametrize("platforms", [("Windows", "Linux"), ("Aix", "Zos")])
def test_the_worse_platform_comes_first_whatever_its_name(platforms: tuple[str, ...]) -> None:
    finding = found(sketched(2, suspect="platform", effect=0.03, platforms=platforms))
    assert finding.state == "confirmed"
    first, *others = finding.parts
    assert first == f"{platforms[0]} against {platforms[1]}"
    assert all(name.startswith(f"{first} with ") for name in others)


def test_hosts_that_differ_widely_hide_a_platform() -> None:
    finding = found(sketched(2, suspect="platform", effect=0.01, host_sd=1.5, base_risk=0.02))
    assert finding.state == "undecided"
    assert "hosts in place of 6" in finding.needs or "too near" in finding.needs


def test_a_clean_run_is_ruled_out_by_the_ceiling_even_with_one_host_a_side() -> None:
    finding = found(sketched(2, hosts=1, base_risk=0.0, attempts_a_minute=300.0))
    assert finding.state == "ruled_out"
    assert finding.ceiling


def test_one_platform_is_none_to_compare() -> None:
    finding = found(sketched(2, platforms=("Linux",)))
    assert finding.state == "undecided"
    assert "one platform only" in finding.evidence


def test_a_platform_that_hangs_on_one_host_asks_for_a_look_at_it_and_not_for_fifty_more() -> None:
    def bad(cells: pd.DataFrame) -> Ints:
        return np.where(cells["host"] == "Windows-1", np.rint(0.3 * cells["n"]), 0).astype(int)

    tables = with_cells(sketched(3, base_risk=0.0, hosts=4), **{name: bad for name in ("bad", "residual", "timeouts")})
    finding = found(tables)
    assert finding.state == "undecided"
    assert "Without the host Windows-1" in finding.evidence
    assert finding.needs == "A look at what is particular to Windows-1, or a run without it."
