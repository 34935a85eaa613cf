"""The base of every control probe: one row a turn, and a socket with a deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

import gevent
import msgspec

from attempts.schema import Attempt, ConnectionFacts
from scenarios.addresses import Turns
from scenarios.clients import Services, dial
from scenarios.clients.dialler import Answered, Dialler
from scenarios.clients.on_gevent.dial import Mover
from scenarios.clients.on_gevent.stream import Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.clients.own_end import OwnEnd
from scenarios.evidence.endpoint import Seen
from scenarios.plan import Header, Target, Token
from scenarios.session.ledger import NOTHING, End, Wait


class ProbeFailed(Exception):
    """The probe failed, for the reason in `end`."""

    def __init__(self, end: End) -> None:
        self.end = end


class OutOfTime(Exception):
    """The budget ran out; `is_answered`: what was waited for is there, only late."""

    def __init__(self, *, is_answered: bool) -> None:
        self.is_answered = is_answered


@dataclass(frozen=True, kw_only=True)
class ProbePlan:
    """What a process's probes need to know.

    Attributes:
        every_s: Time between two probes of a kind.
        budget_s: Longest wait of one probe.
        user: The virtual user that their rows carry.
        event_loop: As in the record.
        next_connection: Numbers connections, within the worker.
        health_path: Of the health page; "" = it is not asked for.
        subject, token: As whom the idle socket connects; a token is asked for when it dials.
        has_token: Whether there is a token now; asked before a turn that dials.
        headers, token_transport: As for the sessions.
    """

    every_s: float
    budget_s: float
    user: int
    event_loop: str
    next_connection: Callable[[], int]
    health_path: str
    subject: str
    token: Callable[[], Token | None]
    has_token: Callable[[], bool] = lambda: True
    headers: tuple[Header, ...] = ()
    token_transport: str = "protocol"


class Probe:
    """One kind of probe: its rows, and its socket with a deadline. Made in the greenlet that runs it.

    It is the `Phases` of its own dialling. It never goes through the relay, and its turns at the target's addresses are
    its own: those of the sessions stay even.

    Attributes:
        phase: Where the turn is: where its row will say that it ended.
        deadline: When the turn's budget runs out, in monotonic seconds.
        end: This machine's end of its connection.
        handshake_s: The round trip of its TCP handshake; None = there was none in this turn.
    """

    operation: ClassVar[str]

    def __init__(self, target: Target, services: Services, plan: ProbePlan) -> None:
        self.target = target
        self.services = services
        self.plan = plan
        self.phase = "tcp"
        self.deadline = 0.0
        self._patience = Patience()
        self.stream = Stream(self._patience)
        self.ledger = services.ledger(services.probe_tally, token_issued_at=None)
        self.end = OwnEnd(is_direct=True)
        self.handshake_s: float | None = None
        self._turns = Turns()
        self._mover: Mover | None = None
        self._attempt: Attempt | None = None
        self._phase_at = 0.0
        self._facts = -1
        self._number = 0

    def wait_until(self, moment: float) -> None:
        """Until the next turn."""
        gevent.sleep(max(0.0, moment - perf_counter()))

    @property
    def may_begin(self) -> bool:
        """Whether the next turn has all that it needs; what is missing is no failure of the target's."""
        return True

    def run(self, scheduled_at: float, *, skipped: int) -> None:
        """One turn, one row."""
        now = perf_counter()
        self.phase = "tcp"
        self.deadline = now + self.plan.budget_s
        self.ledger.endpoint = self.end
        wait = self.ledger.start(
            *("probe", self.operation, self.plan.budget_s, now), phase="tcp", scheduled_at=scheduled_at, skipped=skipped
        )
        try:
            self.turn(wait.attempt)
        except OutOfTime as late:
            now = perf_counter()
            self._finish(wait, "timeout", wait.blame(now, answered=late.is_answered))
        except ProbeFailed as failure:
            self._finish(wait, "failed", failure.end)
        except OSError as error:
            self._finish(wait, "failed", dial.end_of_os_error(error))
        except gevent.GreenletExit:
            self._finish(wait, "aborted", NOTHING)
            raise
        except BaseException:
            self._finish(wait, "failed", End("harness"))
            raise
        else:
            self._finish(wait, "ok", NOTHING)

    def turn(self, attempt: Attempt) -> None:
        """What is probed; sets `phase` on the way."""
        raise NotImplementedError

    def close(self) -> None:
        """Free the socket."""
        self.stream.close()
        self._patience.close()

    def new_connection(self) -> int:
        """Rows from now on are of another connection."""
        number = self._number = self.plan.next_connection()
        self._facts = self.services.recorder.connection(
            ConnectionFacts(
                user=self.plan.user,
                connection=number,
                subject=self.plan.subject,
                scenario="probe",
                client="probe",
                event_loop=self.plan.event_loop,
            )
        )
        return number

    def connect(self, attempt: Attempt) -> None:
        """TCP to the target, by the proxy that the sessions go by, if any."""
        direct = msgspec.structs.replace(self.target, relay=None)
        book = self.services.addresses
        dialler = Dialler(direct, self, book, self._turns, seed=self._number)
        self._mover = Mover(dialler, direct, book, self.stream, self._patience, self.end)
        self._attempt = attempt
        self.phase = "dns"
        self._phase_at = perf_counter()
        dialler.begin(self._phase_at)
        self._mover.connect()

    def dial(self, attempt: Attempt) -> None:
        """TCP, and TLS where the target has it."""
        self.connect(attempt)
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
        raise ProbeFailed(end) from None

    def tick(self, now: float, *, answered: bool) -> None:
        """See `Phases.tick`."""
        self.ledger.endpoint = Seen(self.end.snapshot())  # the socket is closed before the row is written
        raise OutOfTime(is_answered=answered)

    def _phase_done(self, column: str | None, now: float) -> None:
        if column is not None:
            setattr(self._attempt, column, now - self._phase_at)
        self._phase_at = now

    def _finish(self, wait: Wait, outcome: str, end: End) -> None:
        if self._facts < 0:
            self.new_connection()
        attempt = wait.attempt
        attempt.phase = self.phase
        self.ledger.finish(wait, perf_counter(), outcome, end)
        for row in self.ledger.finished:
            row.facts = self._facts
            self.services.recorder.write(row)
        self.ledger.finished.clear()
