"""Control probes beside the sessions: what they suffer is the network's or the server's, not a session's.

    tcp      a bare TCP connect
    health   GET of the health page, a connection each (TLS where the target has it); left out where there is none
    idle     a protocol ping (RFC 6455, section 5.5.2) on a WebSocket that does nothing else

They never go through the relay: they are the control of every arm. They go by the target's addresses, and by a proxy,
as the sessions do. Each turn is one row of kind `probe`; the `idle` turn that finds no socket (the first, or after a
loss) also dials, and has the phases' times. A socket that is lost between two pings fails the next turn, in phase hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter

import gevent

from attempts.schema import Attempt
from attempts.spool.spool import SpoolError
from scenarios.authority import authority_of
from scenarios.clients import Services, dial
from scenarios.clients.intake import Intake
from scenarios.clients.on_gevent.line import LineFailed
from scenarios.clients.on_gevent.stream import READ_BYTES, EndOfStream
from scenarios.clients.on_gevent.websockets import WebsocketsWire
from scenarios.clients.wire import BROKEN, TOO_BIG, close_code, too_big, upgrade_end
from scenarios.errors import HarnessError
from scenarios.experiment.arrivals import Pacing
from scenarios.plan import ConnectionPlan, Target, Token
from scenarios.probes.probe import Probe, ProbePlan
from scenarios.protocols.load import load_protocol
from scenarios.redact import Secret
from scenarios.rfc6455 import BINARY, CLOSE, PING, PONG, TEXT
from scenarios.session import refusals
from scenarios.session.ledger import End
from scenarios.session.openings import Upkeep


class TcpProbe(Probe):
    """A bare TCP connect."""

    operation = "tcp"

    def turn(self, attempt: Attempt) -> None:
        """Connect and close."""
        self.new_connection()
        try:
            self.connect()
        finally:
            self.stream.close()


class HealthProbe(Probe):
    """One GET of the health page; anything but 200 fails with its status."""

    operation = "health"

    def turn(self, attempt: Attempt) -> None:
        """Connect, ask, read the status, close."""
        self.new_connection()
        try:
            self.dial()
            attempt.rtt_s = self.handshake_s
            authority = authority_of(self.target.host, self.target.port)
            further = "".join(f"{header.name}: {header.value}\r\n" for header in self.plan.headers)
            path = self.plan.health_path
            request = f"GET {path} HTTP/1.1\r\nHost: {authority}\r\n{further}Connection: close\r\n\r\n"
            head, _ = self.ask(request.encode("ascii"), phase="exchange")
        finally:
            self.stream.close()
        status = dial.status_number(head)
        if status != dial.OK:
            raise LineFailed(End("http_status", http_status=status or None, closed_by="server"))


class IdleProbe(Probe):
    """A ping on a WebSocket that does nothing else."""

    operation = "idle"

    def __init__(self, target: Target, services: Services, plan: ProbePlan) -> None:
        super().__init__(target, services, plan)
        self._wire: WebsocketsWire | None = None
        self._intake = Intake(services.share, self._sort)
        self._lost: End | None = None
        self._rtt_s: float | None = None
        self._awaited = b""
        self._is_answered = False
        self._is_fresh = True  # a library may answer the first ping before its server has looked at the token
        self._protocol = load_protocol(target.protocol, target.messages)
        self._token: Token | None = None
        self._upkeep: Upkeep | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a socket that is not known to be lost."""
        return self._wire is not None and self._lost is None

    @property
    def may_begin(self) -> bool:
        """Whether it need not dial, or has a token to dial with."""
        return self.is_open or self.plan.has_token()

    def wait_until(self, moment: float) -> None:
        """Until the next turn; meanwhile the library answers the server's own pings."""
        if not self.is_open:
            super().wait_until(moment)
            return
        try:
            while perf_counter() < moment:
                self._receive(moment)
        except LineFailed as failure:
            self._lost = failure.end
        except EndOfStream:
            self._lost = dial.LOST
        except OSError as error:
            self._lost = dial.end_of_os_error(error)
        if self._lost is not None:
            super().wait_until(moment)

    def turn(self, attempt: Attempt) -> None:
        """Dial if there is no socket, then ping and wait for that ping's pong."""
        if self._lost is not None:
            lost, self._lost = self._lost, None
            self.phase = "hold"
            self._drop()
            raise LineFailed(lost)
        try:
            if self._wire is None:
                self._open(attempt)
            else:
                self._is_fresh = False
            attempt.rtt_s = self._rtt_s
            self._ping()
        except EndOfStream:
            self._drop()
            raise LineFailed(dial.LOST) from None
        except BaseException:
            # A pong that comes late would answer the wrong ping's row: a new socket is cleaner.
            self._drop()
            raise

    def _open(self, attempt: Attempt) -> None:
        number = self.new_connection()
        self.dial()
        self.phase = "upgrade"
        started = perf_counter()
        self._token = self.plan.token()
        self._is_fresh = True
        plan = ConnectionPlan(
            user=self.plan.user,
            connection=number,
            scenario="probe",
            scheduled_at=attempt.scheduled_at,
            subject=self.plan.subject,
            seed=number,
            token=self._token,
            headers=self.plan.headers,
            token_transport=self.plan.token_transport,
        )
        self.ledger.secret = Secret(*plan.secrets)
        request = dial.upgrade_request(plan, self.target, self._protocol)
        wire = WebsocketsWire(self.target, request)
        head, rest = self.ask(wire.request(), phase="upgrade")
        end = upgrade_end(wire, head, request, self._protocol)
        if end is not None:
            raise LineFailed(end)
        self._wire = wire
        self._rtt_s = self.handshake_s
        attempt.upgrade_s = perf_counter() - started
        self._upkeep = Upkeep(self._protocol, plan)
        self._say(self._upkeep.due())
        if rest:
            self._intake.take(rest, more_waits=False)

    def _ping(self) -> None:
        assert self._wire is not None
        self.phase = "exchange"
        self._awaited = os.urandom(4)
        self._is_answered = False
        started = perf_counter()
        self._wire.send(PING, self._awaited)
        self.stream.send(self._wire.data_to_send())
        self.ledger.sent(len(self._awaited))
        while not self._is_answered:
            self._receive(self.deadline)
            if not self._is_answered:
                self.check_time()
        self._rtt_s = perf_counter() - started

    def _receive(self, until: float) -> None:
        """Take in what comes before a moment, in turns (`scenarios.clients.intake`)."""
        intake = self._intake
        rest_s = min(intake.rests_until, until) - perf_counter()
        if rest_s > 0.0:
            gevent.sleep(rest_s)
        elif intake.has_more:
            intake.go_on()
        elif (received := self.stream.read(until)) is not None:
            self.end.took(len(received))
            intake.take(self.stream.plain(received), more_waits=len(received) == READ_BYTES)
        self.end.is_flooded = intake.is_flooded

    def _sort(self, data: bytes) -> None:
        assert self._wire is not None
        end: End | None = None
        for opcode, payload in self._wire.receive(data):
            self.ledger.received(len(payload))
            if opcode == PONG:
                # Some servers repeat no payload: that is life, too.
                self._is_answered |= payload in (self._awaited, b"")
            elif opcode in (TEXT, BINARY) and self._upkeep is not None:
                self._say(self._upkeep.received(opcode, payload))
            elif opcode == CLOSE:
                end = self._end_of_close(*close_code(payload))
            elif opcode == BROKEN:
                end = End("malformed", closed_by="client", detail=payload.decode())
            elif opcode == TOO_BIG:
                end = too_big(self.target.max_message_bytes)
            if end is not None:
                break
        answer = self._wire.data_to_send()
        try:
            if answer:
                self.stream.send(answer)
        except OSError:
            if end is None:  # else the peer has gone behind its own close
                raise
        if end is not None:
            raise LineFailed(end)

    def _say(self, messages: list[tuple[int, bytes]]) -> None:
        """Send what the server expects of every client: many end a session that does not introduce itself."""
        assert self._wire is not None
        for opcode, payload in messages:
            self._wire.send(opcode, payload)
            self.ledger.sent(len(payload))
        if messages:
            self.stream.send(self._wire.data_to_send())

    def _end_of_close(self, code: int | None, reason: str) -> End:
        expires_at = self._token.expires_at if self._token else None
        is_expired = refusals.has_expired(expires_at, self.ledger.epoch_s(perf_counter()))
        return refusals.end_of_close(code, reason, self._protocol, is_fresh=self._is_fresh, is_expired=is_expired)

    def _drop(self) -> None:
        self.stream.close()
        self._wire = None
        self._intake = Intake(self.services.share, self._sort)


class Prober:
    """Probes a target from `start` to `stop`, each kind in a greenlet of its own.

    Args:
        target: Where to.
        services: Of the process; rows go to its recorder and into its tally.
        plan: How often, how long, as whom.
        failed: Called with an exception that ended a kind of probe: wsoak is wrong then.
    """

    def __init__(
        self, target: Target, services: Services, plan: ProbePlan, *, failed: Callable[[BaseException], None]
    ) -> None:
        self._target = target
        self._services = services
        self._plan = plan
        self._failed = failed
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    def start(self) -> None:
        """Begin to probe."""
        for turn in (TcpProbe, HealthProbe, IdleProbe):
            if turn is HealthProbe and not self._plan.health_path:
                continue
            greenlet = gevent.spawn(self._probe, turn)
            greenlet.link_exception(lambda ended: self._failed(ended.exception or RuntimeError("a probe ended")))
            self._greenlets.append(greenlet)

    def stop(self) -> None:
        """End; probes in flight become `aborted` rows before this returns."""
        gevent.killall(self._greenlets)

    def _probe(self, turn: type[TcpProbe | HealthProbe | IdleProbe]) -> None:
        probe = turn(self._target, self._services, self._plan)
        pacing = Pacing(self._plan.every_s, start=perf_counter())
        skipped = 0
        try:
            while True:
                start = pacing.next_start(perf_counter())
                probe.wait_until(start.scheduled_at)
                skipped += start.skipped
                if not probe.may_begin:
                    skipped += 1
                    continue
                probe.run(start.scheduled_at, skipped=skipped)
                skipped = 0
        except HarnessError as error:
            # It says what it takes, as for a session that has no token: no bug of the probe's.
            self._services.problem(str(error))
        except SpoolError as error:
            self._services.problem(f"Rows can no longer be kept: {error}.")
        finally:
            probe.close()
