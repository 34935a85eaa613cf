from __future__ import annotations

import pytest

from scenarios.control.proxy import proxy_for
from scenarios.errors import ConfigError
from scenarios.plan import Target

WS = Target(scheme="ws", host="staging.example.com", port=80)
WSS = Target(scheme="wss", host="staging.example.com", port=443)


def found(target: Target, proxies: dict[str, str], *, bypassed: bool = False) -> tuple[str, int] | None:
    return proxy_for(target, proxies=lambda: proxies, bypasses=lambda _: bypassed)


def test_wss_takes_the_proxy_of_https_and_ws_that_of_http() -> None:
    proxies = {"https": "http://secure:3128", "http": "http://plain:8080"}
    assert found(WSS, proxies) == ("secure", 3128)
    assert found(WS, proxies) == ("plain", 8080)


def test_a_proxy_without_a_scheme_and_one_for_all_are_understood() -> None:
    assert found(WS, {"all": "proxy:3128"}) == ("proxy", 3128)


def test_no_proxy_is_none() -> None:
    assert found(WS, {}) is None
    assert found(WS, {"http": "http://plain:8080"}, bypassed=True) is None


@pytest.mark.parametrize("url", ["socks5://proxy:1080", "http://proxy", "http://me:hunter2@proxy:3128"])
def test_a_proxy_that_cannot_serve_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        found(WS, {"http": url})
    assert "hunter2" not in str(refusal.value)


def test_a_proxys_name_is_encoded_as_a_targets_is() -> None:
    assert found(WS, {"http": "http://b\u00fccher.example:3128"}) == ("xn--bcher-kva.example", 3128)


def test_a_proxy_whose_name_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no host"):
        found(WS, {"http": "http://a..b:3128"})
