from __future__ import annotations

import pytest

from scenarios.control.target import TargetUrl, check_allowed, parse_target
from scenarios.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("wss://staging.example.com", TargetUrl("wss", "staging.example.com", 443, "/ws")),
        ("https://staging.example.com/", TargetUrl("wss", "staging.example.com", 443, "/ws")),
        ("wss://staging.example.com/", TargetUrl("wss", "staging.example.com", 443, "/")),
        ("wss://staging.example.com/?a=b", TargetUrl("wss", "staging.example.com", 443, "/?a=b")),
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


@pytest.mark.parametrize(
    ("host", "on_the_wire"),
    [
        ("wss://b\u00fccher.example/\u00fcber/ws?a=\u00e4", "wss://xn--bcher-kva.example/%C3%BCber/ws?a=%C3%A4"),
        ("wss://STRA\u00dfE.example", "wss://xn--strae-oqa.example/ws"),  # IDNA 2008: 2003 made it strasse
        ("wss://\u4f8b\u3048\u3002\u30c6\u30b9\u30c8/ws", "wss://xn--r8jz45g.xn--zckzah/ws"),
        ("ws://xn--bcher-kva.example/%C3%BCber%20ws", "ws://xn--bcher-kva.example/%C3%BCber%20ws"),
        ("ws://my_service:8000/a b/\u20ac", "ws://my_service:8000/a%20b/%E2%82%AC"),
        ("ws://h/ws?room=a&to=b:c,d;e@f/g?h~i(j)", "ws://h/ws?room=a&to=b:c,d;e@f/g?h~i(j)"),
    ],
)
def test_names_and_paths_are_encoded_once_for_all_clients(host: str, on_the_wire: str) -> None:
    assert parse_target(host).url == on_the_wire
    assert parse_target(on_the_wire).url == on_the_wire


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("ws://a..b/ws", "'' is no part"),
        (f"ws://{'a' * 64}.example/ws", f"'{'a' * 64}' is no part"),
        (f"ws://{'a.' * 127}de/ws", "at most 253 characters"),
        ("ws://-a.example/ws", "'-a' is no part"),
        ("ws://a%20b/ws", "'a%20b' is no part"),
        ("ws://\u2603.example/ws", "names no host"),  # a snowman is in no name
    ],
)
def test_what_names_no_host_is_refused_with_the_reason(host: str, why: str) -> None:
    with pytest.raises(ConfigError, match="write it as wss://") as refusal:
        parse_target(host)
    assert why in str(refusal.value)


def test_a_password_in_the_url_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_target("wss://me:hunter2@staging.example.com/ws")
    assert "hunter2" not in str(refusal.value)


def test_a_host_that_nobody_allowed_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match="SOAK_ALLOWED_HOSTS=staging.example.com"):
        check_allowed(parse_target("wss://staging.example.com"), {})


def test_a_refusal_speaks_of_what_the_url_is_to_who_gave_it() -> None:
    with pytest.raises(ConfigError, match="The URL 'staging' must be a ws") as refusal:
        parse_target("staging", what="The URL")
    assert "--host" not in str(refusal.value)
    with pytest.raises(ConfigError, match=r"separated by commas\); or leave it\."):
        check_allowed(parse_target("wss://staging.example.com"), {}, otherwise="; or leave it")


@pytest.mark.parametrize(
    "listed", ["staging.example.com", "a.example.com, STAGING.example.com", "staging.example.com:443"]
)
def test_a_listed_host_passes(listed: str) -> None:
    check_allowed(parse_target("wss://staging.example.com"), {"SOAK_ALLOWED_HOSTS": listed})


@pytest.mark.parametrize(
    "listed",
    ["b\u00fccher.example", "B\u00dcCHER.example:443", "xn--bcher-kva.example", "\u2603,xn--bcher-kva.example"],
)
def test_a_name_that_is_not_ascii_may_be_listed_as_it_is_or_as_it_is_encoded(listed: str) -> None:
    check_allowed(parse_target("wss://b\u00fccher.example"), {"SOAK_ALLOWED_HOSTS": listed})


@pytest.mark.parametrize("listed", ["staging.example.com:8443", "example.com", "*"])
def test_a_list_allows_exactly_what_it_says(listed: str) -> None:
    with pytest.raises(ConfigError):
        check_allowed(parse_target("wss://staging.example.com"), {"SOAK_ALLOWED_HOSTS": listed})


def test_the_url_leaves_the_default_port_out() -> None:
    assert parse_target("wss://staging.example.com:443/ws").url == "wss://staging.example.com/ws"
    assert parse_target("ws://[::1]:8000").url == "ws://[::1]:8000/ws"
