"""Tokens as they are written: what comes off, what is refused, and that no refusal repeats what it read."""

from __future__ import annotations

import pytest

from scenarios.credentials.texts import NoToken, expires_in_s, plain_token, text_of, token_field

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "written",
    [
        JWT,
        f"  {JWT}\r\n",
        f'"{JWT}"',
        f"'{JWT}'",
        f"Bearer {JWT}",
        f"bearer  {JWT}",
        f'"Bearer {JWT}"',
        f'Bearer "{JWT}"',
        f"Authorization: Bearer {JWT}",
        f"TOKEN={JWT}",
        f'export TOKEN="{JWT}"',
    ],
)
def test_a_token_is_read_without_what_is_around_it(written: str) -> None:
    assert plain_token(written) == JWT


@pytest.mark.parametrize("opaque", ["abc/+==", "a#b", "key=value", "~a.b-c_d", "Bearer-1"])
def test_an_opaque_token_stays_as_it_is(opaque: str) -> None:
    assert plain_token(opaque) == opaque


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "is empty"),
        ('""', "is empty"),
        ("Bearer ", "is empty"),
        ("null", "is empty"),
        ("a secret thing", "is more than one word"),
        ("<html>", "has characters"),
        ('secret"', "has characters"),
        ("s\u00e9cret", "has characters"),
        ("secret\x07", "has characters"),
        ("\ufeffsecret", "has characters"),
        ('{"secret":1}', "has characters"),
    ],
)
def test_what_is_no_token_is_refused_without_repeating_it(written: str, why: str) -> None:
    with pytest.raises(NoToken, match=f"^{why}") as refusal:
        plain_token(written)
    assert "cret" not in str(refusal.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_in_each_encoding_that_editors_and_powershell_write(encoding: str) -> None:
    assert text_of("anna\r\n".encode(encoding)) == "anna\r\n"
    assert text_of("\ufeffanna".encode("utf-16-be")) == "anna"


@pytest.mark.parametrize("data", [b"\x80\x81", b"\xff\xfe\xff", "anna".encode("utf-32"), b"PK\x03\x04\0\0"])
def test_what_is_no_text_is_none(data: bytes) -> None:
    assert text_of(data) is None


def test_the_field_of_an_answer_that_holds_its_token_is_the_one_of_the_standard_first() -> None:
    assert token_field({"id_token": "a", "token": "b", "access_token": "c"}) == "access_token"
    assert token_field({"access_token": None, "token": "b"}) == "token"
    assert token_field({"access_token": " ", "token_type": "Bearer"}) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3600, 3600.0),
        (0.5, 0.5),
        ("3600", 3600.0),
        (" 4 ", 4.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (-1, None),
        (True, None),
        ([], None),
    ],
)
def test_a_lifetime_is_a_number_or_a_text_of_one(value: object, seconds: float | None) -> None:
    assert expires_in_s({"expires_in": value}) == seconds
    assert expires_in_s({}) is None
