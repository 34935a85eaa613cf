"""An estimate with its interval in words."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.comparison.words import interval_words, points


@pytest.mark.parametrize(("ratio", "sign", "text"), [(0.012, False, "1.20"), (0.012, True, "+1.20"), (None, True, "–")])
def test_a_ratio_is_in_percent_points(ratio: float | None, sign: bool, text: str) -> None:
    assert points(ratio, sign=sign) == text


@pytest.mark.parametrize(
    ("bounds", "how", "text"),
    [
        ((0.008, 0.017), {}, "+1.20 points (+0.80 to +1.70)"),
        ((0.008, 0.017), {"is_rate": True}, "1.20 % (0.80 to 1.70)"),
        ((0.008, 0.017), {"before": "95 % interval "}, "+1.20 points (95 % interval +0.80 to +1.70)"),
        ((None, 0.017), {"without": " (no interval)"}, "+1.20 points (– to +1.70)"),
        ((None, None), {"without": " (no interval)"}, "+1.20 points (no interval)"),
        ((None, None), {}, "+1.20 points"),
    ],
)
def test_an_estimate_has_its_interval(
    bounds: tuple[float | None, float | None], how: dict[str, Any], text: str
) -> None:
    assert interval_words(0.012, *bounds, **how) == text
