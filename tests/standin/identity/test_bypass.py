"""The original's test mode."""

from __future__ import annotations

import pytest

from standin.identity.bypass import asks_for_bypass, bypass_user, skips_startup
from standin.identity.tokens import User
from tests.standin.serving import token


@pytest.mark.parametrize(
    ("name", "value", "asked"),
    [
        (b"X-Test-Mode", b"true", True),
        (b"X-Latest-Build", b"17", True),
        (b"x-staging-e2e", b"STAGING", True),
        (b"X-Test-Mode", b"0", False),
        (b"X-Test-Mode", b"off", False),
        (b"X-Mode", b"test", False),
    ],
)
def test_any_header_name_with_test_or_e2e_asks_for_it(name: bytes, value: bytes, asked: bool) -> None:
    assert asks_for_bypass([(b"Host", b"test"), (name, value)]) is asked


def test_only_four_names_skip_the_start() -> None:
    assert skips_startup([(b"X-E2E-Test", b"true")])
    assert not skips_startup([(b"X-Latest-Build", b"17")])


def test_the_subject_is_taken_from_a_token_that_nobody_checks() -> None:
    assert bypass_user(token(sub="u1", exp=1), 5) == User("u1")


def test_a_payload_with_urlsafe_characters_loses_its_subject() -> None:
    bearer = next(t for t in (token(sub="u", email="?>" * n) for n in range(1, 9)) if set("-_") & set(t.split(".")[1]))
    assert bypass_user(bearer, 1_000_042) == User("staging-e2e-user-042")


def test_a_token_must_still_be_present() -> None:
    assert bypass_user(None, 5) is None
    assert bypass_user("a.b", 5) is None
