"""The rules for names and values of HTTP header fields (RFC 9110, section 5). Pure."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Printable ASCII and tabs: no line break, so no second header either.
_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
# What the upgrade itself is made of (RFC 6455, section 4.1), and what would change where a request ends.
_OF_THE_UPGRADE: Final = frozenset(
    {"host", "upgrade", "connection", "content-length", "transfer-encoding", "te", "trailer", "expect"}
)
# Names the trace that a request belongs to (https://www.w3.org/TR/trace-context/).
TRACEPARENT: Final = "traceparent"
_OF_WEBSOCKETS: Final = "sec-websocket-"


def is_token(text: str) -> bool:
    """Whether a text may be a header's name, a cookie's, or a subprotocol (RFC 9110, section 5.6.2: a "token")."""
    return _NAME.fullmatch(text) is not None


def is_value(text: str) -> bool:
    """Whether a text may be a header's value."""
    return _VALUE.fullmatch(text) is not None


def is_of_the_upgrade(name: str) -> bool:
    """Whether the upgrade request has this header already, or must not have it."""
    return name.lower() in _OF_THE_UPGRADE or name.lower().startswith(_OF_WEBSOCKETS)
