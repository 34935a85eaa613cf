"""Headers and form fields as they are typed: what is taken, and that secrets are not taken from a command line."""

from __future__ import annotations

import pytest

from scenarios.errors import ConfigError
from scenarios.options import settings_from
from scenarios.options.secret_values import Named, form, header, is_telling, is_telling_value

FLAG = "--header"


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Origin: https://example.com", "Origin", "https://example.com"),
        ("Origin:https://example.com:8080", "Origin", "https://example.com:8080"),
        ("X-Empty:", "X-Empty", ""),
        ("X-Key: env:KEY", "X-Key", "env:KEY"),
        ("Cookie: file:/run/secrets/cookie", "Cookie", "file:/run/secrets/cookie"),
    ],
)
def test_a_header_is_a_name_and_a_value(text: str, name: str, value: str) -> None:
    found = header(FLAG, text)
    assert found == Named(name, value)
    assert found.is_elsewhere is value.startswith(("env:", "file:"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Origin", "must be a name, a colon and a value"),
        (": hidden", "must be a name, a colon and a value"),
        ("Or igin: hidden", "must be a name, a colon and a value"),
        ("Origin: a\r\nEvil: hidden", "'Origin' holds a line break"),
        ("Origin: hidden\x00", "'Origin' holds a character"),
        ("Origin: hidd\u00e9n", "'Origin' holds a character"),
        ("Host: hidden", "'Host' is made by the upgrade itself"),
        ("sec-websocket-protocol: hidden", "is made by the upgrade itself"),
        ("Authorization: Basic hidden", "'Authorization' may be secret"),
        ("Cookie: sid=hidden", "'Cookie' may be secret"),
        ("X-Api-Key: hidden", "may be secret.* env:NAME .*file:PATH"),
    ],
)
def test_a_header_that_cannot_be_is_refused_without_its_value(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^--header .*{says}") as refusal:
        header(FLAG, text)
    assert "hidd" not in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["Authorization", "x-amz-security-token", "APIKEY", "client_secret", "passwd", "key"])
def test_a_name_may_tell_that_its_value_is_secret(name: str) -> None:
    assert is_telling(name)


@pytest.mark.parametrize("name", ["Origin", "User-Agent", "X-Tenant", "scope", "audience", "X-Monkey"])
def test_other_names_tell_nothing(name: str) -> None:
    assert not is_telling(name)


def test_headers_may_be_given_several_times_and_one_at_a_time_by_a_variable() -> None:
    assert settings_from({"header": ["Origin: https://a", "X-Tenant: b"]}).header == (
        *(Named("Origin", "https://a"), Named("X-Tenant", "b")),
    )
    assert settings_from({"header": "Origin: https://a"}).header == (Named("Origin", "https://a"),)
    assert settings_from({"header": None}).header == settings_from({"header": ""}).header == ()


def test_a_form_is_fields_as_in_a_url() -> None:
    assert form("--token-form", "scope=a+b&audience=%7Bsubject%7D&empty=&password=env:PW") == (
        *(Named("scope", "a b"), Named("audience", "{subject}"), Named("empty", ""), Named("password", "env:PW")),
    )
    assert form("--token-form", "") == ()


@pytest.mark.parametrize(("text", "says"), [("hidden", "fields as in a URL"), ("password=hidden", "'password' may be")])
def test_a_form_that_cannot_be_is_refused_without_its_values(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"^--token-form .*{says}") as refusal:
        form("--token-form", text)
    assert "hidden" not in str(refusal.value)


def test_what_is_asked_of_a_token_endpoint_needs_one() -> None:
    url = "https://login.example.com/token"
    assert settings_from({"token_client_id": "soak", "token_source": url}).token_client_id == "soak"
    for name, value in (("token_client_id", "soak"), ("token_form", "scope=a")):
        flag = "--" + name.replace("_", "-")
        with pytest.raises(ConfigError, match=f"^{flag} belongs to a token endpoint"):
            settings_from({name: value})


@pytest.mark.parametrize("value", ["Bearer abc", "basic dXNlcjpwYXNz", "Token t0k", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.x"])
def test_a_value_that_is_a_credential_is_refused_under_any_name_and_not_repeated(value: str) -> None:
    assert is_telling_value(value)
    with pytest.raises(ConfigError, match="'X-Y' may be secret") as refusal:
        header("--header", f"X-Y: {value}")
    assert value not in str(refusal.value)
    assert header("--header", "X-Y: env:NAME").is_elsewhere


@pytest.mark.parametrize("value", ["https://example.com", "basically", "bearer", "eyJ"])
def test_an_ordinary_value_is_none(value: str) -> None:
    assert not is_telling_value(value)


def test_a_token_that_was_pasted_as_its_source_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="a token itself goes into a file") as refusal:
        settings_from({"token_source": "SEKRETtoken0123"})
    assert "SEKRET" not in str(refusal.value)
