"""Token endpoints: their answers as pure text, and a real server that answers, refuses, drips or is away."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scenarios.credentials.cache import TokenUnavailable
from scenarios.credentials.endpoint import HttpTokens, get_over_gevent, token_from_answer
from scenarios.credentials.jwt import Minter, key_from_text
from scenarios.errors import ConfigError

VALUE = Minter(key_from_text("HS256", "k" * 32, source="the test"), issuer="i").fetch("s", 1000.0).value


@pytest.mark.parametrize(
    "body",
    [
        VALUE,
        f"{VALUE}\n",
        f'"{VALUE}"',
        f'{{"access_token": "{VALUE}", "token_type": "Bearer"}}',
        f'{{"token": "{VALUE}"}}',
    ],
    ids=["bare", "with a newline", "a JSON string", "OAuth", "token"],
)
def test_each_form_of_answer_gives_the_token(body: str) -> None:
    token = token_from_answer(body.encode(), 5.0)
    assert token is not None
    assert (token.value, token.issued_at, token.expires_at) == (VALUE, 1000.0, 2800.0)


def test_expires_in_counts_where_the_token_does_not_tell() -> None:
    token = token_from_answer(b'{"access_token": "opaque", "expires_in": 60}', 5.0)
    assert token is not None and (token.issued_at, token.expires_at) == (5.0, 65.0)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": 7}', b"<html> not found </html>", b"{broken", b'""'])
def test_an_answer_without_a_token_is_none(body: bytes) -> None:
    assert token_from_answer(body, 0.0) is None


class Endpoint(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/drip"):
            self.send_response(200)
            self.end_headers()
            try:
                while not self.server.ending.wait(0.05):  # type: ignore[attr-defined]
                    self.wfile.write(b"e")
            except OSError:
                pass
            return
        status = 200 if self.headers.get("Authorization") == "Basic abc" else 401
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f'{{"access_token": "for:{self.path}"}}'.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.ending = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.ending.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


def source(url: str, environment: Mapping[str, str] | None = None) -> HttpTokens:
    return HttpTokens(url, environment=environment or {}, get=get_over_gevent)


def test_a_real_endpoint_is_asked_for_each_subject_with_our_authorization() -> None:
    with endpoint() as url:
        tokens = source(url + "/token?sub={subject}", {"SOAK_TOKEN_AUTHORIZATION": "Basic abc"})
        assert tokens.fetch("a b&c", 0.0).value == "for:/token?sub=a%20b%26c"


def test_a_refusal_names_the_status_and_no_query() -> None:
    with endpoint() as url, pytest.raises(TokenUnavailable, match="/token answered with status 401") as refusal:
        source(url + "/token?key=hidden").fetch("s", 0.0)
    assert "hidden" not in str(refusal.value)


def test_a_dripping_endpoint_ends_at_the_deadline_for_the_whole() -> None:
    with endpoint() as url, pytest.raises(TimeoutError):
        get_over_gevent(url + "/drip", {}, 0.4)


def test_an_endpoint_that_is_away_is_one_sentence() -> None:
    with endpoint() as url:
        away = url
    with pytest.raises(TokenUnavailable) as failure:
        source(away + "/token?key=hidden").fetch("s", 0.0)
    refused = "[^:]*refused[^:]*"  # in the platform's own words
    assert re.fullmatch(f"The token endpoint {re.escape(away)}/token gave no answer: {refused}", str(failure.value))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TimeoutError("late"), "gave no answer within 10 s."),
        (ssl.SSLError(1, "certificate verify failed"), "gave no answer: certificate verify failed."),
        (OSError("no number, perhaps a query"), "gave no answer: OSError."),
        (ValueError("hidden"), "gave no answer: ValueError."),
    ],
    ids=["timeout", "TLS", "no reason", "no HTTP"],
)
def test_the_reason_of_a_failure_is_told(error: Exception, says: str) -> None:
    def get(url: str, headers: Mapping[str, str], deadline_s: float) -> tuple[int, bytes]:
        raise error

    with pytest.raises(TokenUnavailable) as failure:
        HttpTokens("http://@h:81/t?key=hidden", environment={}, get=get).fetch("s", 0.0)
    assert str(failure.value) == f"The token endpoint http://h:81/t {says}"


@pytest.mark.parametrize("url", ["ftp://a/b", "http://", "https://user:pw@a/token"])
def test_a_url_that_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="--token-source must be an http") as refusal:
        source(url)
    assert "pw" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://[::1", "'http://[::1' .* host .* http://"),
        ("http://[x]/token?key=hidden", r"'http://\[x\]/token' .* host"),
        ("http://a:99999/", "'http://a:99999/' .* port .* from 1 to 65535"),
        ("http://a:0/", "port .* from 1 to 65535"),
        ("http://a:b/#hidden", "'http://a:b/' .* port"),
        ("http://user:hidden@[::1", "host"),
        ("http://user:hid#den@a/", "port"),
    ],
)
def test_a_host_or_port_that_cannot_be_is_refused_without_what_may_be_secret(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^--token-source.*{says.replace('[::1', chr(92) + '[::1')}") as refusal:
        source(url)
    assert "hid" not in str(refusal.value)
