from __future__ import annotations

import pytest

from scenarios.control.target import TargetUrl, check_allowed, parse_target
from scenarios.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("wss://staging.example.com", TargetUrl("wss", "staging.example.com", 443, "/ws")),
        ("https://staging.example.com/", TargetUrl("wss", "staging.example.com", 443, "/ws")),
        ("ws://127.0.0.1:8000/websocket", TargetUrl("ws", "127.0.0.1", 8000, "/websocket")),
        ("http://[::1]:8000/ws?a=b", TargetUrl("ws", "::1", 8000, "/ws?a=b")),
    ],
)
def test_a_target_is_read_with_the_defaults_of_its_scheme(host: str, expected: TargetUrl) -> None:
    assert parse_target(host) == expected


@pytest.mark.parametrize(
    "host", ["staging.example.com", "ftp://x", "ws://", "ws://u:p@x/ws", "ws://x:99999", "ws://x/#f"]
)
def test_what_is_no_websocket_url_is_refused(host: str) -> None:
    with pytest.raises(ConfigError):
        parse_target(host)


def test_a_password_in_the_url_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_target("wss://me:hunter2@staging.example.com/ws")
    assert "hunter2" not in str(refusal.value)


def test_a_host_that_nobody_allowed_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match="SOAK_ALLOWED_HOSTS=staging.example.com"):
        check_allowed(parse_target("wss://staging.example.com"), {})


@pytest.mark.parametrize(
    "listed", ["staging.example.com", "a.example.com, STAGING.example.com", "staging.example.com:443"]
)
def test_a_listed_host_passes(listed: str) -> None:
    check_allowed(parse_target("wss://staging.example.com"), {"SOAK_ALLOWED_HOSTS": listed})


@pytest.mark.parametrize("listed", ["staging.example.com:8443", "example.com", "*"])
def test_a_list_allows_exactly_what_it_says(listed: str) -> None:
    with pytest.raises(ConfigError):
        check_allowed(parse_target("wss://staging.example.com"), {"SOAK_ALLOWED_HOSTS": listed})


def test_the_url_leaves_the_default_port_out() -> None:
    assert parse_target("wss://staging.example.com:443/ws").url == "wss://staging.example.com/ws"
    assert parse_target("ws://[::1]:8000").url == "ws://[::1]:8000/ws"
