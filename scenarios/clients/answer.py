"""What the answer to the upgrade request says, judged by one set of rules for every client. Pure.

The libraries differ in what they take: one reads its headers as UTF-8 and keeps the last of two with the same name, one
forgives an extension that nobody asked for, one wants a reason phrase. So a head is judged here (RFC 6455, section 4.1,
and RFC 9112), and a library is handed `plain_head`: the same answer in the plainest words, which all of them take. What
of it only a library knows, the parameters of an extension, it still decides.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from scenarios.clients.dial import UpgradeRequest
from scenarios.http_head import (
    END_OF_HEAD,
    SWITCHING_PROTOCOLS,
    all_headers,
    header_lines,
    header_values,
    status_of,
)
from scenarios.protocols.shape import TargetProtocol
from scenarios.session import refusals
from scenarios.session.ledger import End

# RFC 6455, section 4.2.2.
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# RFC 9110, sections 5.1 and 5.5: a name is a token, a value has no control character but the tab.
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_VERSION: Final = b"HTTP/1.1 "

_ACCEPT: Final = "Sec-WebSocket-Accept"
_EXTENSIONS: Final = "Sec-WebSocket-Extensions"
_SUBPROTOCOL: Final = "Sec-WebSocket-Protocol"


def end_of_answer(
    head: bytes, request: UpgradeRequest, protocol: TargetProtocol, *, key: str, must_refuse: bool = False
) -> End | None:
    """Why an answer is no upgrade; None = it is one.

    Args:
        head: Of the answer, without its empty line.
        request: What was asked.
        protocol: Of the target: its own rules of refusal.
        key: The request's Sec-WebSocket-Key.
        must_refuse: The credentials had to be refused: then a refusal counts only if somebody looked at them.
    """
    found = status_of(head)
    if found is None:
        return _malformed("the answer to the upgrade is no HTTP response")
    status, reason = found
    if status != SWITCHING_PROTOCOLS:
        return refusals.end_of_status(status, reason, all_headers(head), protocol, must_refuse=must_refuse)
    wrong = subprotocol_end(header_values(head, _SUBPROTOCOL), request.expected_subprotocol)
    if wrong is not None:
        return wrong
    broken = next(_broken_rules(head, request, key), None)
    return None if broken is None else _malformed(f"the upgrade's response: {broken}")


def subprotocol_end(answered: list[str], expected: str | None) -> End | None:
    """None when the server answered exactly the expected subprotocol; `answered` holds its headers' values.

    Exactly: neither case nor spaces nor a second header are forgiven, since browsers do not either.
    """
    if answered == ([] if expected is None else [expected]):
        return None
    return End(
        "subprotocol",
        closed_by="client",
        detail=f"the server answered {', '.join(answered) or 'none'}, expected {expected or 'none'}",
    )


def plain_head(head: bytes) -> bytes:
    """The same answer, with its empty line, as every library takes it: the headers that matter, one line each."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    for name in (_ACCEPT, _SUBPROTOCOL, _EXTENSIONS):
        values = header_values(head, name)
        if values:
            lines.append(f"{name}: {', '.join(values)}")
    return "\r\n".join(lines).encode("latin-1") + END_OF_HEAD


def accept_of(key: str) -> str:
    """The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode("ascii")).digest()).decode("ascii")


def _broken_rules(head: bytes, request: UpgradeRequest, key: str) -> Iterator[str]:
    """What a 101 lacks, or has too much of."""
    if not head.startswith(_VERSION):
        yield "it is not in HTTP/1.1"
    if not all(_HEADER.fullmatch(line) for line in header_lines(head)):
        yield "a line of its head is no header"
    if _elements(head, "Upgrade") != ["websocket"]:
        yield "it has no 'Upgrade: websocket'"
    if "upgrade" not in _elements(head, "Connection"):
        yield "it has no 'Connection: Upgrade'"
    accepted = header_values(head, _ACCEPT)
    if accepted != [accept_of(key)]:
        yield f"its {_ACCEPT} is not the one of this request" if accepted else f"it has no {_ACCEPT}"
    unasked = [name for name in map(_name_of, _elements(head, _EXTENSIONS)) if name not in request.extensions]
    if unasked:
        yield f"an extension that nobody asked for: {', '.join(unasked)}"


def _elements(head: bytes, name: str) -> list[str]:
    """The elements of a header's list, over all its lines, in small letters (RFC 9110, sections 5.3 and 5.6.1)."""
    elements = (element.strip().lower() for value in header_values(head, name) for element in value.split(","))
    return [element for element in elements if element]


def _name_of(extension: str) -> str:
    return extension.partition(";")[0].strip()


def _malformed(detail: str) -> End:
    return End("malformed", closed_by="client", detail=detail)
