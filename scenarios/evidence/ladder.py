"""Where a wait that ran out in silence was lost: the first rung that its evidence proves (docs/evidence.md).

The rungs go from this process to the application behind the server. Each needs a proof of its own; what proves nothing
is `unknown`, and never the next one down. A proxy, a load balancer or a scanner on the way acknowledges for the server,
so everything from `silent_process` on speaks of the other end of this TCP connection.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from scenarios.evidence.endpoint import Snapshot
from scenarios.evidence.sample import TcpSample

# Bytes that came less than this before the look may be on their way through a healthy loop.
READ_GRACE_S: Final = 0.050
# A kernel that has no answer to ride on acknowledges at the latest after so long: 40 ms on Linux, 50 on Windows.
DELAYED_ACK_S: Final = 0.06
# What TCP loses it sends again, each time after twice as long: a request that is on the way for nine tenths of the
# budget was lost four times in a row. A server whose usual answer takes at most this share had the rest of the time.
ORDINARY_SHARE: Final = 0.1


class Silence(NamedTuple):
    """One wait that ran out, and what was learned of it.

    Attributes:
        is_generator: This process's own loop stood still: the answer may have been there in time.
        before: The kernel when the request was sent.
        at_timeout: When the budget ran out, before the peer was asked.
        at_end: When the peer check had ended; None = the peer was not asked.
        unmatched: Whole frames came that the protocol class cannot classify, and that are no habit of this connection.
        is_late: The answer came after the budget.
        has_pong: The peer answered a ping that was sent after the timeout.
        ordinary_ratio: How long such requests take on this connection, in parts of the budget; None = not known.
        budget_s: The wait's; None = not known.
    """

    is_generator: bool
    before: TcpSample
    at_timeout: Snapshot
    at_end: Snapshot | None = None
    unmatched: int = 0
    is_late: bool = False
    has_pong: bool = False
    ordinary_ratio: float | None = None
    budget_s: float | None = None


def lost_at(silence: Silence) -> str:
    """The rung of a wait that ran out: generator, unsent, unacknowledged, undelivered, ... or unknown."""
    at_timeout = silence.at_timeout.tcp
    # A pong came behind everything that the peer had sent before it: what lies open by then is of later requests.
    last = silence.at_timeout if silence.at_end is None or silence.has_pong else silence.at_end
    if silence.is_generator:
        return "generator"
    if _is_unsent(silence.at_timeout):
        return "unsent"
    if _is_unacknowledged(at_timeout) or _is_unacknowledged(last.tcp) or _is_repeated(at_timeout, silence.at_end):
        return "unacknowledged"
    # Behind the relay nobody is asked when a request goes out: a pong that came early during the check shows it, too.
    is_known_before = silence.before.early_segments is not None
    if _has_hole(silence.before if is_known_before else at_timeout, last.tcp):
        return "undelivered"
    if _is_unread(at_timeout) or _is_unread(last.tcp):
        return "unread"
    if (silence.at_end or silence.at_timeout).is_mid_message:
        return "partial"
    if silence.unmatched:
        return "unmatched"
    if silence.is_late:
        return "late"
    if silence.has_pong:
        return "silent_application" if _had_time(silence) else "unknown"
    # What the peer's process says may be kept back by its kernel, which has lost something, too.
    if last.tcp.unacknowledged == 0 and not last.tcp.is_connecting and not last.is_unheard_since_loss:
        return "silent_process"
    return "unknown"


def retransmits(before: TcpSample, after: TcpSample) -> int | None:
    """Segments that were sent again between two samples; None = not known."""
    if before.retransmits is None or after.retransmits is None:
        return None
    return max(0, after.retransmits - before.retransmits)


def bytes_in(before: TcpSample, after: TcpSample) -> int | None:
    """Bytes that the kernel received between two samples; None = not known."""
    if before.received_bytes is None or after.received_bytes is None:
        return None
    return max(0, after.received_bytes - before.received_bytes)


def _is_unsent(snapshot: Snapshot) -> bool:
    """Whether this process holds bytes back that its kernel would take.

    What the kernel has taken and not sent waits for the peer's window, or for a line that has just lost something; and
    while it has something in flight its buffer may be full. Neither is this client's.
    """
    tcp = snapshot.tcp
    if not snapshot.waiting_bytes or tcp.unacknowledged != 0:
        return False
    if tcp.unsent_bytes is None:  # Windows does not say
        return tcp.peer_window_bytes != 0
    return tcp.unsent_bytes == 0


def _is_unacknowledged(tcp: TcpSample) -> bool:
    """Whether the SYN is not answered, or what was sent is repeated without an acknowledgement."""
    return bool(tcp.is_connecting) or (bool(tcp.unacknowledged) and tcp.backoffs != 0)


def _is_repeated(at_timeout: TcpSample, at_end: Snapshot | None) -> bool:
    """Whether what was in flight when the budget ran out had to be sent again: TCP's timer may be longer than it."""
    if at_end is None or not at_timeout.unacknowledged:
        return False
    return bool(retransmits(at_timeout, at_end.tcp))


def _has_hole(before: TcpSample, after: TcpSample) -> bool:
    """Whether segments came, and nothing can be made of them: one that was sent before them is missing."""
    if before.early_segments is None or after.early_segments is None:
        return False
    return after.early_segments > before.early_segments and bytes_in(before, after) == 0


def _is_unread(tcp: TcpSample) -> bool:
    """Whether bytes lie in this kernel for longer than a healthy loop needs."""
    return bool(tcp.queued_bytes) and (tcp.received_ago_s is None or tcp.received_ago_s > READ_GRACE_S)


def _had_time(silence: Silence) -> bool:
    """Whether a pong proves that the peer had the request for about the whole budget, and not only at its end.

    A request may be lost and sent again, or wait in a queue on the way until shortly before the ping. Its kernel had
    it since it acknowledged all, if nothing came from there since; else only an answer that usually takes next to
    nothing of the budget proves it. Of a kernel that knows of a repetition neither does.
    """
    at_timeout = silence.at_timeout.tcp
    # Since the request was sent, or ever on this connection; 0 where nobody can be asked.
    repeated = retransmits(silence.before, at_timeout)
    if at_timeout.retransmits if repeated is None else repeated:
        return False
    if silence.ordinary_ratio is not None and silence.ordinary_ratio <= ORDINARY_SHARE:
        return True
    ago_s, budget_s = at_timeout.acknowledged_ago_s, silence.budget_s
    if ago_s is None or budget_s is None or at_timeout.unacknowledged != 0:
        return False
    return ago_s >= budget_s - max(ORDINARY_SHARE * budget_s, DELAYED_ACK_S + (at_timeout.min_rtt_s or 0.0))
