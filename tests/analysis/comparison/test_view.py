import numpy as np
import pytest

from analysis.comparison.view import view_of
from analysis.model import Criteria
from tests.analysis.tables_by_hand import no_attempts, on_every_frame, sketched, with_cells


def test_other_arms_of_mitigation_are_not_pooled() -> None:
    half = sketched(hosts=1, minutes=10).cells
    arms = with_cells(sketched(hosts=1, minutes=10), mitigation=np.where(np.arange(len(half)) % 2, "none", "retry"))
    assert view_of(arms, Criteria()).cells.n.sum() == half["n"][1::2].sum()


def test_a_machine_under_two_labels_is_two_hosts() -> None:
    one = on_every_frame(sketched(hosts=1), lambda frame: frame.assign(host="same") if "host" in frame else frame)
    assert view_of(one, Criteria()).hosts == (("same", "Linux"), ("same", "Windows"))


def test_the_unit_of_time_follows_connections_and_not_rows() -> None:
    few = sketched(minutes=40, attempts_a_minute=30.0)
    assert view_of(few, Criteria()).unit > view_of(sketched(attempts_a_minute=400.0), Criteria()).unit
    doubled = with_cells(few, n=lambda c: 2 * c["n"], n_clean=lambda c: 2 * c["n_clean"])
    assert view_of(doubled, Criteria()).unit == view_of(few, Criteria()).unit


def test_rates_of_a_short_run_take_the_worst_case_and_counts_with_a_cause_do_not() -> None:
    short = view_of(sketched(minutes=2, hosts=1, attempts_a_minute=600.0, base_risk=0.05), Criteria())
    cells = short.cells
    assert short.rate(cells, cells.bad, cells.n).design_effect == 20.0
    assert short.census(cells, cells.bad).design_effect == pytest.approx(1.0)


def test_hosts_without_attempts_have_no_code() -> None:
    view = view_of(sketched(), Criteria())
    frame = view.tables.sites.assign(host="elsewhere")
    assert set(view.host_codes(frame)) == {-1}
    assert len(view.host_codes(frame.iloc[:0])) == 0


def test_an_empty_run_has_a_view() -> None:
    view = view_of(no_attempts(), Criteria())
    assert len(view.cells) == 0
    assert view.attempts_a_connection == 1.0
