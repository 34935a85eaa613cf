import numpy as np
import pandas as pd

from analysis.claims.latency import latency, shape
from analysis.comparison.view import view_of
from analysis.model import Criteria, Finding
from analysis.reduction.tables import Tables
from analysis.stats.groups import Ints
from tests.analysis.deciding import found_alone
from tests.analysis.tables_by_hand import sketched, with_cells


def found(tables: Tables) -> Finding:
    return latency(view_of(tables, Criteria()))


def test_what_every_platform_shares_is_confirmed() -> None:
    finding = found(sketched(2, suspect="latency", effect=0.03))
    assert finding.state == "confirmed"
    assert len(finding.parts) == 2


def test_what_one_platform_shows_is_not_latency_alone() -> None:
    finding = found(sketched(2, suspect="platform_x_latency", effect=0.05))
    assert finding.state == "undecided"
    states = {name.rsplit(" ", 1)[1]: part.state for name, part in finding.parts.items()}
    assert states["Windows"] == "confirmed"


def test_without_delay_arms_there_is_nothing_to_compare() -> None:
    finding = found(sketched(2, delays_us=(0,)))
    assert finding.state == "undecided"
    assert "--delay-ms" in finding.needs
    assert finding.effect is None


def struck_at(*delays_us: int, share: float = 0.5, arms: tuple[int, ...] = (0, 80_000, 160_000, 320_000)) -> Tables:
    """The tables with a share of all attempts silent at some delays."""

    def bad(cells: pd.DataFrame) -> Ints:
        return np.where(cells["delay_us"].isin(delays_us), np.rint(share * cells["n"]), 0).astype(int)

    columns = {name: bad for name in ("bad", "residual", "timeouts")}
    return with_cells(sketched(3, base_risk=0.0, delays_us=arms), **columns)


def test_a_delay_that_is_worse_than_a_longer_one_is_said_not_to_be_monotone() -> None:
    words = shape(view_of(struck_at(80_000), Criteria()))
    assert "Windows 80 ms +" in words
    assert "(not monotone: 80 ms is worse than 160 ms)" in words
    assert words in found_alone(struck_at(80_000), "latency").evidence


def test_a_risk_that_rises_with_the_delay_is_monotone() -> None:
    words = shape(view_of(struck_at(320_000), Criteria()))
    assert words.startswith("Beside the lowest delay: ")
    assert "(monotone)" in words
    assert "not monotone" not in words


def test_where_no_order_is_sure_none_is_said() -> None:
    words = shape(view_of(sketched(4, base_risk=0.01), Criteria()))
    assert "not monotone" not in words


def test_two_delays_have_no_shape() -> None:
    assert shape(view_of(struck_at(300_000, arms=(0, 300_000)), Criteria())) == ""
    assert shape(view_of(sketched(2, delays_us=(0,)), Criteria())) == ""
