"""Tokens from an HTTP endpoint, such as the target's own auth service."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

import orjson

from scenarios.credentials.cache import TokenUnavailable
from scenarios.credentials.jwt import token_from_text
from scenarios.errors import ConfigError
from scenarios.plan import Token

ENDPOINT_DEADLINE_S: Final = 10.0
AUTHORIZATION_VARIABLE: Final = "SOAK_TOKEN_AUTHORIZATION"
_SUBJECT_FIELD: Final = "{subject}"
# A token is some kilobytes; an endpoint that answers more is something else.
_MAX_ANSWER_BYTES: Final = 65_536


class HttpTokens:
    """Tokens from an endpoint: a GET whose answer is the token, or JSON with `access_token` or `token`.

    `{subject}` in the URL is replaced. `expires_in` (RFC 6749, 5.1) counts where the token itself does not
    tell. An `Authorization` header comes from `SOAK_TOKEN_AUTHORIZATION`.

    Args:
        get: Fetches a URL within a deadline: (url, headers, deadline_s) -> (status, body).
    """

    def __init__(
        self,
        url: str,
        *,
        environment: Mapping[str, str],
        get: Callable[[str, Mapping[str, str], float], tuple[int, bytes]],
    ) -> None:
        parts = _url_parts(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise ConfigError(
                "--token-source must be an http(s) URL without user and password; give credentials in "
                f"{AUTHORIZATION_VARIABLE}."
            )
        self._url = url
        self._where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        authorization = environment.get(AUTHORIZATION_VARIABLE)
        self._headers = {"Accept": "application/json, text/plain"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._get = get

    def fetch(self, subject: str, now: float) -> Token:
        """Ask the endpoint."""
        url = self._url.replace(_SUBJECT_FIELD, quote(subject, safe=""))
        try:
            status, body = self._get(url, self._headers, ENDPOINT_DEADLINE_S)
        except TimeoutError:
            raise TokenUnavailable(
                f"The token endpoint {self._where} gave no answer within {ENDPOINT_DEADLINE_S:g} s."
            ) from None
        except (OSError, ValueError) as error:
            # Its other words may quote the URL, whose query may be secret.
            reason = (getattr(error, "strerror", None) or type(error).__name__).rstrip(".")
            raise TokenUnavailable(f"The token endpoint {self._where} gave no answer: {reason}.") from None
        if not 200 <= status < 300:
            raise TokenUnavailable(f"The token endpoint {self._where} answered with status {status}.")
        token = token_from_answer(body[:_MAX_ANSWER_BYTES], now)
        if token is None:
            raise TokenUnavailable(
                f"The token endpoint {self._where} answered without a token: it must be plain text, or JSON with "
                "access_token or token."
            )
        return token


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
    text = body.decode("utf-8", "replace").strip()
    answer: Any = text
    if text[:1] in ("{", '"'):
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
    fields = answer if isinstance(answer, dict) else {"token": answer}
    value = fields.get("access_token") or fields.get("token")
    if not isinstance(value, str) or not value.strip() or len(value.split()) != 1:
        return None
    token, _ = token_from_text(value)
    expires_in = fields.get("expires_in")
    if token.expires_at is None and isinstance(expires_in, int | float):
        return Token(token.value, now, now + expires_in)
    return token


def get_over_gevent(url: str, headers: Mapping[str, str], deadline_s: float) -> tuple[int, bytes]:
    """A GET whose every part together ends within the deadline: (status, body).

    Raises:
        OSError: If the endpoint cannot be reached or breaks off; TimeoutError when the deadline passed.
    """
    import gevent
    from geventhttpclient import HTTPClient

    client = HTTPClient.from_url(url, connection_timeout=deadline_s, network_timeout=deadline_s)
    # The client's own timeouts are for each socket call; this one is for all of them.
    deadline = gevent.Timeout(deadline_s)
    deadline.start()
    try:
        response = client.get(_request_uri(url), headers=dict(headers))
        return int(response.status_code), bytes(response.read())
    except gevent.Timeout as over:
        if over is not deadline:
            raise
        raise TimeoutError(f"no answer within {deadline_s:g} s") from None
    finally:
        deadline.close()
        client.close()


def _request_uri(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
