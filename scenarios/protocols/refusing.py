"""What an error message of a server says, where its protocol has no word of its own for a refused token."""

from __future__ import annotations

import re
from typing import Any, Final

from scenarios.protocols.shape import Refusal

ABOUT_CREDENTIALS: Final = re.compile(
    r"(?i)auth|token|jwt|credential|forbidden|permission|log(?:ged|ging)?[ -]?(?:in|out)\b"
)
_CODES: Final = frozenset({"401", "403"})
_MOST_TEXT: Final = 500


def refusal_of(error: Any, *, is_clients: bool = False) -> Refusal:
    """An error of any shape: a text, or an object with a code and a message under one of their usual names.

    Args:
        error: As it came.
        is_clients: Whether the protocol blames the request; a refused token is not the request's fault.
    """
    code, text = "", error if isinstance(error, str) else ""
    if isinstance(error, dict):
        code = _first(error, "code", "error_code", "status", "name", "type")
        text = _first(error, "message", "reason", "error", "detail", "description", "error_message")
    is_auth = code in _CODES or ABOUT_CREDENTIALS.search(f"{code} {text}") is not None
    return Refusal(code, is_auth, text[:_MOST_TEXT], is_clients=is_clients and not is_auth)


def _first(error: dict[str, Any], *names: str) -> str:
    found = (error.get(name) for name in names)
    return next((str(value) for value in found if isinstance(value, str | int)), "")
