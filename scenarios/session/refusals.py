"""Translates a refusal by status, by close or by error message into the record's words. Pure.

The general rules, where the target's protocol class has none of its own (`scenarios.protocols.shape.RefusalRules`):

    HTTP 401; 403 with a challenge (RFC 9110, section 11.6.1); 407 (a proxy)    auth_rejected
    any other response that is not 101                                          http_status
    close whose reason speaks of a keepalive or a ping that was not answered    keepalive
    close 3000, 3003 (IANA), 4401, 4403 (the habit of GraphQL servers)          auth_rejected
    close 1008 (RFC 6455, section 7.4.1: a policy)                              auth_rejected where it is about
                                                                                credentials, else server_closed
    close 1011                                                                  server_error
    any other close                                                             server_closed
    an error message                                                            auth_rejected, client_error (it blames
                                                                                the request) or server_error

A bare 403 stays a status: checks of the Origin header and firewalls send it, too. A close for a keepalive says that
the server did not hear this client, whatever code it carries: it is nobody's refusal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from scenarios.protocols.refusing import ABOUT_CREDENTIALS
from scenarios.protocols.shape import Refusal, TargetProtocol
from scenarios.redact import plain_urls
from scenarios.rfc6455 import INTERNAL_ERROR, POLICY_VIOLATION
from scenarios.session.ledger import End

UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
PROXY_AUTHENTICATION_REQUIRED: Final = 407
_REFUSING_STATUS: Final = frozenset({UNAUTHORIZED, FORBIDDEN})
_CHALLENGE: Final = "www-authenticate"
_REDIRECTS: Final = range(300, 400)

# IANA's WebSocket close codes: unauthorized, forbidden. 4401 and 4403 are 401 and 403 in the private range.
_CREDENTIAL_CODES: Final = frozenset({3000, 3003, 4401, 4403})

# A server that closes when a token expires may be early or late by the difference of two clocks, by a whole second to
# which the claim was cut, and by the turn of whatever looks for expired sessions.
EXPIRY_LEEWAY_S: Final = 5.0

_UNCHECKED: Final = "the credentials were not checked"
_KEEPALIVE: Final = re.compile(
    r"(?i)keep-?\s?alive"
    r"|\b(?:ping|pong|heart-?beat)s?\b.{0,24}(?:time-?\s?out|timed out|missed|missing|not received|unanswered|expired)"
    r"|\b(?:no|missed|missing|without)\b.{0,12}\b(?:ping|pong|heart-?beat)"
)
# What else 1008 is used for: limits of all kinds, and the page that a browser came from.
_OTHER_POLICY: Final = re.compile(
    r"(?i)\b(?:limit|quota|rate|max|too (?:many|much|big|large|long|fast|slow)|throttl|flood|slow|idle|inactiv|origin)"
)


def end_of_status(
    status: int, reason: str, headers: Mapping[str, str], protocol: TargetProtocol, *, must_refuse: bool = False
) -> End:
    """A response that is not 101.

    Args:
        status: Of the response.
        reason: The phrase of the status line.
        headers: Their names in small letters.
        protocol: Of the target.
        must_refuse: The credentials had to be refused: then a refusal counts only if somebody looked at them.
    """
    rule = getattr(protocol, "refusal_of_status", None)
    refusal: Refusal | None = None if rule is None else rule(status, headers)
    text = _status_words(status, reason, headers)
    if refusal is not None:
        cause, text = _by_rule(refusal, text, otherwise="http_status", must_refuse=must_refuse)
    elif status == PROXY_AUTHENTICATION_REQUIRED:
        cause, text = _by_proxy(text, must_refuse=must_refuse)
    elif status == UNAUTHORIZED or (status == FORBIDDEN and _CHALLENGE in headers):
        cause = "auth_rejected"
    else:
        cause = "http_status"
    return End(cause, http_status=status, closed_by="server", detail=text)


def end_of_proxy_status(status: int | None, *, must_refuse: bool = False) -> End:
    """A proxy that does not give the connection it was asked for; `status` None = it speaks no HTTP."""
    cause, text = "http_status", "the proxy refuses the connection"
    if status == PROXY_AUTHENTICATION_REQUIRED:
        cause, text = _by_proxy(text, must_refuse=must_refuse)
    return End(cause, http_status=status, closed_by="server", detail=text)


def end_of_close(
    code: int | None,
    reason: str,
    protocol: TargetProtocol,
    *,
    is_fresh: bool,
    is_expired: bool,
    must_refuse: bool = False,
) -> End:
    """A close frame of the server's.

    Args:
        code: None = it named none.
        reason: As it came.
        protocol: Of the target.
        is_fresh: No exchange has been answered on this connection yet.
        is_expired: The token's expiry has come (see `has_expired`).
        must_refuse: As for `end_of_status`.
    """
    rule = getattr(protocol, "refusal_of_close", None)
    refusal: Refusal | None = None if rule is None else rule(code, reason)
    is_keepalive = _KEEPALIVE.search(reason) is not None
    otherwise = "keepalive" if is_keepalive else "server_error" if code == INTERNAL_ERROR else "server_closed"
    if refusal is not None:
        cause, reason = _by_rule(refusal, reason, otherwise=otherwise, must_refuse=must_refuse)
    elif is_keepalive:
        cause = "keepalive"
    elif code in _CREDENTIAL_CODES or (
        code == POLICY_VIOLATION and _is_about_credentials(reason, is_fresh, is_expired)
    ):
        cause = "auth_rejected"
    else:
        cause = otherwise
    return End(cause, close_code=code, closed_by="server", detail=reason)


def end_of_error(error: Refusal, *, must_refuse: bool = False) -> End:
    """An error message; its other fields are left out, since servers preview the request's headers there."""
    cause, text = _by_rule(error, "", otherwise="server_error", must_refuse=must_refuse)
    return End(cause, detail=text)


def has_expired(expires_at: float | None, now: float) -> bool:
    """Whether a token's expiry (epoch seconds; None = it has none) has come, as far as two clocks can agree."""
    return expires_at is not None and now >= expires_at - EXPIRY_LEEWAY_S


def is_refusal_of_credentials(end: End) -> bool:
    """Whether this is what credentials that must be refused should meet.

    A bare 403 is one here: whoever sent it, the credentials did not get in.
    """
    return end.cause == "auth_rejected" or (end.cause == "http_status" and end.http_status in _REFUSING_STATUS)


def _by_rule(refusal: Refusal, text: str, *, otherwise: str, must_refuse: bool) -> tuple[str, str]:
    """Cause and words of what a protocol class has read; `text` are the words where it has none."""
    words = ": ".join(word for word in (refusal.code, refusal.text) if word) or text
    if refusal.is_auth and must_refuse and not refusal.was_checked:
        return "server_error", f"{_UNCHECKED}: {words}"
    if refusal.is_auth:
        return "auth_rejected", words
    return "client_error" if refusal.is_clients else otherwise, words


def _by_proxy(text: str, *, must_refuse: bool) -> tuple[str, str]:
    """Cause and words of a proxy that wants credentials of its own: the target has seen nothing of ours."""
    return ("http_status", f"{_UNCHECKED}: {text}") if must_refuse else ("auth_rejected", text)


def _is_about_credentials(reason: str, is_fresh: bool, is_expired: bool) -> bool:
    """Whether a policy violation is about credentials: its reason says so, or it comes when only they can be wrong."""
    if _OTHER_POLICY.search(reason):
        return False
    return is_fresh or is_expired or ABOUT_CREDENTIALS.search(reason) is not None


def _status_words(status: int, reason: str, headers: Mapping[str, str]) -> str:
    location = headers.get("location")
    if status not in _REDIRECTS or location is None:
        return reason
    place = plain_urls(location.partition("?")[0].partition("#")[0])
    return "; ".join(word for word in (reason, f"Location: {place}") if word)
