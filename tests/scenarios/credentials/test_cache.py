"""Renewal in virtual time, with a source that works, fails, or has grown old."""

from __future__ import annotations

import pytest

from scenarios.credentials.cache import TokenCache, TokenUnavailable, has_expired, needs_renewal
from scenarios.plan import Token


class Counting:
    """Mints numbered tokens of some lifetime, unless it is down."""

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self.minted = 0
        self.is_down = False

    def fetch(self, subject: str, now: float) -> Token:
        if self.is_down:
            raise TokenUnavailable("The source is down.")
        self.minted += 1
        return Token(f"{subject}-{self.minted}", now, now + self.ttl_s)


def test_a_token_is_used_again_until_little_of_its_life_is_left() -> None:
    cache = TokenCache(Counting(1800.0))
    first = cache.token_for("s", 0.0)
    assert cache.token_for("s", 1739.0) is first
    assert cache.token_for("s", 1740.0).value == "s-2"


def test_a_short_lived_token_is_renewed_at_a_fifth_of_its_life() -> None:
    cache = TokenCache(Counting(10.0))
    first = cache.token_for("s", 0.0)
    assert cache.token_for("s", 7.9) is first
    assert cache.token_for("s", 8.0).value == "s-2"


def test_each_subject_has_its_own() -> None:
    cache = TokenCache(Counting(100.0))
    assert cache.token_for("a", 0.0).value != cache.token_for("b", 0.0).value


def test_a_source_that_fails_is_forgiven_while_the_old_token_is_valid() -> None:
    source = Counting(100.0)
    cache = TokenCache(source)
    first = cache.token_for("s", 0.0)
    source.is_down = True
    assert cache.token_for("s", 99.0) is first
    with pytest.raises(TokenUnavailable, match="The source is down"):
        cache.token_for("s", 100.0)
    source.is_down = False
    assert cache.token_for("s", 101.0).value == "s-2"


def test_a_source_that_only_has_an_expired_token_has_none() -> None:
    with pytest.raises(TokenUnavailable, match="'s' has expired"):
        TokenCache(Counting(0.0)).token_for("s", 5.0)


def test_a_token_without_an_end_is_never_renewed() -> None:
    endless = Token("t", 0.0, None)
    assert not needs_renewal(endless, 1e12)
    assert not has_expired(endless, 1e12)


def test_a_token_whose_beginning_is_unknown_is_renewed_a_minute_before_its_end() -> None:
    token = Token("t", None, 1000.0)
    assert not needs_renewal(token, 939.0)
    assert needs_renewal(token, 940.0)
