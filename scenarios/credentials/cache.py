"""Tokens are used again until shortly before they expire, and then renewed, whatever their source.

A source that fails while the old token is still valid is asked again at the next need; when no valid token
is left, the connection cannot start, and `TokenUnavailable` says so in one sentence.
"""

from __future__ import annotations

from typing import Final, Protocol

from scenarios.errors import HarnessError
from scenarios.plan import Token

# A token is renewed when less is left than this share of its life, but never earlier than a minute
# before: a connection that starts now authenticates within its budget of some 10 s.
_RENEW_RATIO: Final = 0.2
_RENEW_S: Final = 60.0


class TokenUnavailable(HarnessError):
    """No valid token for this subject now: this connection cannot start."""


class TokenSource(Protocol):
    """Makes or gets a token. Moments are epoch seconds."""

    def fetch(self, subject: str, now: float) -> Token:
        """A token for the subject.

        Raises:
            TokenUnavailable: If there is none.
        """


class TokenCache:
    """Tokens by subject, renewed before they expire."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source
        self._tokens: dict[str, Token] = {}

    def token_for(self, subject: str, now: float) -> Token:
        """A token of this subject that is valid at `now` (epoch seconds).

        Raises:
            TokenUnavailable: If the source has none and the last one has expired.
        """
        held = self._tokens.get(subject)
        if held is not None and not needs_renewal(held, now):
            return held
        try:
            token = self._source.fetch(subject, now)
            if has_expired(token, now):
                raise TokenUnavailable(
                    f"The token for the subject {subject!r} has expired and its source has no newer one."
                )
        except TokenUnavailable:
            if held is not None and not has_expired(held, now):
                return held
            raise
        self._tokens[subject] = token
        return token


def needs_renewal(token: Token, now: float) -> bool:
    """Whether so little of its life is left that a connection should not start with it."""
    if token.expires_at is None:
        return False
    ttl_s = token.ttl_s
    margin_s = _RENEW_S if ttl_s is None else min(_RENEW_S, _RENEW_RATIO * ttl_s)
    return token.expires_at - now <= margin_s


def has_expired(token: Token, now: float) -> bool:
    """Whether its exp is past (RFC 7519, section 4.1.4); a token without one never expires."""
    return token.expires_at is not None and now >= token.expires_at
