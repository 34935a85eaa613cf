"""Tokens from a file that somebody else keeps."""

from __future__ import annotations

import math
import os
from pathlib import Path

import orjson

from scenarios.credentials.cache import TokenUnavailable, needs_renewal
from scenarios.credentials.jwt import token_from_text
from scenarios.errors import ConfigError
from scenarios.plan import Token


class FileTokens:
    """Tokens from a file: one a line (`#` begins a comment), a JSON list, or a JSON object by subject.

    A token's subject is its claim sub, or the object's key, or else its number in the file. The file is
    read again when a token is asked for that has expired: replace the file to renew them.

    Raises:
        ConfigError: If the file cannot be read or holds no token.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._tokens = self._read()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Who the tokens are for, in the file's order."""
        return tuple(self._tokens)

    def refuse_expired(self, now: float) -> None:
        """Refuse a file that nobody can connect with.

        Raises:
            ConfigError: If all of its tokens have expired at `now`, in epoch seconds.
        """
        last = max(math.inf if token.expires_at is None else token.expires_at for token in self._tokens.values())
        if now >= last:
            raise ConfigError(
                f"--token-source: every token in {self._path!r} has expired (of {len(self._tokens)}, the last one "
                f"{now - last:.0f} s ago): replace the file, or name another."
            )

    def fetch(self, subject: str, now: float) -> Token:
        """The subject's token as the file has it."""
        token = self._tokens.get(subject)
        if token is None or needs_renewal(token, now):
            try:
                self._tokens = self._read()
            except ConfigError as error:
                raise TokenUnavailable(str(error)) from None
            token = self._tokens.get(subject)
        if token is None:
            raise TokenUnavailable(f"The file of tokens {self._path!r} has none for the subject {subject!r}.")
        return token

    def _read(self) -> dict[str, Token]:
        try:
            text = Path(self._path).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"--token-source: {self._path!r} cannot be read ({os.strerror(error.errno or 0)}): name a file of "
                "tokens."
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(
                f"--token-source: {self._path!r} is not text; name a file with one token a line."
            ) from None
        tokens = tokens_from_text(text)
        if not tokens:
            raise ConfigError(
                f"--token-source: {self._path!r} holds no token; write one a line, or a JSON list or object of them."
            )
        return tokens


def tokens_from_text(text: str) -> dict[str, Token]:
    """The tokens of a file by subject, in order; empty if there is none (or the JSON is none)."""
    named: list[tuple[str | None, str]]
    if text.lstrip()[:1] in ("[", "{"):
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {}
        pairs = parsed.items() if isinstance(parsed, dict) else ((None, value) for value in parsed)
        named = [(key, value) for key, value in pairs if isinstance(value, str) and value.strip()]
    else:
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        named = [(None, line) for line in lines if line]
    tokens: dict[str, Token] = {}
    for number, (name, value) in enumerate(named):
        token, subject = token_from_text(value)
        tokens[name or subject or f"token-{number}"] = token
    return tokens
