import math

import pytest

from analysis.simulation.design import ARMS, Design, DesignError, arm_of, arms_on


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


def test_a_client_runs_on_the_loop_that_its_platform_has_for_it() -> None:
    windows, linux, macos = ([arm_of(name, platform)[1] for name in ARMS] for platform in ("Windows", "Linux", "macOS"))
    assert windows == ["gevent-libuv", "gevent-libuv", "asyncio-proactor", "asyncio-selector"]
    assert linux == macos == ["gevent-libev", "gevent-libev", "asyncio-selector", "asyncio-selector"]


def test_two_names_of_one_loop_are_one_arm() -> None:
    names = ("websockets-asyncio", "websockets-selector")
    assert len(arms_on(names, "Windows")) == 2
    assert arms_on(names, "Linux") == (("websockets-asyncio", "asyncio-selector"),)


@pytest.mark.parametrize("clients", [(), ("websockets-selector", "curl")])
def test_a_client_that_cannot_be_drawn_is_refused(clients: tuple[str, ...]) -> None:
    with pytest.raises(DesignError, match="choose of websocket-client, .*websockets-selector"):
        Design(clients=clients)
