"""Token endpoints: their answers as pure text, and a real server that answers, refuses, drips or is away."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus

import gevent
import gevent.event
import pytest

from scenarios.credentials.ask import Answer, Question, ask_over_gevent
from scenarios.credentials.cache import TokenNotNow, TokenUnavailable
from scenarios.credentials.endpoint import MOST_AT_ONCE, Grant, HttpTokens, token_from_answer
from scenarios.credentials.jwt import Minter, key_from_text
from scenarios.errors import ConfigError
from tests.scenarios.kit.certificates import make_certificate

VALUE = Minter(key_from_text("HS256", "k" * 32, source="the test"), issuer="i").fetch("s", 1000.0).value


@pytest.mark.parametrize(
    "body",
    [
        VALUE,
        f"{VALUE}\n",
        f'"{VALUE}"',
        f'{{"access_token": "{VALUE}", "token_type": "Bearer"}}',
        f'{{"token": "{VALUE}"}}',
        f"\ufeff{VALUE}\r\n",
        f"Bearer {VALUE}",
        f'{{"token": "Bearer {VALUE}", "access_token": null}}',
    ],
    ids=["bare", "with a newline", "a JSON string", "OAuth", "token", "with a mark", "bearer", "bearer in JSON"],
)
def test_each_form_of_answer_gives_the_token(body: str) -> None:
    token = token_from_answer(body.encode(), 5.0)
    assert token is not None
    assert (token.value, token.issued_at, token.expires_at) == (VALUE, 1000.0, 2800.0)


@pytest.mark.parametrize("lives", [b"60", b"60.0", b'"60"'])
def test_expires_in_counts_where_the_token_does_not_tell(lives: bytes) -> None:
    token = token_from_answer(b'{"access_token": "opaque", "expires_in": %s}' % lives, 5.0)
    assert token is not None and (token.issued_at, token.expires_at) == (5.0, 65.0)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": 7}', b"<html>", b"{broken", b'""', b"\xff\x80"])
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
        if self.path.startswith("/limited"):
            self.send_response(429)
            self.send_header("Retry-After", "7")
            self.end_headers()
            return
        status = 200 if self.headers.get("Authorization") == "Basic abc" else 401
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f'{{"access_token": "for:{self.path}"}}'.encode())

    def do_POST(self) -> None:
        """A token endpoint of RFC 6749, section 4.4."""
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        is_form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        in_body = form.pop("client_id", ""), form.pop("client_secret", "")
        scheme, _, encoded = (self.headers.get("Authorization") or "").partition(" ")
        pair = tuple(unquote_plus(part) for part in base64.b64decode(encoded).decode().split(":"))
        is_known = ("soak+er", "s:cret/") in (in_body, pair if scheme == "Basic" else None)
        self.send_response(200 if is_known and is_form else 401)
        self.end_headers()
        answer = (
            {"access_token": "&".join(f"{k}={v}" for k, v in form.items())} if is_known else {"error": "invalid_client"}
        )
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def endpoint(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.ending = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.ending.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


def source(url: str, environment: Mapping[str, str] | None = None, *, grant: Grant | None = None) -> HttpTokens:
    return HttpTokens(url, environment=environment or {}, ask=ask_over_gevent, grant=grant, rng=Longest())


class Longest(random.Random):
    """Draws the largest number."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Answers:
    """An endpoint that gives the answers of a list, and keeps the questions."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.left = list(answers)
        self.questions: list[Question] = []

    def __call__(self, question: Question, deadline_s: float) -> Answer:
        self.questions.append(question)
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def scripted(*answers: Answer | Exception, url: str = "http://h/token", grant: Grant | None = None) -> HttpTokens:
    return HttpTokens(url, environment={}, ask=Answers(*answers), grant=grant, rng=Longest())


GOOD = Answer(200, {}, b"opaque")


def test_a_real_endpoint_is_asked_for_each_subject_with_our_authorization() -> None:
    with endpoint() as url:
        tokens = source(url + "/token?sub={subject}", {"SOAK_TOKEN_AUTHORIZATION": "Basic abc\r\n"})
        assert tokens.fetch("a b&c", 0.0).value == "for:/token?sub=a%20b%26c"


def test_a_refusal_names_the_status_and_no_query() -> None:
    with endpoint() as url, pytest.raises(TokenUnavailable, match="/token answered with status 401") as refusal:
        source(url + "/token?key=hidden").fetch("s", 0.0)
    assert "hidden" not in str(refusal.value)


def test_a_dripping_endpoint_ends_at_the_deadline_for_the_whole() -> None:
    with endpoint() as url, pytest.raises(TimeoutError):
        ask_over_gevent(Question("GET", url + "/drip", {}), 0.4)


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
    with pytest.raises(TokenNotNow) as failure:
        scripted(error, url="http://@h:81/t?key=hidden").fetch("s", 0.0)
    assert str(failure.value) == f"The token endpoint http://h:81/t {says}"


def test_a_real_endpoint_that_is_asked_too_often_says_for_how_long_it_is_left_alone() -> None:
    with endpoint() as url:
        tokens = source(url + "/limited")
        with pytest.raises(TokenNotNow, match="/limited answered with status 429") as refusal:
            tokens.fetch("s", 100.0)
        assert 7.9 < refusal.value.wait_s < 8.1  # and the longest first wait besides
        with pytest.raises(TokenNotNow, match="/limited is asked again in [78] s"):
            tokens.fetch("another", 100.0)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_is_not_now_is_asked_again_and_later_each_time(status: int) -> None:
    tokens = scripted(Answer(status, {}, b""), Answer(status, {}, b""), GOOD)
    with pytest.raises(TokenNotNow, match=f"status {status}") as first:
        tokens.fetch("s", 0.0)
    with pytest.raises(TokenNotNow, match=f"status {status}") as second:
        tokens.fetch("s", 1.0)
    assert (first.value.wait_s, second.value.wait_s) == (1.0, 2.0)
    assert tokens.fetch("s", 3.0).value == "opaque"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(400, {}, b'{"error": "invalid_scope", "error_description": "hidden"}'), "status 400 (invalid_scope)."),
        (Answer(401, {}, b'{"error": "hidden! "}'), "status 401."),
        (Answer(404, {}, b"hidden"), "status 404."),
        (Answer(302, {"location": "http://hidden"}, b""), "status 302 (it redirects, and is not followed"),
        (Answer(200, {}, b"<html>hidden"), "without a token"),
    ],
)
def test_a_refusal_for_good_is_no_reason_to_wait(answer: Answer, says: str) -> None:
    with pytest.raises(TokenUnavailable) as refusal:
        scripted(answer).fetch("s", 0.0)
    assert not isinstance(refusal.value, TokenNotNow)
    assert says in str(refusal.value) and "hidden" not in str(refusal.value)


@pytest.mark.parametrize("is_in_body", [False, True])
def test_a_real_endpoint_gives_a_client_its_token_by_its_id_and_secret(is_in_body: bool) -> None:
    fields = (("scope", "a b"), ("audience", "for {subject}"))
    with endpoint() as url:
        grant = Grant(client_id="soak+er", client_secret="s:cret/", is_in_body=is_in_body, fields=fields)
        assert source(url, grant=grant).is_by_subject
        with pytest.raises(TokenUnavailable, match="without a token"):  # this one's tokens have spaces in them
            source(url, grant=grant).fetch("x", 0.0)
        grant = dataclasses.replace(grant, fields=(("scope", "a"),))
        tokens = source(url, grant=grant)
        assert tokens.fetch("x", 0.0).value == "grant_type=client_credentials&scope=a"
        assert not tokens.is_by_subject
        with pytest.raises(TokenUnavailable, match=r"status 401 \(invalid_client\)"):
            source(url, grant=dataclasses.replace(grant, client_secret="other")).fetch("x", 0.0)


@pytest.mark.parametrize("is_in_body", [False, True])
def test_another_makers_oauth_server_gives_its_client_a_token(is_in_body: bool) -> None:
    pytest.importorskip("authlib", reason="Authlib is not installed (requirements-dev.txt)")
    from tests.kit.oauth_server import CLIENT_ID, CLIENT_SECRET, LIVES_S, SCOPE, oauth_server

    grant = Grant(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, is_in_body=is_in_body, fields=(("scope", f"{SCOPE} admin"),)
    )
    with oauth_server() as (url, saved):
        token = source(url, grant=grant).fetch("s", 1000.0)
        (given,) = saved
        assert (token.value, token.expires_at) == (given["access_token"], 1000.0 + LIVES_S)
        assert given["scope"] == SCOPE
        with pytest.raises(TokenUnavailable, match=r"status 401 \(invalid_client\)"):
            source(url, grant=dataclasses.replace(grant, client_secret="another")).fetch("s", 0.0)


def test_another_grant_may_be_asked_for_and_no_secret_shows() -> None:
    answers = Answers(GOOD)
    grant = Grant(fields=(("grant_type", "password"), ("username", "{subject}"), ("password", "hidden")))
    HttpTokens("http://h/t", environment={}, ask=answers, grant=grant).fetch("anna b", 0.0)
    (question,) = answers.questions
    assert (question.method, question.body) == ("POST", b"grant_type=password&username=anna+b&password=hidden")
    grant = dataclasses.replace(grant, client_id="c", client_secret="hidden")
    assert "hidden" not in f"{grant!r} {question!r} {Answer(200, {}, b'hidden')!r}"


def test_who_asks_is_said_once() -> None:
    grant = Grant(client_id="c", client_secret="s")
    with pytest.raises(ConfigError, match="SOAK_TOKEN_AUTHORIZATION and --token-client-id both"):
        source("http://h/t", {"SOAK_TOKEN_AUTHORIZATION": "Basic hidden"}, grant=grant)
    with pytest.raises(ConfigError, match="SOAK_TOKEN_AUTHORIZATION holds a character") as refusal:
        source("http://h/t", {"SOAK_TOKEN_AUTHORIZATION": "Basic hidden\r\nX: y"})
    assert "hidden" not in str(refusal.value)


def test_no_more_than_a_few_are_asked_for_at_once() -> None:
    asked = 0
    most = 0
    going_on = gevent.event.Event()

    def ask(question: Question, deadline_s: float) -> Answer:
        nonlocal asked, most
        asked += 1
        most = max(most, asked)
        going_on.wait()
        asked -= 1
        return GOOD

    tokens = HttpTokens("http://h/t", environment={}, ask=ask)
    users = [gevent.spawn(tokens.fetch, str(n), 0.0) for n in range(50)]
    gevent.idle()
    assert asked == MOST_AT_ONCE
    going_on.set()
    gevent.joinall(users, raise_error=True)
    assert most == MOST_AT_ONCE


def test_a_certificate_that_is_to_be_trusted_is_trusted_here_too(tmp_path: Path) -> None:
    make_certificate(tmp_path / "key", tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca", tmp_path / "key")
    with endpoint(context) as url:
        question = Question("GET", url + "/token", {"Authorization": "Basic abc"})
        assert ask_over_gevent(question, 10.0, ca_file=str(tmp_path / "ca")).status == 200
        with pytest.raises(OSError, match="self-signed"):
            ask_over_gevent(question, 10.0)


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
