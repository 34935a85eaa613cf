"""Nothing that may be a credential is left in a text for people."""

from __future__ import annotations

import base64

import jwt
import pytest

from scenarios.redact import MAX_DETAIL, plain_urls, redacted

SECRET = "a secret of more than thirty-two bytes"
TOKEN = jwt.encode({"sub": "u", "iat": 1}, SECRET, algorithm="HS256")
ENCODED = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        f"invalid token {TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f"subprotocol jwt.{ENCODED} is unknown",
        f"/ws?token={TOKEN}",
        f"half of it: {TOKEN[: len(TOKEN) // 2]}",
        f"signature {TOKEN.rpartition('.')[2]}",
        f"basic dXNlcjpwYXNz and {ENCODED}",
    ],
)
def test_tokens_are_hidden_wherever_they_stand(text: str) -> None:
    shown = redacted(text)
    assert "<redacted>" in shown
    for part in (*TOKEN.split("."), ENCODED[:20], "dXNlcjpwYXNz"):
        assert part not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ws://host:1/ws?api_key=SEKRET", "ws://host:1/ws?<redacted>"),
        ("--token-source=https://me:SEKRET@host/token", "--token-source=https://<redacted>@host/token"),
        ("--host wss://host/ws --users 3", "--host wss://host/ws --users 3"),
    ],
)
def test_a_url_is_shown_without_its_query_and_its_user(text: str, shown: str) -> None:
    assert plain_urls(text) == shown


def test_ordinary_text_stays() -> None:
    text = "VALIDATION_FAILED: Token validation failed for ws_staging-_1764000000_00c0ffee"
    assert redacted(text) == text


def test_the_result_is_one_short_line() -> None:
    shown = redacted("line\n" * 100)
    assert "\n" not in shown and len(shown) == MAX_DETAIL
