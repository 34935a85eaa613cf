import math

import pytest

from analysis.server_log.moments import epoch_s

AT_S = 1_795_999_678.182790


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("2026-11-30T00:47:58.182790+00:00", AT_S),
        ("2026-11-30T00:47:58.182790Z", AT_S),
        ("2026-11-30T00:47:58.182790123Z", AT_S),
        ("2026-11-29T16:47:58.182790-08:00", AT_S),
        ("2026-11-30 00:47:58,182", AT_S - 0.00079),
        ("2026-11-30 00:47:58 +0000", AT_S - 0.18279),
        ("30/Nov/2026:00:47:58 +0000", AT_S - 0.18279),
        ("30/Nov/2026:00:47:58.182", AT_S - 0.00079),
        ("2026/11/30 00:47:58", AT_S - 0.18279),
        ("1795999678.182790", AT_S),
        (1795999678182.79, AT_S),
        ("1795999678182790", AT_S),
        (1795999678182790000, AT_S),
    ],
)
def test_times_of_every_log_are_epoch_seconds(text: str | float, at_s: float) -> None:
    assert epoch_s(text) == pytest.approx(at_s, abs=1e-5)


@pytest.mark.parametrize("text", ["", "yesterday", "12", 0, math.nan, math.inf, "2026-13-01T00:00:00Z", "9" * 40])
def test_what_is_no_time_is_none(text: str | float) -> None:
    assert epoch_s(text) is None
