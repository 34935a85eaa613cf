"""Tokens from a file that somebody else keeps."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

from scenarios.credentials.cache import AGAIN_S, TokenNotNow, needs_renewal
from scenarios.credentials.texts import text_of
from scenarios.credentials.token_list import UnreadableTokens, tokens_from_text
from scenarios.errors import ConfigError
from scenarios.plan import Token

_FORMS: Final = (
    "Write one a line, lines of subject,token, a JSON list, a JSON object by subject, or the answer of a token "
    "endpoint as it came."
)


class FileTokens:
    """Tokens from a file: one a line (`#` begins a comment), CSV, JSON, or a token endpoint's answer as it came.

    A token's subject is what the file says, else its claim sub, or else its number in the file. The file is
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
        """The subject's token as the file has it; a file that cannot be read now is perhaps being replaced."""
        token = self._tokens.get(subject)
        if token is None or needs_renewal(token, now):
            try:
                self._tokens = self._read()
            except ConfigError as error:
                raise TokenNotNow(str(error), AGAIN_S) from None
            token = self._tokens.get(subject)
        if token is None:
            raise TokenNotNow(f"The file of tokens {self._path!r} has none for the subject {subject!r}.", AGAIN_S)
        return token

    def _read(self) -> dict[str, Token]:
        path = Path(self._path)
        try:
            data, written_at = path.read_bytes(), path.stat().st_mtime
        except OSError as error:
            raise ConfigError(
                f"--token-source: {self._path!r} cannot be read ({os.strerror(error.errno or 0)}): name a file of "
                "tokens."
            ) from None
        text = text_of(data)
        if text is None:
            raise ConfigError(f"--token-source: {self._path!r} is not text. {_FORMS}")
        try:
            tokens = tokens_from_text(text, written_at=written_at)
        except UnreadableTokens as reason:
            raise ConfigError(f"--token-source: {self._path!r} holds what is no token: {reason}. {_FORMS}") from None
        if not tokens:
            raise ConfigError(f"--token-source: {self._path!r} holds no token. {_FORMS}")
        return tokens
