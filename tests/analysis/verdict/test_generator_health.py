import pandas as pd

from analysis.verdict.generator_health import assess
from tests.analysis.run_folders import health

MARGIN = 0.005


def workers(**changes: float) -> pd.DataFrame:
    row = {
        "worker": "w0",
        "judged": 1000,
        "lag_null": 0,
        "lagged": 0,
        "starved": 0,
        "busy": 0,
        "cpu_null": 0,
        "lag_max_s": 0.02,
        "cpu_max": 0.5,
        "good": 800,
        "good_lagged": 0,
        "rows": 1200,
        "late_s": 2.4,
    }
    return pd.DataFrame([row | changes])


def test_quiet_generator_is_healthy() -> None:
    assert assess(workers(), health(60), margin=MARGIN).state == "healthy"


def test_attempts_alone_can_show_a_healthy_generator() -> None:
    found = assess(workers(), health(0), margin=MARGIN)
    assert found.state == "healthy"
    assert "0 of 1,000 attempts" in found.why
    assert "began 2 ms after they were due" in found.why


def test_more_starved_attempts_than_the_margin_impair() -> None:
    assert assess(workers(starved=5), health(0), margin=MARGIN).state == "healthy"
    found = assess(workers(starved=6), health(0), margin=MARGIN)
    assert found.state == "impaired"
    assert "6 of 1,000 attempts" in found.why


def test_loop_that_is_late_in_over_a_tenth_of_its_seconds_impairs() -> None:
    def vitals(late: int) -> pd.DataFrame:
        frame = health(100, workers=1)
        frame.loc[: late - 1, "loop_lag_s"] = 0.1
        return frame

    assert assess(workers(), vitals(10), margin=MARGIN).state == "healthy"
    found = assess(workers(), vitals(11), margin=MARGIN)
    assert found.state == "impaired"
    assert "in 11 % of its seconds" in found.why


def test_hiccups_of_a_short_run_do_not_impair() -> None:
    frame = health(7, workers=1)
    frame.loc[:3, "loop_lag_s"] = 0.3
    assert assess(workers(), frame, margin=MARGIN).state == "healthy"
    frame.loc[:4, "loop_lag_s"] = 0.3
    assert assess(workers(), frame, margin=MARGIN).state == "impaired"


def test_good_attempts_stand_in_for_health_rows() -> None:
    assert assess(workers(good_lagged=80), health(0), margin=MARGIN).state == "healthy"
    assert assess(workers(good_lagged=81), health(0), margin=MARGIN).state == "impaired"


def test_timeouts_that_saw_a_lag_each_do_not_make_the_generator_guilty() -> None:
    assert assess(workers(lagged=200, good_lagged=8), health(0), margin=MARGIN).state == "healthy"


def test_ten_busy_seconds_in_a_row_impair_and_nine_do_not() -> None:
    def vitals(busy: int) -> pd.DataFrame:
        frame = health(60, workers=1)
        frame.loc[20 : 20 + busy - 1, "cpu"] = 0.95
        return frame

    assert assess(workers(), vitals(9), margin=MARGIN).state == "healthy"
    found = assess(workers(), vitals(10), margin=MARGIN)
    assert found.state == "impaired"
    assert "for 10 s in a row" in found.why


def test_busy_attempts_impair_where_there_are_no_health_rows() -> None:
    assert assess(workers(busy=101), health(0), margin=MARGIN).state == "impaired"
    assert assess(workers(busy=101), health(60), margin=MARGIN).state == "healthy"


def test_unmeasured_lag_is_unknown() -> None:
    assert assess(workers(lag_null=10), health(60), margin=MARGIN).state == "healthy"
    assert assess(workers(lag_null=11), health(60), margin=MARGIN).state == "unknown"


def test_impaired_outranks_unknown() -> None:
    assert assess(workers(lag_null=500, good_lagged=400), health(0), margin=MARGIN).state == "impaired"


def test_no_attempt_is_unknown() -> None:
    assert assess(workers().iloc[:0], health(60), margin=MARGIN).state == "unknown"
