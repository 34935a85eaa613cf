"""From options to credentials: each source, and what the auth probe can offer with it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import jwt
import pytest

from scenarios.credentials.credentials import CredentialPool, credentials_for
from scenarios.credentials.jwt import forged
from scenarios.errors import ConfigError
from scenarios.options import settings_from
from scenarios.plan import Token
from tests.typed import known

SECRET = "a-secret-of-the-tests-with-32-bytes-or-more"


def credentials(standin_key_file: str | None = None, **options: Any) -> CredentialPool:
    return credentials_for(settings_from(options), standin_key_file, environment={"SOAK_JWT_SECRET": SECRET})


def test_minted_by_default_for_the_pools_subjects() -> None:
    mine = credentials(subjects=3, connections_per_subject=2)
    assert mine.pool.capacity == 6
    subject = mine.pool.lease()
    token = mine.token_for(subject)
    assert token is not None
    assert jwt.decode(token.value, SECRET, algorithms=["HS256"])["sub"] == subject
    assert mine.token_for(subject) is token


def test_the_stand_ins_key_goes_before_the_options(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("the-stand-ins-own-key-of-32-bytes-or-more")
    token = credentials(str(file), jwt_key_file="/nowhere").token_for("s")
    assert token is not None
    assert jwt.decode(token.value, file.read_text(), algorithms=["HS256"])["sub"] == "s"


def test_workers_come_as_different_subjects() -> None:
    settings = settings_from({"subjects": 5, "connections_per_subject": 1})
    shares = [
        credentials_for(settings, None, share=(worker, 2), environment={"SOAK_JWT_SECRET": SECRET}).pool
        for worker in range(2)
    ]
    taken = [pool.lease() for pool in shares for _ in range(pool.capacity)]
    assert len(set(taken)) == len(taken) == 5


def test_every_broken_token_comes_up() -> None:
    mine = credentials(jwt_audience="netra-platform")
    rng = random.Random(1)
    seen: set[tuple[str, str | None]] = set()
    for _ in range(200):
        kind, token = mine.bad_token("s", rng)
        if token is None:
            seen.add((kind, None))
            continue
        try:
            jwt.decode(token.value, SECRET, algorithms=["HS256"], audience="netra-platform")
        except jwt.InvalidTokenError as error:
            seen.add((kind, type(error).__name__))
    assert seen == {
        ("missing", None),
        ("expired", "ExpiredSignatureError"),
        ("forged", "InvalidSignatureError"),
        ("wrong_audience", "InvalidAudienceError"),
    }


def test_tokens_of_a_file_can_be_left_out_or_forged(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    good = known(credentials().token_for("somebody")).value
    file.write_text(good)
    mine = credentials(token_source=f"file:{file}", connections_per_subject=4)
    assert (mine.pool.lease(), mine.pool.capacity) == ("somebody", 4)
    bad = [mine.bad_token("somebody", random.Random(n)) for n in range(20)]
    offered = {token and token.value for _, token in bad}
    assert None in offered and good not in offered and len(offered) > 2
    assert {(kind, token is None) for kind, token in bad} == {("missing", True), ("forged", False)}


def test_a_missing_key_is_refused_before_the_first_connection() -> None:
    with pytest.raises(ConfigError, match="There is no key"):
        credentials_for(settings_from({}), None, environment={})


def test_an_endpoint_is_not_asked_before_it_is_needed() -> None:
    assert credentials(token_source="http://127.0.0.1:9/token").pool.capacity == 1000


def test_who_comes_without_a_token_waits_for_none_and_needs_no_key() -> None:
    mine = credentials_for(settings_from({"token_source": "none"}), None, environment={})
    assert mine.token_for("s") is None and mine.has_token("s")
    assert mine.pool.capacity == 1000


def test_opaque_tokens_are_forged_too() -> None:
    token = Token("opaque~token", 1.0, 2.0)
    bad = forged(token)
    assert bad.value != token.value and len(bad.value) == len(token.value)


def test_a_client_of_an_endpoint_needs_its_secret_and_a_field_its_variable() -> None:
    given = {"token_source": "http://h/t", "token_client_id": "soak", "token_form": "assertion=env:A"}
    environment = {"SOAK_TOKEN_CLIENT_SECRET": "hidden", "A": "hidden"}
    credentials_for(settings_from(given), None, environment=environment)
    for missing, says in (
        ("SOAK_TOKEN_CLIENT_SECRET", "--token-client-id 'soak' needs"),
        ("A", "--token-form 'assertion'"),
    ):
        left = {name: value for name, value in environment.items() if name != missing}
        with pytest.raises(ConfigError, match=f"{says}.*{missing}"):
            credentials_for(settings_from(given), None, environment=left)
