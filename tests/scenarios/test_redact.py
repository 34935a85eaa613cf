"""Nothing that may be a credential is left in a text for people."""

from __future__ import annotations

import base64
import random
import string
from urllib.parse import quote

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.redact import MAX_DETAIL, PIECE, Secret, plain_urls, redacted, without_tokens

SECRET = "a secret of more than thirty-two bytes"
TOKEN = jwt.encode({"sub": "u", "iat": 1}, SECRET, algorithm="HS256")
ENCODED = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        f"invalid token {TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f"subprotocol jwt.{ENCODED} is unknown",
        f"the server answered {ENCODED}",
        f"/ws?token={TOKEN}",
        f"/ws?access_token={TOKEN}",
        f"half of it: {TOKEN[: len(TOKEN) // 2]}",
        f"signature {TOKEN.rpartition('.')[2]}",
        f"signature:{TOKEN.rpartition('.')[2]}",
        f"basic dXNlcjpwYXNz and {ENCODED}",
        '{"token": "Ab3dEf9"} is not a token',
    ],
)
def test_tokens_are_hidden_wherever_they_stand(text: str) -> None:
    shown = redacted(text)
    assert "<redacted>" in shown
    for part in (*TOKEN.split("."), ENCODED[:20], "dXNlcjpwYXNz", "Ab3dEf9"):
        assert part not in shown


OPAQUE = st.text(string.ascii_letters + string.digits + "-._~+/", min_size=PIECE, max_size=120)
SENTENCES = st.sampled_from(["bad token {}", "{}", "denied:{}.", "jwt.{} is no subprotocol", "Bearer {}", "a={}&b=1"])


def tokens(seed: int) -> str:
    rng = random.Random(seed)
    return jwt.encode({"sub": str(seed), "jti": rng.randbytes(9).hex()}, rng.randbytes(40), algorithm="HS256")


def wrapped(token: str) -> list[tuple[str, int]]:
    """The forms in which a server may repeat it, each with the letters in front that are about something else."""
    data = token.encode()
    return [
        (token, 0),
        (quote(token, safe=""), 0),
        (base64.urlsafe_b64encode(data).decode(), 0),
        (base64.b64encode(data).decode().rstrip("="), 0),
        (base64.urlsafe_b64encode(b"Bearer " + data).decode(), len(base64.b64encode(b"Bearer "))),
        (base64.urlsafe_b64encode(b"x=" + data + b"&").decode(), len(base64.b64encode(b"x="))),
    ]


@given(OPAQUE | st.integers(0, 10**6).map(tokens), SENTENCES, st.data())
def test_no_piece_of_a_connections_own_token_is_left_in_any_form_however_it_is_cut(
    token: str, sentence: str, data: st.DataObject
) -> None:
    form, lead = data.draw(st.sampled_from(wrapped(token)))
    start = data.draw(st.integers(0, max(0, len(form) - PIECE)))
    end = data.draw(st.integers(start, len(form)))
    shown = redacted(sentence.format(form[start:end]), secret=Secret(token))
    for whole in (form[lead:], token):
        # The first and last letters of base64 may be about what stands beside the token.
        for at in range(2, len(whole) - PIECE - 2):
            assert whole[at : at + PIECE + 2] not in shown


@given(st.integers(0, 10**6), SENTENCES, st.integers(0, 60))
def test_a_token_that_is_somebody_elses_is_known_by_its_shape(seed: int, sentence: str, cut: int) -> None:
    token = tokens(seed)
    shown = redacted(sentence.format(token[: len(token) - cut]))
    head, claims, _ = token.split(".")
    assert head not in shown and claims not in shown


@given(st.binary(min_size=32, max_size=64))
def test_a_long_run_of_random_letters_is_hidden(key: bytes) -> None:
    run = base64.urlsafe_b64encode(key).decode().rstrip("=")
    if len(set(key)) > len(key) // 2:  # a run of the same byte is no key
        assert run not in redacted(f"the key {run} is wrong")


WORDS = [
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "CERTIFICATE_VERIFY_FAILED: certificate has expired; valid 2026-01-01T00:00Z to 2026-02-01T00:00Z; for a.example",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "Access-Control-Allow-Private-Network is missing",
    "Sec-WebSocket-Protocol and Sec-WebSocket-Extensions-Of-Mine are wrong",
    "Network Authentication Required",
    "Non-Authoritative Information",
    "auth_service_unreachable: health check timed out",
    "Bearer token missing",
    "Basic authentication required",
    "invalid token: signature expired",
    "the upgrade's response: InvalidHandshakeBecauseOfTheServersHeader",
    "VALIDATION_FAILED: Token validation failed for ws_staging-_1764000000_00c0ffee",
    "Found; Location: https://login.example/realms/customers/protocol/openid-connect/auth",
]


@pytest.mark.parametrize("text", WORDS)
def test_words_of_openssl_of_http_and_of_people_stay(text: str) -> None:
    assert redacted(text) == text
    assert redacted(text, secret=Secret(TOKEN)) == text


@given(st.lists(st.text(string.ascii_uppercase, min_size=2, max_size=12), min_size=1, max_size=8))
def test_any_name_in_openssls_manner_stays(words: list[str]) -> None:
    name = "TLSV13_ALERT_" + "_".join(words)
    assert redacted(name) == name[:MAX_DETAIL]


def test_an_identifier_of_the_peers_stays_unless_it_is_a_token() -> None:
    assert without_tokens("550e8400e29b41d4a716446655440000") == "550e8400e29b41d4a716446655440000"
    assert without_tokens(f"c-{TOKEN}") == "c-<redacted>"
    assert without_tokens("opaque-token-1", secret=Secret("opaque-token-1")) == "<redacted>"


def test_a_secret_never_shows_itself() -> None:
    assert TOKEN not in repr(Secret(TOKEN)) and Secret("ab").hidden_in("cab") == "cab"


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


def test_the_result_is_one_short_line() -> None:
    shown = redacted("line\n" * 100)
    assert "\n" not in shown and len(shown) == MAX_DETAIL
