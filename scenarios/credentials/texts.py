"""Reads tokens and keys as people, shells and OAuth servers write them: marks, quotes and prefixes come off.

What is no token is refused with a reason that says nothing of what was read. Pure.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Mapping
from typing import Any, Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_QUOTES: Final = "\"'"
_SCHEME: Final = re.compile(r"(?i)(?:authorization\s*:\s*)?bearer(?:\s+|$)")
# `export TOKEN=...`, as a shell reads it; only before what begins like a JWT, since other tokens may hold a "=".
_VARIABLE: Final = re.compile(r"(?:export\s+)?\w+=(?=[\"']?eyJ)")
# What goes into a header, a cookie and a URL as it is: visible ASCII, of which no token holds quotes or brackets.
_TOKEN: Final = re.compile(r"[!#-&(-;=?-z|~^_`]+")
# What programs print where there is no token.
_NOTHING: Final = frozenset({"null", "none", "undefined", "nil"})
# Names of a token in an answer (RFC 6749, section 5.1, and what endpoints of one's own say), the best one first.
_TOKEN_FIELDS: Final = ("access_token", "token", "accessToken", "id_token")


class NoToken(ValueError):
    """A text is no token; the words say why, and nothing of the text."""


def text_of(data: bytes) -> str | None:
    """The text of a file in UTF-8 or UTF-16, with or without a byte order mark; None = it is no text."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and data[1:2] == b"\0":
        encoding = "utf-16-le"
    elif encoding == "utf-8" and data[:1] == b"\0":
        encoding = "utf-16-be"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def plain_token(text: str) -> str:
    """The token in a text, without quotes, `Bearer ` and the like.

    Raises:
        NoToken: There is none.
    """
    value = unquoted(_VARIABLE.sub("", text.strip(), count=1))
    value = unquoted(_SCHEME.sub("", value, count=1).strip())
    if not value or value.lower() in _NOTHING:
        raise NoToken("is empty")
    if len(value.split()) > 1:
        raise NoToken("is more than one word")
    if _TOKEN.fullmatch(value) is None:
        raise NoToken("has characters that no token has")
    return value


def unquoted(text: str) -> str:
    """A text without the quotes around it, if both are there."""
    is_quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]
    return text[1:-1].strip() if is_quoted else text


def token_field(answer: Mapping[str, Any]) -> str | None:
    """The name of the field of an answer that holds its token; None = there is none."""
    return next((name for name in _TOKEN_FIELDS if isinstance(answer.get(name), str) and answer[name].strip()), None)


def expires_in_s(answer: Mapping[str, Any]) -> float | None:
    """How long an answer's token lives: `expires_in` (RFC 6749, section 5.1), which some servers write as a text."""
    value = answer.get("expires_in")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
