from __future__ import annotations

import pytest

from scenarios.http_fields import is_of_the_upgrade, is_token, is_value


@pytest.mark.parametrize(("text", "is_one"), [("X-Api-Key", True), ("a.b_c~", True), ("", False), ("a b", False)])
def test_a_name_is_a_token_of_http(text: str, is_one: bool) -> None:
    assert is_token(text) is is_one
    assert not is_token(text + ":") and not is_token(text + "\n") and not is_token(text + "\u00e9")


def test_a_value_is_printable_ascii_on_one_line() -> None:
    assert is_value("") and is_value("https://example.com, a\tb")
    assert not any(is_value(f"a{char}b") for char in "\r\n\0\x7f\u00e9")


def test_the_upgrades_own_headers_are_known_in_any_case() -> None:
    assert all(is_of_the_upgrade(name) for name in ("Host", "UPGRADE", "connection", "Sec-WebSocket-Key"))
    assert not any(is_of_the_upgrade(name) for name in ("Origin", "Cookie", "Authorization", "Sec-Fetch-Mode"))
