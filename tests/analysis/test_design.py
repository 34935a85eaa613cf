import math

import pytest

from analysis.design import Design, DesignError


@pytest.mark.parametrize("name", ["host_sd", "minute_sd", "site_sd"])
@pytest.mark.parametrize("value", [-1.0, 1e9, math.nan, math.inf])
def test_spread_that_no_machines_have_is_refused(name: str, value: float) -> None:
    with pytest.raises(DesignError, match=f"{name} = .* is out of range: 0 to 3"):
        Design(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_spread_may_be_none_and_may_be_wide(value: float) -> None:
    assert Design(host_sd=value, minute_sd=value, site_sd=value).host_sd == value


def test_seed_below_zero_is_refused() -> None:
    with pytest.raises(DesignError, match="seed = -1 is no seed"):
        Design(seed=-1)
    assert Design(seed=0).seed == 0
