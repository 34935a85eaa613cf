"""What a protocol object reads in a frame, whichever of the reading methods it has."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.protocols.shape import Message, TargetProtocol


def messages_in(protocol: TargetProtocol, payload: bytes, *, is_binary: bool) -> Sequence[Message]:
    """The messages in a frame of the server's; none in a binary one of a protocol that reads none."""
    if is_binary:
        read_binary = getattr(protocol, "read_binary", None)
        return () if read_binary is None else (read_binary(payload),)
    read_all = getattr(protocol, "read_all", None)
    found: Sequence[Message] = (protocol.read(payload),) if read_all is None else read_all(payload)
    return found
