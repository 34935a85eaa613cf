"""Asks a silent peer whether it is there: what a timeout alone can never tell.

Theory of operation. When a wait on an upgraded connection runs out in silence, a ping frame goes out on the
same connection, and the peer is listened to a little longer. TCP keeps what is sent in order (RFC 9293,
section 3.4), and a WebSocket endpoint answers a ping as soon as it can (RFC 6455, section 5.5.3). So:

- A pong comes, and no answer before it: the peer had the request when it answered the ping, and had not
  answered it. The way there and back, this client's library and its loop all worked. An answer that only
  latency had carried past the budget was sent before the ping arrived, and would have come before the pong.
- The answer comes before the pong: it was on its way when the budget ran out.
- Neither comes: the way, the whole peer or this client is dead or stuck.

A pong proves that the peer had the request *then*, not for how long: TCP may have delivered it a moment before, after
losing it for seconds. Whether the peer had it for about the whole budget is for `scenarios.evidence.ladder` to say.

The row of the wait is complete but for these facts (`checked_s`, `pong_s`, `late_s`, `lost_at`), and is held back until
they are known, at most for the budget of the check. After a pong the answer is listened for a little longer: one that
still comes was late, and not withheld. The session goes on meanwhile.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from scenarios.protocols.shape import Kind, Message
from scenarios.rfc6455 import PING
from scenarios.session.ledger import Ledger, Wait
from scenarios.session.replies import answers

# All pings of a session's begin with this, so that its pongs are known from those that repeat nothing.
OWN_PAYLOADS: Final = b"wsoak "
# How long an answer is listened for behind the pong, at most.
GRACE_S: Final = 1.0


class _Check(msgspec.Struct, eq=False):
    """One ping, and the rows that wait for its pong: until `due`."""

    payload: bytes
    sent: float
    waits: list[Wait]
    due: float
    pong_s: float | None = None


class PeerCheck:
    """The checks of one session.

    Attributes:
        deadline: When `tick` is due; infinity = no row is held back.

    Args:
        ledger: Rows go to its `finished`.
        outbox: The session's; pings go there.
        budget_s: How long a pong is waited for; 0 = nobody is asked.
    """

    def __init__(self, ledger: Ledger, outbox: list[tuple[int, bytes]], *, budget_s: float) -> None:
        self.deadline = math.inf
        self._ledger = ledger
        self._finished = ledger.finished
        self._outbox = outbox
        self._budget_s = budget_s
        self._checks: list[_Check] = []  # oldest first
        self._number = 0

    def hold(self, waits: list[Wait], now: float) -> None:
        """Ask about rows that are complete: their waits have run out in silence."""
        if self._budget_s <= 0.0:
            self._finished += [wait.attempt for wait in waits]
            return
        self._number += 1
        check = _Check(b"wsoak check %d" % self._number, now, waits, now + self._budget_s)
        self._checks.append(check)
        self._outbox.append((PING, check.payload))
        self.deadline = min(self.deadline, check.due)

    def pong(self, payload: bytes, now: float) -> bool:
        """A pong came; False = it is not a check's.

        A peer may answer only the latest of several pings (RFC 6455, section 5.5.3): those before it are
        answered, too.
        """
        for index, check in enumerate(self._checks):
            if check.payload == payload:
                self._answered(self._checks[: index + 1], now)
                return True
        return False

    def stray_pong(self, payload: bytes, now: float) -> None:
        """A pong came that answers nothing that is waited for.

        One that repeats a payload of ours answers a ping that has run out: it is late, and says nothing of a later
        ping. One that repeats no ping's payload, as it should, is life all the same: some servers send it empty. It
        counts for the oldest ping that has no pong yet.
        """
        if payload.startswith(OWN_PAYLOADS):
            for wait in [wait for check in self._checks for wait in check.waits]:
                if wait.request is not None and wait.request.payload == payload and wait.attempt.late_s is None:
                    self.late(wait, now)
            return
        unanswered = [check for check in self._checks if check.pong_s is None]
        self._answered(unanswered[:1], now)
        for check in unanswered[:1]:
            for wait in check.waits:
                wait.attempt.detail = wait.attempt.detail or "the pong did not repeat the ping's payload"

    def heard(self, message: Message, now: float) -> None:
        """A reply or error that answers nothing in flight: it may be one that was waited for in vain."""
        for check in self._checks:
            for wait in check.waits:
                if wait.attempt.late_s is None and answers(message, wait):
                    request = wait.request
                    wait.event += 1
                    if request is None or message.kind is Kind.ERROR or wait.event >= len(request.events):
                        self.late(wait, now)
                    return

    def late(self, wait: Wait, now: float) -> None:
        """The answer to a wait that is held back came after all."""
        wait.attempt.late_s = now - wait.deadline
        for check in self._checks:
            if wait in check.waits and check.pong_s is not None:
                self._answered([check], now)

    def tick(self, now: float) -> None:
        """The deadline may have come: rows that have been listened for long enough go out."""
        due = [check for check in self._checks if check.due <= now]
        if due:
            self._checks = [check for check in self._checks if check.due > now]
            for check in due:
                self._put_out(check, now)
        self._set_deadline()

    def end(self, now: float) -> None:
        """The connection is over: rows go out with what is known."""
        for check in self._checks:
            self._put_out(check, now)
        self._checks.clear()
        self._set_deadline()

    def _answered(self, checks: list[_Check], now: float) -> None:
        for check in checks:
            if check.pong_s is None:
                check.pong_s = now - check.sent
                check.due = min(check.due, now + GRACE_S)
            if all(wait.attempt.late_s is not None for wait in check.waits):
                check.due = now  # nothing more can come
        self.tick(now)

    def _put_out(self, check: _Check, now: float) -> None:
        for wait in check.waits:
            attempt = wait.attempt
            attempt.checked_s = now - check.sent
            attempt.pong_s = check.pong_s
            self._ledger.checked(wait, has_pong=check.pong_s is not None)
            self._finished.append(attempt)

    def _set_deadline(self) -> None:
        self.deadline = min((check.due for check in self._checks), default=math.inf)
