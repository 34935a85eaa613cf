"""Frames as lines of a terminal: which way, what they say, and what the protocol makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from scenarios.protocols.shape import Kind, Message
from scenarios.redact import NOTHING_SECRET, Secret, redacted
from scenarios.rfc6455 import BINARY, CLOSE, PING, PONG, TEXT

# No more of a binary frame is shown.
MOST_BYTES: Final = 16
_NAMES: Final = {PING: "ping frame", PONG: "pong frame", CLOSE: "close frame"}


class Frame(NamedTuple):
    """One message or control frame.

    Attributes:
        at_s: Since the upgrade.
        is_ours: Whether this side sent it.
        opcode: RFC 6455, section 5.2.
        payload: As it is on the wire, unmasked.
        messages: What the protocol reads in it; empty for our own and for control frames.
    """

    at_s: float
    is_ours: bool
    opcode: int
    payload: bytes
    messages: Sequence[Message] = ()


def line_of(frame: Frame, *, width: int, secret: Secret = NOTHING_SECRET) -> str:
    """A frame on one line of so many columns: nothing in it moves a cursor or is a token."""
    left = f"{frame.at_s:8.3f} {'->' if frame.is_ours else '<-'} "
    right = f"  {_made_of(frame)}"
    room = max(10, width - len(left) - len(right))
    text = _text_of(frame, secret)
    shown = text if len(text) <= room else text[: room - 3] + "..."
    return f"{left}{shown.ljust(room)}{right}".rstrip()


def plain(text: str) -> str:
    """The text without characters that do something to a terminal: they are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text_of(frame: Frame, secret: Secret) -> str:
    if frame.opcode == BINARY:
        more = " ..." if len(frame.payload) > MOST_BYTES else ""
        return f"{len(frame.payload)} bytes: {frame.payload[:MOST_BYTES].hex(' ')}{more}"
    if frame.opcode == CLOSE and len(frame.payload) >= 2:
        reason = plain(frame.payload[2:].decode("utf-8", "backslashreplace"))
        return f"close frame, {int.from_bytes(frame.payload[:2], 'big')} {redacted(reason, secret=secret)}".rstrip()
    if frame.opcode != TEXT:
        return _NAMES.get(frame.opcode, f"opcode {frame.opcode}")
    text = plain(frame.payload.decode("utf-8", "backslashreplace"))
    return redacted(text, secret=secret, limit=len(text))


def _made_of(frame: Frame) -> str:
    if frame.is_ours or frame.opcode not in (TEXT, BINARY):
        return ""
    if not frame.messages:
        return "malformed (this protocol reads no binary)" if frame.opcode == BINARY else "noise"
    return ", ".join(_word(message) for message in frame.messages)


def _word(message: Message) -> str:
    word = message.kind.name.lower()
    if message.kind is Kind.REPLY and message.id is not None:
        return plain(f"{word} to {message.id[:MOST_BYTES]}")
    if message.kind is Kind.ERROR and message.error is not None:
        return f"{word} about {'credentials' if message.error.is_auth else 'a request'}"
    return word
