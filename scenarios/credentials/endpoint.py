"""Tokens from an HTTP endpoint, such as the target's own auth service or an OAuth server."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, quote, quote_plus, urlencode, urlsplit

import gevent.lock
import orjson

from scenarios.credentials.ask import Answer, Question
from scenarios.credentials.backoff import Backoff, retry_after_s
from scenarios.credentials.cache import TokenNotNow, TokenUnavailable
from scenarios.credentials.jwt import token_from_text
from scenarios.credentials.texts import NoToken, expires_in_s, plain_token, text_of, token_field
from scenarios.errors import ConfigError
from scenarios.plan import Token

ENDPOINT_DEADLINE_S: Final = 10.0
AUTHORIZATION_VARIABLE: Final = "SOAK_TOKEN_AUTHORIZATION"
CLIENT_SECRET_VARIABLE: Final = "SOAK_TOKEN_CLIENT_SECRET"
# How many requests a process has on their way at once: a thousand users that start together are no reason for more.
MOST_AT_ONCE: Final = 8
_SUBJECT_FIELD: Final = "{subject}"
_CLIENT_CREDENTIALS: Final = "client_credentials"
# Not now: 408 Request Timeout, 425 Too Early, 429 Too Many Requests, and all that the server has itself to blame for.
_NOT_NOW: Final = frozenset({408, 425, 429})
_SERVER_ERRORS: Final = 500
_REDIRECTS: Final = range(300, 400)
# The code of an error answer (RFC 6749, section 5.2); its description may say more than is good for a log.
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")

Ask = Callable[[Question, float], Answer]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What is asked of a token endpoint by POST (RFC 6749, section 4.4); its `repr` never shows a secret.

    Attributes:
        client_id, client_secret: Of the OAuth client; "" = the fields say who asks, or a header does.
        is_in_body: Whether the client's secret goes into the body instead of an Authorization header (section 2.3.1).
        fields: Further fields; `{subject}` in a value is replaced.
    """

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    is_in_body: bool = False
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_by_subject(self) -> bool:
        """Whether each subject is asked for by its name."""
        return any(_SUBJECT_FIELD in value for _, value in self.fields)

    def body(self, subject: str) -> bytes:
        """The form."""
        given = [(name, value.replace(_SUBJECT_FIELD, subject)) for name, value in self.fields]
        if not any(name == "grant_type" for name, _ in given):
            given.insert(0, ("grant_type", _CLIENT_CREDENTIALS))
        if self.is_in_body:
            given += [("client_id", self.client_id), ("client_secret", self.client_secret)]
        return urlencode(given).encode("ascii")

    def authorization(self) -> str | None:
        """The header by which the client says who it is; None = it needs none."""
        if not self.client_id or self.is_in_body:
            return None
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return f"Basic {base64.b64encode(pair.encode('ascii')).decode('ascii')}"


class HttpTokens:
    """Tokens from an endpoint, by GET or by POST; the answer is the token, or JSON with `access_token` or `token`.

    `{subject}` in the URL is replaced. `expires_in` (RFC 6749, 5.1) counts where the token itself does not
    tell. An `Authorization` header comes from `SOAK_TOKEN_AUTHORIZATION`. An endpoint that cannot answer now is asked
    again later (`Backoff`); until then `TokenNotNow` says how long that is.

    Args:
        url: Of the endpoint.
        environment: Where `SOAK_TOKEN_AUTHORIZATION` may be.
        ask: Sends a question and waits for its answer, for so many seconds.
        grant: What is asked by POST; None = GET.
        rng: For the jitter of waits.
    """

    def __init__(
        self,
        url: str,
        *,
        environment: Mapping[str, str],
        ask: Ask,
        grant: Grant | None = None,
        rng: random.Random | None = None,
    ) -> None:
        parts = _url_parts(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ConfigError(
                "--token-source must be an http(s) URL without user and password; give credentials in "
                f"{AUTHORIZATION_VARIABLE}."
            )
        self._url = url
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._grant = grant
        self._headers = _headers(environment.get(AUTHORIZATION_VARIABLE, "").strip(), grant)
        self._ask = ask
        self._backoff = Backoff(rng or random.Random())
        self._turns = gevent.lock.Semaphore(MOST_AT_ONCE)

    @property
    def is_by_subject(self) -> bool:
        """Whether each subject gets a token of its own; else one does for all."""
        return self._grant is None or self._grant.is_by_subject or _SUBJECT_FIELD in self._url

    def fetch(self, subject: str, now: float) -> Token:
        """Ask the endpoint, if it may be asked now."""
        with self._turns:
            wait_s = self._backoff.wait_s(now)
            if wait_s:
                raise TokenNotNow(f"The token endpoint {self._where} is asked again in {wait_s:.0f} s.", wait_s)
            return self._judged(self._answer(subject, now), now)

    def _answer(self, subject: str, now: float) -> Answer:
        url = self._url.replace(_SUBJECT_FIELD, quote(subject, safe=""))
        grant = self._grant
        if grant is None:
            question = Question("GET", url, self._headers)
        else:
            question = Question("POST", url, self._headers, grant.body(subject))
        try:
            return self._ask(question, ENDPOINT_DEADLINE_S)
        except TimeoutError:
            raise self._not_now(
                f"gave no answer within {ENDPOINT_DEADLINE_S:g} s", now, now + ENDPOINT_DEADLINE_S
            ) from None
        except (OSError, ValueError) as error:
            # Its other words may quote the URL, whose query may be secret.
            reason = (getattr(error, "strerror", None) or type(error).__name__).rstrip(".")
            raise self._not_now(f"gave no answer: {reason}", now, now) from None

    def _judged(self, answer: Answer, now: float) -> Token:
        status = answer.status
        if status in _NOT_NOW or status >= _SERVER_ERRORS:
            answered_at = now + answer.took_s
            after_s = retry_after_s(answer.headers, answered_at)
            raise self._not_now(f"answered with status {status}", now, answered_at, after_s)
        self._backoff.succeeded()
        if not 200 <= status < 300:
            raise TokenUnavailable(f"The token endpoint {self._where} answered with status {status}{_reason(answer)}.")
        token = token_from_answer(answer.body, now)
        if token is None:
            raise TokenUnavailable(
                f"The token endpoint {self._where} answered without a token: it must be plain text, or JSON with "
                "access_token or token."
            )
        return token

    def _not_now(self, what: str, asked_at: float, now: float, after_s: float | None = None) -> TokenNotNow:
        self._backoff.failed(asked_at, now, retry_after_s=after_s)
        return TokenNotNow(f"The token endpoint {self._where} {what}.", self._backoff.wait_s(now))


def _headers(authorization: str, grant: Grant | None) -> dict[str, str]:
    headers = {"Accept": "application/json, text/plain"}
    if grant is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    of_client = None if grant is None else grant.authorization()
    if authorization and of_client:
        raise ConfigError(
            f"{AUTHORIZATION_VARIABLE} and --token-client-id both say who asks for tokens: unset the one, or leave out "
            "the other."
        )
    if not re.fullmatch(r"[\x20-\x7e]*", authorization):
        raise ConfigError(
            f"{AUTHORIZATION_VARIABLE} holds a character that no header may have: use printable ASCII, on one line."
        )
    if of_client or authorization:
        headers["Authorization"] = of_client or authorization
    return headers


def _reason(answer: Answer) -> str:
    """What an answer that is none says of the reason, as far as that can be no secret."""
    if answer.status in _REDIRECTS:
        return " (it redirects, and is not followed: name the address itself)"
    try:
        parsed = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    code = parsed.get("error") if isinstance(parsed, dict) else None
    return f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""


def _url_parts(url: str) -> SplitResult:
    # Whatever comes before an @ may be a password, wherever it was meant to end.
    shown = "" if "@" in url else f" {re.split('[?#]', url)[0]!r}"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(
            f"--token-source{shown} has a host that cannot be read: use a name or an address, as in "
            "http://[::1]:8080/token."
        ) from None
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ConfigError(
            f"--token-source{shown} has a port that is no number from 1 to 65535: correct it, or leave it out."
        )
    return parts


def token_from_answer(body: bytes, now: float) -> Token | None:
    """The token in an endpoint's answer; None if there is none."""
    text = (text_of(body) or "").strip()
    answer: Any = text
    if text[:1] in ("{", '"'):
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
    fields = answer if isinstance(answer, dict) else {"token": answer}
    name = token_field(fields)
    if name is None:
        return None
    try:
        token, _ = token_from_text(plain_token(fields[name]))
    except NoToken:
        return None
    lives_s = expires_in_s(fields)
    if token.expires_at is None and lives_s is not None:
        return Token(token.value, now, now + lives_s)
    return token
