from analysis.claims.platform_x_latency import platform_x_latency
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from tests.analysis.effects import estimate_of
from tests.analysis.tables_by_hand import sketched


def found(tables: Tables) -> Finding:
    return platform_x_latency(view_of(tables, Criteria()), None)


def test_latency_that_strikes_one_platform_is_an_interaction() -> None:
    finding = found(sketched(2, suspect="platform_x_latency", effect=0.03))
    assert finding.state == "confirmed"
    assert (
        "Windows, whose asyncio loop is the Proactor and whose gevent loop is libuv, against Linux" in finding.evidence
    )


def test_latency_that_strikes_all_alike_is_none() -> None:
    finding = found(sketched(2, suspect="latency", effect=0.03))
    assert finding.state != "confirmed"
    assert abs(estimate_of(finding.effect)) < 0.01


def test_one_host_a_side_cannot_tell() -> None:
    finding = found(sketched(2, hosts=1, suspect="platform_x_latency", effect=0.1))
    assert finding.state == "undecided"
    assert "three hosts of each platform" in finding.needs.lower()


def test_without_delay_arms_it_asks_for_them() -> None:
    finding = found(sketched(2, delays_us=(0,)))
    assert finding.state == "undecided"
    assert "--delay-ms" in finding.needs
