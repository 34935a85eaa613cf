"""One connection that its user dials and uses by hand, wait by wait: a control probe's, or a check's."""

from __future__ import annotations

from time import perf_counter

import msgspec

from scenarios.addresses import Turns
from scenarios.clients import Services
from scenarios.clients.dialler import Answered, Dialler
from scenarios.clients.on_gevent.dial import Mover
from scenarios.clients.on_gevent.stream import Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.clients.own_end import OwnEnd
from scenarios.evidence.endpoint import Snapshot
from scenarios.plan import Target
from scenarios.session.ledger import End


class LineFailed(Exception):
    """The connection is of no use, for the reason in `end`."""

    def __init__(self, end: End) -> None:
        self.end = end


class OutOfTime(Exception):
    """The deadline came.

    Attributes:
        is_answered: What was waited for is there, only late.
        seen: This end of the connection at that moment.
    """

    def __init__(self, *, is_answered: bool, seen: Snapshot) -> None:
        self.is_answered = is_answered
        self.seen = seen


class Line:
    """A socket with a deadline. Made in the greenlet that uses it.

    It is the `Phases` of its own dialling, and never goes through the relay. Raises `LineFailed`, `OutOfTime`, and what
    `Stream` raises.

    Args:
        target: Where to.
        services: Of the process.
        turns: Which of the target's addresses is tried first.

    Attributes:
        phase: Where it is: where a row will say that it ended.
        deadline: When the wait of now runs out, in monotonic seconds.
        number: Seed of the dialling.
        end: This machine's end of the connection.
        took: How long each phase of the dialling took, by the record's columns.
        handshake_s: The round trip of its TCP handshake; None = there was none yet.
    """

    def __init__(self, target: Target, services: Services, turns: Turns) -> None:
        self.target = target
        self.services = services
        self.phase = "tcp"
        self.deadline = 0.0
        self.number = 0
        self.patience = Patience()
        self.stream = Stream(self.patience)
        self.end = OwnEnd(is_direct=True)
        self.took: dict[str, float] = {}
        self.handshake_s: float | None = None
        self._turns = turns
        self._mover: Mover | None = None
        self._phase_at = 0.0

    def connect(self) -> None:
        """TCP to the target, by the proxy that the sessions go by, if any."""
        direct = msgspec.structs.replace(self.target, relay=None)
        book = self.services.addresses
        dialler = Dialler(direct, self, book, self._turns, seed=self.number)
        self._mover = Mover(dialler, direct, book, self.stream, self.patience, self.end)
        self.phase = "dns"
        self._phase_at = perf_counter()
        dialler.begin(self._phase_at)
        self._mover.connect()

    def dial(self) -> None:
        """TCP, and TLS where the target has it."""
        self.connect()
        if self.target.scheme == "wss":
            assert self._mover is not None
            self.phase = "tls"
            self._mover.secure()

    def ask(self, request: bytes, *, phase: str) -> tuple[bytes, bytes]:
        """An HTTP request on a connection that was dialled: the answer's head, and what came behind it."""
        assert self._mover is not None
        self.phase = phase
        asked_at = perf_counter()
        answer = self._mover.ask(request, is_upgrade=phase == "upgrade")
        assert isinstance(answer, Answered)
        self.services.heard(answer.head, asked_at, perf_counter())
        return answer.head, answer.rest

    def check_time(self) -> None:
        """Nothing came: has the budget run out? A loop may wake a reader for nothing (libuv on Windows does)."""
        now = perf_counter()
        if now >= self.deadline:
            self.tick(now, answered=self.stream.has_answer() and not self.end.is_flooded)

    def close(self) -> None:
        """Free the socket."""
        self.stream.close()
        self.patience.close()

    # -- what the dialler reports (`Phases`); an end is raised through it --------------------------------------

    @property
    def over(self) -> bool:
        """Never: an end is raised."""
        return False

    def resolved(self, now: float, *, measured: bool) -> None:
        """See `Phases.resolved`."""
        self._phase_done("dns_s" if measured else None, now)
        self.phase = "tcp"

    def connected(self, now: float, *, tls: bool, handshake_s: float | None, tcp_s: float | None) -> None:
        """See `Phases.connected`."""
        self.handshake_s = now - self._phase_at if handshake_s is None else handshake_s
        self._phase_done("tcp_s", now)

    def secured(self, now: float) -> None:
        """See `Phases.secured`."""
        self._phase_done("tls_s", now)

    def failed(self, end: End, now: float) -> None:
        """See `Phases.failed`."""
        raise LineFailed(end) from None

    def tick(self, now: float, *, answered: bool) -> None:
        """See `Phases.tick`."""
        raise OutOfTime(is_answered=answered, seen=self.end.snapshot())

    def _phase_done(self, column: str | None, now: float) -> None:
        if column is not None:
            self.took[column] = now - self._phase_at
        self._phase_at = now
