from __future__ import annotations

import pytest

from scenarios.screens.web_access import names_of, refuse_foreign_host, refuse_foreign_origin, refuse_foreign_page

NAMES = ("build-7", "ui.example.com", ".soak.example.org")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:8089", "a.localhost:1", "127.0.0.1:8089", "[::1]:8089", "10.1.2.3", "[fe80::1]:80"),
        *("build-7:8089", "BUILD-7", "ui.example.com.", "soak.example.org", "a.soak.example.org:443"),
    ],
)
def test_this_machines_names_and_every_address_may_be_used(host: str) -> None:
    assert refuse_foreign_host(host, NAMES) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "build-7.evil.example"),
        *("evilsoak.example.org", "", "[::1", "127.1.evil"),
    ],
)
def test_a_name_that_others_can_point_here_is_refused(host: str) -> None:
    assert "--ui-hosts" in (refuse_foreign_host(host, NAMES) or "")


def test_any_name_can_be_allowed() -> None:
    assert refuse_foreign_host("whatever.example", ("*",)) is None


def test_a_machine_is_asked_under_its_own_name_and_those_of_its_options() -> None:
    names = names_of("Build-7.lan", "0.0.0.0", "https://Soak.example.com:8443/ui", "")
    assert names == ("build-7.lan", "build-7", "build-7.local", "0.0.0.0", "soak.example.com")


def test_the_pages_own_script_and_a_command_line_client_may() -> None:
    assert refuse_foreign_origin("http://localhost:8089", "localhost:8089") is None
    assert refuse_foreign_origin(None, "localhost:8089") is None


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:8090", "file://"])
def test_another_page_may_not(origin: str) -> None:
    assert refuse_foreign_origin(origin, "localhost:8089") is not None


def test_a_link_may_be_followed_from_another_site_and_nothing_else_be_fetched() -> None:
    assert refuse_foreign_page({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}) is None
    assert refuse_foreign_page({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}) is None
    assert refuse_foreign_page({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}) is not None
