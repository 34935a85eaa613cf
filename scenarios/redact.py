"""Text for people, without credentials.

Two lines of defence. What a connection's own token looks like is known: any piece of it is hidden, as it is or in
base64, whole or cut (`Secret`). What other credentials look like is guessed by their shape, which errs on the side of
hiding too much; the words of OpenSSL, of HTTP and of people are made of words, and stay.
"""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "<redacted>"

# Enough for a sentence; a `detail` is for people and read by no analysis.
MAX_DETAIL: Final = 200
# A server may say as much as it likes: no more of it is looked at.
_MOST_READ: Final = 2_000
# A shorter piece of a token tells nothing: 8 characters are 48 of its 256 bits or more.
PIECE: Final = 8
_LONG: Final = re.compile(r"\S{8,}")

# What may follow "bearer" or "basic" in a sentence about credentials.
_PLAIN: Final = r"(?!(?:tokens?|auth\w*|realm|error|scheme|credentials?|is|was|not|and|or|required|missing|header)\b)"
_SECRETS: Final = re.compile(
    r"(?i)\b(?:bearer|basic)\s+" + _PLAIN + r"\S+"
    # A JWT (RFC 7519) begins with '{"', which is eyJ in base64, and ZXlK once more; its three parts may be cut.
    r"|(?<![A-Za-z0-9])(?:eyJ|ZXlK)[\w-]*={0,2}(?:\.[\w-]*){0,2}"
    r"|\bjwt\.\S+"
    r"|\b[\w-]*(?:token|secret|passw(?:or)?d|api[_-]?key)[\"']?=\S+"
)
_RUN: Final = re.compile(r"[\w+-]{32,}={0,2}|[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")
# One word: capitals (TLSV13 has a version behind them), small letters, or several with a capital each (WebSocket).
_WORD: Final = re.compile(r"(?:[A-Z]{1,24}|[A-Z]?[a-z]{0,24}(?:[A-Z][a-z]{1,24}){0,9})\d{0,2}|\d{1,4}")
_BETWEEN_WORDS: Final = re.compile(r"[-_.+]")
# A value behind a telling name and a colon, where it is no word.
_NAMED: Final = re.compile(
    r"(?i)\b((?:access[_ -]?)?(?:token|secret|password|api[_-]?key)[\"']?\s*:\s*[\"']?)([^\s\"',;]+)"
)

# A query or a user's part may hold a key; the rest of a URL is needed to know what was done.
_QUERY: Final = re.compile(r"(\b[a-z]+://[^\s?]*)\?\S*", re.IGNORECASE)
_USER: Final = re.compile(r"(\b[a-z]+://)[^\s/?#@]*@", re.IGNORECASE)


def plain_urls(text: str) -> str:
    """The text whose URLs have lost their queries and users."""
    return _USER.sub(rf"\1{HIDDEN}@", _QUERY.sub(rf"\1?{HIDDEN}", text))


class Secret:
    """Credentials, in all the forms in which a peer may repeat them. Its `repr` never shows them."""

    def __init__(self, *values: str) -> None:
        self._values = values
        self._forms: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def hidden_in(self, text: str) -> str:
        """The text without any piece of a secret of `PIECE` characters or more."""
        if self._forms is None:
            self._forms = tuple(form for value in self._values if len(value) >= PIECE for form in _forms_of(value))
        forms = self._forms
        if forms:
            text = _LONG.sub(lambda word: _without(word[0], forms), text)
        for value in self._values:
            if 2 < len(value) < PIECE:
                text = text.replace(value, HIDDEN)
        return text


NOTHING_SECRET: Final = Secret()


def redacted(text: str, *, secret: Secret = NOTHING_SECRET, limit: int = MAX_DETAIL) -> str:
    """The text with all that may be a credential replaced, on one line, cut to `limit` characters."""
    text = secret.hidden_in(" ".join(text[:_MOST_READ].split()))
    text = _NAMED.sub(_hidden_value, _SECRETS.sub(HIDDEN, text))
    return _RUN.sub(_hidden_run, text)[:limit]


def without_tokens(text: str, *, secret: Secret = NOTHING_SECRET) -> str:
    """An identifier that a peer gave, with nothing in it that is surely a token; long ones stay as they are."""
    return _SECRETS.sub(HIDDEN, secret.hidden_in(text))


def _hidden_value(found: re.Match[str]) -> str:
    return found[0] if _is_words(found[2].rstrip(".:!?")) else found[1] + HIDDEN


def _hidden_run(found: re.Match[str]) -> str:
    return found[0] if _is_words(found[0]) else HIDDEN


def _is_words(text: str) -> bool:
    return all(_WORD.fullmatch(part) for part in _BETWEEN_WORDS.split(text))


def _without(word: str, forms: tuple[str, ...]) -> str:
    # Base64 has two alphabets (RFC 4648, sections 4 and 5): compared in one.
    alike = word.replace("+", "-").replace("/", "_")
    shown, at = "", 0
    while at < len(word):
        length = max(_common_start(alike, at, form) for form in forms)
        shown += HIDDEN if length else word[at]
        at += length or 1
    return shown


def _forms_of(value: str) -> tuple[str, ...]:
    """The secret, in a URL, and in base64 at each of the three places where it may begin within other bytes."""
    data = value.encode()
    forms = [value.replace("+", "-").replace("/", "_"), quote(value, safe="")]
    for before in range(3):
        encoded = base64.urlsafe_b64encode(b"\0" * before + data).decode().rstrip("=")
        # The first letters hold bits of what stands before, the last of what comes behind.
        forms.append(encoded[(before * 4 + 2) // 3 :])
    return tuple(form for form in forms if len(form) >= PIECE)


def _common_start(text: str, at: int, form: str) -> int:
    """How long the piece of `form` is that begins at a place of `text`; 0 = shorter than `PIECE`."""
    start = form.find(text[at : at + PIECE]) if at + PIECE <= len(text) else -1
    longest = 0
    while start >= 0:
        length = PIECE
        while at + length < len(text) and form.startswith(text[at + length], start + length):
            length += 1
        longest = max(longest, length)
        start = form.find(text[at : at + PIECE], start + 1)
    return longest
