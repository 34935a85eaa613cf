"""The upgrade request and the meaning of dialling errors, alike for every client, without I/O.

One event has one (phase, cause, errno) in every client: the libraries and loops name it differently, and
here their names meet.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
from typing import Final, NamedTuple

from scenarios.authority import authority_of
from scenarios.clients.tls import end_of_tls_error
from scenarios.http_fields import TRACEPARENT
from scenarios.http_head import EndlessHead, header_values, split_answer, status_of
from scenarios.os_errors import errno_of
from scenarios.plan import ConnectionPlan, Target
from scenarios.protocols.shape import TargetProtocol
from scenarios.protocols.transport import credentials_by
from scenarios.redact import HIDDEN
from scenarios.rfc6455 import ABNORMAL_CLOSURE
from scenarios.session import refusals
from scenarios.session.ledger import End

# The server names itself here, so that its instance is known before the welcome.
INSTANCE_HEADER: Final = "X-Server-Instance"

OK: Final = 200
DEFLATE: Final = "permessage-deflate"  # RFC 7692

LOST: Final = End("server_closed", close_code=ABNORMAL_CLOSURE, closed_by="network")
# asyncio reports a peer that leaves during the TLS handshake as a reset without a number.
TLS_CUT: Final = End("reset", closed_by="network", detail="closed during the TLS handshake")
NO_RESPONSE: Final = End("server_closed", closed_by="network", detail="no response to the upgrade request")
ENDLESS: Final = End("malformed", closed_by="client", detail="a response without an end")
_UNCERTIFIED: Final = End("tls", detail="the server asked for a client certificate, got none, and gave no response")
RELAY_SILENT: Final = End("harness", detail="the relay takes no connection")


def _codes(*names: str) -> frozenset[int]:
    return frozenset(code for name in names if (code := getattr(errno, name, None)) is not None)


_LOCAL: Final = _codes("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL", "EADDRINUSE", "EAGAIN")
_BROKEN: Final = _codes("ECONNRESET", "ECONNABORTED", "EPIPE", "ESHUTDOWN", "ENETRESET", "ENOTCONN", "EPROTO")
_UNREACHABLE: Final = _codes(
    *("ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EHOSTDOWN", "EACCES", "EPERM", "ETIMEDOUT", "EAFNOSUPPORT")
)


def end_of_os_error(error: OSError) -> End:
    """What a failed socket call says.

    Types come before numbers: on Windows the Proactor loop reports `WinError` numbers where other loops
    report the C library's, but both become the same exception. What no network does (a file that is not there)
    is our own failure, never the target's.
    """
    code = errno_of(error)
    if isinstance(error, ssl.SSLError):
        return end_of_tls_error(error)
    if isinstance(error, ConnectionRefusedError) or code == errno.ECONNREFUSED:
        return End("refused", errno=errno.ECONNREFUSED)
    if isinstance(error, ConnectionError):  # reset, aborted, broken pipe
        return End("reset", errno=code, closed_by="network")
    if code in _LOCAL:
        return End("local_resource", errno=code, detail=error.strerror or "")
    if code in _UNREACHABLE or isinstance(error, TimeoutError):
        return End("unreachable", errno=code, detail=error.strerror or "")
    if code in _BROKEN:
        return End("reset", errno=code, closed_by="network", detail=error.strerror or "")
    return End("harness", errno=code, closed_by="client", detail=error.strerror or str(error))


def unanswered(end: End, *, is_asked_for_certificate: bool) -> End:
    """The end of a connection on which the upgrade was not answered.

    A server that got no client certificate ought to send an alert (RFC 8446, section 4.4.2.4); many just leave.
    """
    is_cut = end.cause in ("reset", "server_closed")
    return _UNCERTIFIED if is_cut and is_asked_for_certificate else end


def end_of_dns_error(error: OSError, *, of_proxy: bool = False) -> End:
    """What a failed name resolution says; `errno` is getaddrinfo's own (EAI_*)."""
    whose = "the proxy's name: " if of_proxy else ""
    return End("dns", errno=error.errno, detail=f"{whose}{error.strerror or ''}")


def end_of_relay_error(error: Exception) -> End:
    """What a failed connection to the relay says: the relay is ours, so it is never the target's failure."""
    if isinstance(error, OSError):
        end = end_of_os_error(error)
        if end.cause == "local_resource":
            return end
    return End("harness", detail=f"the relay: {str(error) or 'it closed the connection'}")


def family_of(host: str) -> int:
    """The address family of a relay's or proxy's host."""
    return int(socket.AF_INET6 if ":" in host else socket.AF_INET)


class UpgradeRequest(NamedTuple):
    """The HTTP request that becomes a WebSocket; holds the token, so its `repr` shows nothing."""

    path: str
    headers: tuple[tuple[str, str], ...]
    subprotocols: tuple[str, ...]
    expected_subprotocol: str | None
    extensions: tuple[str, ...] = ()  # names of those that are offered

    def __repr__(self) -> str:
        return f"UpgradeRequest({HIDDEN})"


def upgrade_request(plan: ConnectionPlan, target: Target, protocol: TargetProtocol) -> UpgradeRequest:
    """The upgrade of a plan: the credentials, then what the plan adds."""
    credentials = credentials_by(plan.token_transport, protocol, plan.token)
    path = target.path
    if credentials.query:
        path += ("&" if "?" in path else "?") + credentials.query
    added = [(header.name, header.value) for header in plan.headers]
    if plan.trace_id is not None:
        added.append((TRACEPARENT, traceparent(plan.trace_id)))
    return UpgradeRequest(
        path,
        _with_one_cookie((*credentials.headers, *added)),
        (*credentials.subprotocols, *plan.subprotocols),
        credentials.expected_subprotocol,
        (DEFLATE,) if target.compression else (),
    )


def traceparent(trace_id: str) -> str:
    """The header's value for a trace that begins here: version, trace, this request's span, and that it is sampled.

    The span is the only one that we have in the trace, so that half of the trace's own digits names it.
    """
    return f"00-{trace_id}-{trace_id[16:]}-01"


def _with_one_cookie(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The headers, where all cookies are in one, as RFC 6265 (section 5.4) wants it."""
    cookies = [value for name, value in headers if name.lower() == "cookie"]
    if len(cookies) < 2:
        return headers
    return (*((name, value) for name, value in headers if name.lower() != "cookie"), ("Cookie", "; ".join(cookies)))


def instance_of(head: bytes) -> str | None:
    """The instance that a response's head names."""
    return next(iter(header_values(head, INSTANCE_HEADER)), None)


def is_literal(host: str) -> bool:
    """Whether a host is an address already, so that there is nothing to resolve."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def proxy_request(host: str, port: int) -> bytes:
    """Ask an HTTP proxy for a path to the target (RFC 9110, section 9.3.6)."""
    authority = authority_of(host, port)
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode("ascii")


def proxy_status(received: bytes) -> int | None:
    """The proxy's status once its head is complete; None = more must be read; 0 = it speaks no HTTP."""
    try:
        found = split_answer(received)
    except EndlessHead:
        return 0
    return None if found is None else status_number(found[0])


def status_number(head: bytes) -> int:
    """The status of a head; 0 = it is no HTTP response."""
    status = status_of(head)
    return 0 if status is None else status[0]


def refused_by_proxy(status: int, *, must_refuse: bool) -> End:
    """A proxy that does not give the connection; `status` as `proxy_status` has it."""
    return refusals.end_of_proxy_status(status or None, must_refuse=must_refuse)
