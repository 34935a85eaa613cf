from __future__ import annotations

import pytest

from scenarios.control.limits import VARIABLE, Limits, limits_from
from scenarios.errors import ConfigError


def test_without_the_variable_the_limits_are_in_true_size() -> None:
    assert limits_from({}) == Limits()


def test_one_factor_scales_each_limit() -> None:
    scaled = limits_from({VARIABLE: "0.1"})
    assert scaled == pytest.approx([limit / 10 for limit in Limits()])


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "a tenth"])
def test_what_is_no_factor_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match=f"{VARIABLE} is '{text}', but it is a factor above 0"):
        limits_from({VARIABLE: text})
