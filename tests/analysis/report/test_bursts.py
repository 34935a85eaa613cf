import numpy as np
import pandas as pd

from analysis.report.bursts import burst_slots


def timeline(bad: list[int], *, n: int = 100, kind: str = "exchange") -> pd.DataFrame:
    rows = [
        {"slot": 10 * slot, "kind": kind, "outcome": outcome, "n": count}
        for slot, failures in enumerate(bad)
        for outcome, count in (("ok", n - failures), ("timeout", failures))
        if count
    ]
    return pd.DataFrame(rows, columns=["slot", "kind", "outcome", "n"])


def test_outage_is_a_burst_and_the_rest_is_not() -> None:
    assert burst_slots(timeline([0, 1, 0, 40, 55, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0])) == [30, 40]


def test_single_failure_in_a_clean_run_is_no_burst() -> None:
    assert burst_slots(timeline([0] * 20 + [2] + [0] * 20)) == []


def test_even_failures_are_no_bursts() -> None:
    counts = np.random.default_rng(1).binomial(100, 0.05, 100).tolist()
    assert len(burst_slots(timeline(counts))) <= 1


def test_probes_and_an_empty_run_have_no_bursts() -> None:
    assert burst_slots(timeline([0, 0, 90, 0], kind="probe")) == []
    assert burst_slots(timeline([])) == []
