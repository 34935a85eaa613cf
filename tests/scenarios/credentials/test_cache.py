"""Renewal in virtual time, with a source that works, fails, or has grown old."""

from __future__ import annotations

import gevent
import gevent.event
import pytest

from scenarios.credentials.cache import (
    FIRST_PATIENCE_S,
    TokenCache,
    TokenNotNow,
    TokenUnavailable,
    has_expired,
    needs_renewal,
)
from scenarios.plan import Token
from tests.typed import known


class Counting:
    """Mints numbered tokens of some lifetime, unless it is down."""

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self.minted = 0
        self.is_down = False
        self.reason = TokenUnavailable("The source is down.")

    def fetch(self, subject: str, now: float) -> Token:
        if self.is_down:
            raise self.reason
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


class Failing:
    """Has nothing, now or ever."""

    def __init__(self, reason: TokenUnavailable) -> None:
        self.reason = reason

    def fetch(self, subject: str, now: float) -> Token:
        raise self.reason


def test_a_source_that_never_had_a_token_is_waited_for_only_so_long() -> None:
    cache = TokenCache(Failing(TokenNotNow("It is busy.", 1.0)))
    for now in (100.0, 100.0 + FIRST_PATIENCE_S - 1):
        with pytest.raises(TokenNotNow, match="It is busy"):
            cache.token_for("s", now)
    with pytest.raises(TokenUnavailable, match=r"It is busy\. No token has come .* 60 s ago") as end:
        cache.token_for("s", 100.0 + FIRST_PATIENCE_S)
    assert not isinstance(end.value, TokenNotNow)


def test_a_source_that_has_worked_is_waited_for_as_long_as_it_takes() -> None:
    source = Counting(100.0)
    cache = TokenCache(source)
    cache.token_for("s", 0.0)
    source.is_down = True
    source.reason = TokenNotNow("It is busy.", 1.0)
    for now in (200.0, 10_000.0):
        with pytest.raises(TokenNotNow):
            cache.token_for("s", now)


def test_users_of_one_subject_ask_for_its_token_once() -> None:
    source = Slow()
    cache = TokenCache(source)
    users = [gevent.spawn(cache.token_for, "s", 0.0) for _ in range(5)]
    gevent.idle()
    source.going_on.set()
    gevent.joinall(users, raise_error=True)
    assert source.asked == ["s"]
    assert {known(user.value).value for user in users} == {"s-1"}


def test_nobody_waits_for_a_renewal_while_the_old_token_is_valid() -> None:
    source = Slow()
    source.going_on.set()
    cache = TokenCache(source)
    first = cache.token_for("s", 0.0)
    source.going_on.clear()
    renewing = gevent.spawn(cache.token_for, "s", 95.0)
    gevent.idle()
    assert cache.token_for("s", 95.0) is first
    source.going_on.set()
    renewing.join()
    assert cache.token_for("s", 95.0).value == "s-2"


def test_one_token_may_serve_all_subjects() -> None:
    source = Counting(100.0)
    cache = TokenCache(source, is_by_subject=False)
    assert cache.token_for("a", 0.0) is cache.token_for("b", 0.0)
    assert source.minted == 1


class Slow:
    """Answers when it may go on."""

    def __init__(self) -> None:
        self.going_on = gevent.event.Event()
        self.asked: list[str] = []

    def fetch(self, subject: str, now: float) -> Token:
        self.asked.append(subject)
        number = len(self.asked)
        self.going_on.wait()
        return Token(f"{subject}-{number}", now, now + 100.0)
