"""Tokens are used again until shortly before they expire, and then renewed, whatever their source.

A source that fails while the old token is still valid is asked again at the next need. When no valid token
is left, a connection cannot start: `TokenNotNow` where it is worth waiting, else `TokenUnavailable`, in one sentence.
"""

from __future__ import annotations

from typing import Final, Protocol

import gevent.lock

from scenarios.errors import HarnessError
from scenarios.plan import Token

# A token is renewed when less is left than this share of its life, but never earlier than a minute
# before: a connection that starts now authenticates within its budget of some 10 s.
_RENEW_RATIO: Final = 0.2
_RENEW_S: Final = 60.0
# A source that had none is looked at again after so long, where it does not say itself how long.
AGAIN_S: Final = 5.0
# How long a source that never gave a token is given before the run ends.
FIRST_PATIENCE_S: Final = 60.0


class TokenUnavailable(HarnessError):
    """No valid token for this subject now: this connection cannot start."""


class TokenNotNow(TokenUnavailable):
    """No valid token yet: whoever wants one waits, since that is no failure of the target's.

    Attributes:
        wait_s: For how long at the most, before it is worth another try.
    """

    def __init__(self, sentence: str, wait_s: float) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class TokenSource(Protocol):
    """Makes or gets a token. Moments are epoch seconds."""

    def fetch(self, subject: str, now: float) -> Token:
        """A token for the subject.

        Raises:
            TokenNotNow: If there is none yet.
            TokenUnavailable: If there is none, and will be none.
        """


class TokenCache:
    """Tokens by subject, renewed before they expire; several users of one subject ask for it once.

    Args:
        source: Where they come from.
        is_by_subject: Whether each subject has a token of its own; else one serves all of them.
    """

    def __init__(self, source: TokenSource, *, is_by_subject: bool = True) -> None:
        self._source = source
        self._is_by_subject = is_by_subject
        self._tokens: dict[str, Token] = {}
        self._asking: dict[str, gevent.lock.BoundedSemaphore] = {}
        self._failing_since: float | None = None

    def token_for(self, subject: str, now: float) -> Token:
        """A token of this subject that is valid at `now` (epoch seconds).

        Raises:
            TokenNotNow: If there is none now, and may be one later.
            TokenUnavailable: If the source has none and the last one has expired.
        """
        key = subject if self._is_by_subject else ""
        held = self._tokens.get(key)
        if held is not None and not needs_renewal(held, now):
            return held
        is_valid = held is not None and not has_expired(held, now)
        turn = self._asking.setdefault(key, gevent.lock.BoundedSemaphore())
        if not turn.acquire(blocking=not is_valid):
            assert held is not None
            return held  # another user is renewing it already
        try:
            found = self._tokens.get(key)
            if found is None or found is held:
                found = self._tokens[key] = self._fetched(subject, now)
            return found
        except TokenUnavailable:
            if is_valid:
                assert held is not None
                return held
            raise
        finally:
            turn.release()

    def _fetched(self, subject: str, now: float) -> Token:
        try:
            token = self._source.fetch(subject, now)
        except TokenNotNow as reason:
            if not self._tokens:
                self._refuse_endless(reason, now)
            raise
        if has_expired(token, now):
            sentence = f"The token for the subject {subject!r} has expired and its source has no newer one."
            raise TokenNotNow(sentence, AGAIN_S)
        return token

    def _refuse_endless(self, reason: TokenNotNow, now: float) -> None:
        """Waiting is for sources that have worked: one that never did is set up wrongly."""
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= FIRST_PATIENCE_S:
            raise TokenUnavailable(
                f"{reason} No token has come since the run began, {now - self._failing_since:.0f} s ago: nobody can "
                "connect."
            ) from None


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
