"""Files of tokens in each form, and files that hold none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scenarios.credentials.cache import TokenCache, TokenUnavailable
from scenarios.credentials.file import FileTokens
from scenarios.credentials.jwt import Minter, key_from_text
from scenarios.errors import ConfigError

MINTER = Minter(key_from_text("HS256", "k" * 32, source="the test"), issuer="i", ttl_s=100.0)


def minted(subject: str, now: float = 0.0) -> str:
    return MINTER.fetch(subject, now).value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no token. Write one a line"),
        ("# nothing", "holds no token. Write one a line"),
        ("[1, 2]", "holds what is no token: entry 1 is no text"),
        ("two secret words", "holds what is no token: line 1 is more than one word. Write one a line"),
    ],
)
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        FileTokens(str(file))
    assert says in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_of_powershells_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "tokens"
    value = minted("a")
    file.write_bytes(f"{value}\r\n{minted('b')}\r\n".encode(encoding))
    tokens = FileTokens(str(file))
    assert tokens.subjects == ("a", "b")
    assert tokens.fetch("a", 1.0).value == value


def test_an_answer_that_was_saved_lives_from_when_its_file_was_written(tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text('{"access_token": "opaque", "expires_in": "60"}')
    os.utime(file, (1000.0, 1000.0))
    FileTokens(str(file)).refuse_expired(1059.0)
    with pytest.raises(ConfigError, match="has expired"):
        FileTokens(str(file)).refuse_expired(1061.0)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        FileTokens(str(tmp_path / "missing"))
    (tmp_path / "binary").write_bytes(b"\x80\x81")
    with pytest.raises(ConfigError, match="is not text"):
        FileTokens(str(tmp_path / "binary"))


def test_a_replaced_file_renews_its_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(minted("a", 0.0))
    cache = TokenCache(FileTokens(str(file)))
    assert cache.token_for("a", 1.0).expires_at == 100.0
    file.write_text(minted("a", 90.0))
    assert cache.token_for("a", 95.0).expires_at == 190.0


def test_a_file_that_went_away_leaves_the_old_token_until_it_expires(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(minted("a", 0.0))
    cache = TokenCache(FileTokens(str(file)))
    cache.token_for("a", 1.0)
    file.unlink()
    assert cache.token_for("a", 95.0).expires_at == 100.0
    with pytest.raises(TokenUnavailable, match="cannot be read"):
        cache.token_for("a", 100.0)


def test_a_subject_that_is_not_in_the_file_has_no_token(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(minted("a"))
    with pytest.raises(TokenUnavailable, match="none for the subject 'b'"):
        FileTokens(str(file)).fetch("b", 0.0)


def test_all_have_expired_only_when_the_last_one_has(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{minted('a', 0.0)}\n{minted('b', 50.0)}\n")
    FileTokens(str(file)).refuse_expired(149.0)
    with pytest.raises(ConfigError, match=r"has expired \(of 2, the last one 60 s ago\)"):
        FileTokens(str(file)).refuse_expired(210.0)
    file.write_text(f"{minted('a', 0.0)}\nopaque\n")
    FileTokens(str(file)).refuse_expired(210.0)  # nobody knows when the opaque one expires
