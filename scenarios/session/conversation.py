"""A ready session's exchanges: runs the script, sends its requests, gives each its outcome."""

from __future__ import annotations

import math
from typing import Final

from scenarios.plan import Budgets
from scenarios.protocols.shape import Message, Request, TargetProtocol
from scenarios.rfc6455 import BINARY, PING, TEXT
from scenarios.session.ledger import End, Ledger, Wait
from scenarios.session.peer_check import PeerCheck
from scenarios.session.replies import InFlight
from scenarios.session.steps import PROTOCOL_PING, Exchange, Hold, Result, Script, Step, Together

# (opcode, payload) of whole messages and control frames.
Outbox = list[tuple[int, bytes]]

# Smoothing of the round trip, as TCP does it (RFC 6298, section 2: alpha = 1/8).
RTT_GAIN: Final = 0.125
# How long an operation usually takes: the longest of late, an older one fading by this much an answer.
USUAL_DECAY: Final = 0.9

_WORST: Final = {"ok": 0, "failed": 1, "timeout": 2}


class Conversation:
    """Between the welcome and the close; see the module's docstring.

    Attributes:
        over: The script has ended: the session shall close as planned.
        deadline: When `tick` is due; infinity = never.
        waits: The exchanges in flight, oldest first.
        rtt_s: The smoothed round trip of earlier pings, else the one it was given (of the TCP handshake).
        is_fresh: No message has been answered yet; a pong frame comes from the WebSocket layer and is no such answer.
    """

    def __init__(
        self,
        script: Script,
        *,
        protocol: TargetProtocol,
        budgets: Budgets,
        ledger: Ledger,
        outbox: Outbox,
        peer: PeerCheck,
        now: float,
        rtt_s: float | None,
    ) -> None:
        self.over = False
        self.deadline = math.inf
        self.rtt_s = rtt_s
        self.is_fresh = True
        self._has_pinged = False
        self._script = script
        self._protocol = protocol
        self._budgets = budgets
        self._ledger = ledger
        self._outbox = outbox
        self._peer = peer
        self._ready_at = now
        self._last_frame_at = now
        self._in_flight = InFlight(can_resynchronise=protocol.identified is not None)
        self.waits = self._in_flight.waits
        self._scheduled: Step | None = None  # not started yet
        self._number = 0
        self._usual_s: dict[str, float] = {}  # by operation
        self._worst = "ok"  # of those that were sent together
        self._storm = False
        self._resume(None, now)

    def received(self, message: Message, now: float) -> None:
        """A reply came; it may be nobody's."""
        self._last_frame_at = now
        wait = self._in_flight.matched(message)
        if wait is not None:
            self._answered(wait, now)
        elif self._peer.deadline < math.inf:
            self._peer.heard(message, now)

    def heard(self, now: float) -> None:
        """A message came that is no reply."""
        self._last_frame_at = now

    def pong(self, payload: bytes, now: float) -> bool:
        """A pong frame came (RFC 6455, section 5.5.3); False = nobody here waits for it.

        One without a payload answers the oldest ping: some servers repeat none.
        """
        for wait in self.waits:
            if wait.request is None or wait.attempt.operation != PROTOCOL_PING:
                continue
            if wait.request.payload == payload or not payload:
                self._answered(wait, now)
                return True
        return False

    def erred(self, message: Message, end: End, now: float) -> None:
        """An error came: the answer to the request that it names; without a name, to the oldest one."""
        if message.id is None:
            self.broke(end, now)
            return
        self._last_frame_at = now
        wait = self._in_flight.matched(message)
        if wait is not None:
            self._refused(wait, end, now)
        elif self._peer.deadline < math.inf:
            self._peer.heard(message, now)

    def broke(self, end: End, now: float) -> None:
        """A frame came that cannot be read, or an error that names nobody: the oldest request's, if there is one."""
        self._last_frame_at = now
        if self.waits:
            self._refused(self.waits[0], end, now)

    def is_silent(self, now: float) -> bool:
        """Whether something in flight has run out."""
        return any(wait.deadline <= now for wait in self.waits)

    def tick(self, now: float, *, came_at: float | None = None) -> None:
        """The deadline has come; all that could be read has been fed before. `came_at`: see `Session.tick`."""
        if came_at is None:
            came_at = now
        silent = [wait for wait in self.waits if wait.deadline <= came_at]
        if silent:
            for wait in silent:
                self._in_flight.timed_out(wait)
                self._ledger.complete(wait, came_at, "timeout", wait.blame(came_at, answered=False))
            self._peer.hold(silent, now)  # the ping goes out before whatever the script sends next
            self._settled("timeout", now)
        self._start_if_due(now)

    def storm(self) -> None:
        """Everybody reconnects: be over after what is in flight."""
        self._storm = True
        self.over = not self.waits

    def end(self, outcome: str, end: End, now: float) -> None:
        """The session is over: so is all that is in flight."""
        for wait in self.waits:
            self._ledger.finish(wait, now, outcome, end)
        self.waits.clear()
        self._script.close()
        self.deadline = math.inf

    def _refused(self, wait: Wait, end: End, now: float) -> None:
        self.waits.remove(wait)
        if not self._is_late(wait, now):
            self._ledger.finish(wait, now, "failed", end)
            self._settled("failed", now)

    def _is_late(self, wait: Wait, now: float) -> bool:
        """Whether an answer came after its deadline: then the wait is a timeout, and is finished here."""
        if now < wait.deadline:
            return False
        wait.attempt.late_s = now - wait.deadline
        self._ledger.finish(wait, now, "timeout", wait.blame(now, answered=True))
        self._settled("timeout", now)
        return True

    def _answered(self, wait: Wait, now: float) -> None:
        """A matching reply, or the next event of a sequence."""
        request = wait.request
        if wait.attempt.operation != PROTOCOL_PING:
            self.is_fresh = False
        if request is not None and request.events:
            wait.event += 1
            if wait.event < len(request.events):
                return
        self.waits.remove(wait)
        if self._is_late(wait, now):
            return
        self._ledger.finish(wait, now, "ok")
        operation, took_s = wait.attempt.operation, wait.attempt.duration_s
        self._usual_s[operation] = max(took_s, USUAL_DECAY * self._usual_s.get(operation, 0.0))
        if wait.attempt.operation in self._protocol.round_trips:
            known = self.rtt_s if self._has_pinged else None
            self.rtt_s = took_s if known is None else known + RTT_GAIN * (took_s - known)
            self._has_pinged = True
        self._settled("ok", now)

    def _settled(self, outcome: str, now: float) -> None:
        """Exchanges have this outcome; the script goes on when none is in flight any more."""
        if self.waits or self._worst != "ok":
            outcome = self._worst = max(self._worst, outcome, key=_WORST.__getitem__)
        if self.waits:
            self.deadline = self._in_flight.deadline()
            return
        self._worst = "ok"
        self._resume(Result(now, outcome), now)

    def _resume(self, result: Result | None, now: float) -> None:
        if self._storm:
            self.over = True
            return
        try:
            step = next(self._script) if result is None else self._script.send(result)
        except StopIteration:
            self.over = True
            self.deadline = math.inf
            return
        if type(step) is Exchange and step.scheduled_at is None:
            self.deadline = self._send(step, now)
            return
        self._scheduled = step
        self.deadline = _start_of(step)
        self._start_if_due(now)

    def _start_if_due(self, now: float) -> None:
        step = self._scheduled
        if step is None or self.deadline > now:
            return
        self._scheduled = None
        if type(step) is Exchange:
            self.deadline = self._send(step, now)
        elif type(step) is Together:
            self.deadline = min(self._send(exchange, now) for exchange in step.exchanges)
        else:
            self._resume(Result(now), now)

    def _send(self, step: Exchange, now: float) -> float:
        """Send a request; returns its deadline."""
        operation = step.operation
        self._number += 1
        if operation == PROTOCOL_PING:
            request = Request(b"wsoak %d" % self._number, "pong frame")
        else:
            request = self._protocol.request(operation, number=self._number, size=step.size)
        budget_s = step.budget_s
        if budget_s is None:
            budget_s = self._budgets.sequence_s if request.events else self._budgets.exchange_s
        wait = self._ledger.start(
            "exchange",
            operation,
            budget_s,
            now,
            phase="exchange",
            scheduled_at=step.scheduled_at,
            skipped=step.skipped,
            request=request,
        )
        attempt = wait.attempt
        attempt.age_s = now - self._ready_at
        attempt.idle_s = now - self._last_frame_at
        # The kernel's smallest round trip is the network's alone; a ping's holds the server's own time.
        attempt.rtt_s = self.rtt_s if attempt.tcp_rtt_s is None else attempt.tcp_rtt_s
        if operation in self._usual_s:
            wait.ordinary_ratio = self._usual_s[operation] / budget_s
        self.waits.append(wait)
        payload = request.payload
        if operation == PROTOCOL_PING:
            self._outbox.append((PING, payload))
        else:
            self._outbox.append((BINARY if request.is_binary else TEXT, payload))
            self._ledger.sent(len(payload))
            self._last_frame_at = now
        return wait.deadline


def _start_of(step: Step) -> float:
    """When a step is meant to start (of a hold: to end)."""
    if isinstance(step, Hold):
        return step.until
    first = step.exchanges[0] if isinstance(step, Together) else step
    return -math.inf if first.scheduled_at is None else first.scheduled_at
