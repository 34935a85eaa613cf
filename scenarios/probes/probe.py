"""What every control probe does: one row a turn, and a socket with a deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import gevent
import gevent.socket

from attempts.schema import Attempt, ConnectionFacts
from scenarios.clients import Services, dial
from scenarios.clients.on_gevent.stream import EndOfStream, Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.plan import Target, Token
from scenarios.session.ledger import NOTHING, End, Ledger, Wait


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
        subject, token: As whom the idle socket connects; a token is asked for when it dials.
    """

    every_s: float
    budget_s: float
    user: int
    event_loop: str
    next_connection: Callable[[], int]
    subject: str
    token: Callable[[], Token | None]


class Probe:
    """One kind of probe: its rows, and its socket with a deadline. Made in the greenlet that runs it.

    Attributes:
        phase: Where the turn is: where its row will say that it ended.
        until: When the turn's budget runs out, in monotonic seconds.
    """

    operation: ClassVar[str]

    def __init__(self, target: Target, services: Services, plan: ProbePlan) -> None:
        self.target = target
        self.services = services
        self.plan = plan
        self.phase = "tcp"
        self.until = 0.0
        self._patience = Patience()
        self.stream = Stream(self._patience)
        self.ledger = Ledger(
            clock=services.clock,
            lag=services.lag,
            cpu=services.cpu,
            tally=services.probe_tally,
            open_connections=services.open,
            token_issued_at=None,
        )
        self._facts = -1

    def wait_until(self, moment: float) -> None:
        """Until the next turn."""
        gevent.sleep(max(0.0, moment - perf_counter()))

    def run(self, scheduled_at: float, *, skipped: int) -> None:
        """One turn, one row."""
        now = perf_counter()
        self.phase = "tcp"
        self.until = now + self.plan.budget_s
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
        except EndOfStream:
            self._finish(wait, "failed", self._unanswered(dial.TLS_CUT if self.phase == "tls" else dial.NO_RESPONSE))
        except OSError as error:
            self._finish(wait, "failed", self._unanswered(dial.end_of_os_error(error)))
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
        number = self.plan.next_connection()
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

    def dial(self, attempt: Attempt) -> None:
        """TCP, and TLS where the target has it."""
        self.connect(attempt)
        if self.target.scheme == "wss":
            self.phase = "tls"
            started = perf_counter()
            self.stream.start_tls(self.target.ca_file, self.target.host)
            received = b""
            while not self.stream.handshake(received):
                received = self.read()
            attempt.tls_s = perf_counter() - started

    def connect(self, attempt: Attempt) -> None:
        """TCP to the first address of the target."""
        family, address = self._address(attempt)
        self.phase = "tcp"
        started = perf_counter()
        stream = self.stream
        if not stream.connect(family, address):
            while not stream.is_connected(self.until):
                self._check_time(stream.has_connected)
        attempt.tcp_s = perf_counter() - started

    def read(self) -> bytes:
        """Bytes from the network, before the budget runs out."""
        # A loop may wake a reader although nothing is there (libuv on Windows does).
        while (data := self.stream.read(self.until)) is None:
            self._check_time(self.stream.has_answer)
        return data

    def read_head(self) -> tuple[bytes, bytes]:
        """An HTTP response's head with its empty line, and what came behind it."""
        received = b""
        while b"\r\n\r\n" not in received:
            if len(received) > dial.MAX_HEAD_BYTES:
                raise ProbeFailed(End("malformed", closed_by="client", detail="a response without an end"))
            received += self.stream.plain(self.read())
        head, end, rest = received.partition(b"\r\n\r\n")
        return head + end, rest

    def _unanswered(self, end: End) -> End:
        is_asked = self.phase == "upgrade" and self.stream.is_asked_for_certificate
        return dial.unanswered(end, is_asked_for_certificate=is_asked)

    def _address(self, attempt: Attempt) -> tuple[int, Any]:
        where = (self.target.host, self.target.port)
        known = self.services.addresses.get(where)
        if known is None:
            self.phase = "dns"
            started = perf_counter()
            lookup = gevent.spawn(_look_up, *where)
            while not self._patience.wait_for(lookup, self.until):
                self._check_time(lambda: lookup.dead)
            found = lookup.get()
            if isinstance(found, OSError):
                raise ProbeFailed(dial.end_of_dns_error(found))
            known = self.services.addresses.setdefault(where, found)
            attempt.dns_s = None if dial.is_literal(self.target.host) else perf_counter() - started
        return known[0]

    def _check_time(self, is_answered: Callable[[], bool]) -> None:
        if perf_counter() >= self.until:
            raise OutOfTime(is_answered=is_answered())

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


def _look_up(host: str, port: int) -> list[tuple[int, Any]] | OSError:
    """Every address of a name; a failure is a value, not a traceback of its greenlet."""
    try:
        found = gevent.socket.getaddrinfo(host, port, type=gevent.socket.SOCK_STREAM)
    except OSError as error:
        return error
    return [(int(family), address) for family, _, _, _, address in found]
