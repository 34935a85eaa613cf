"""Files of tokens in each form, and files that hold none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.credentials.cache import TokenCache, TokenUnavailable
from scenarios.credentials.file import FileTokens, tokens_from_text
from scenarios.credentials.jwt import Minter, key_from_text
from scenarios.errors import ConfigError

MINTER = Minter(key_from_text("HS256", "k" * 32, source="the test"), issuer="i", ttl_s=100.0)


def minted(subject: str, now: float = 0.0) -> str:
    return MINTER.fetch(subject, now).value


def test_one_a_line_with_comments_and_blank_lines() -> None:
    text = f"# staging, until Friday\n{minted('a')}  # first\n\n{minted('b')}\nopaque-one\n"
    assert list(tokens_from_text(text)) == ["a", "b", "token-2"]


def test_a_json_list_and_a_json_object() -> None:
    assert list(tokens_from_text(json.dumps([minted("a"), minted("b")]))) == ["a", "b"]
    assert list(tokens_from_text(json.dumps({"alice": minted("a"), "bob": "opaque"}))) == ["alice", "bob"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "{}", "[1, 2]", '{"a": null}', "[", '["", " "]'])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigError, match="holds no token"):
        FileTokens(str(file))


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        FileTokens(str(tmp_path / "missing"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
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
