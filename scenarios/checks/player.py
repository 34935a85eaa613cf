"""Plays a check on gevent: its steps on real connections, one row at its end, whatever comes."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import Final

import gevent
import msgspec

from attempts.p1_checks import TEST_MISTAKE
from scenarios.authority import authority_of
from scenarios.checks.event_stream import Events
from scenarios.checks.steps import (
    Close,
    Context,
    Get,
    Hear,
    Leave,
    Pause,
    Say,
    Script,
    Step,
    StepFailed,
    SuiteCheck,
    Together,
    Told,
    Upgrade,
)
from scenarios.clients import Services, dial
from scenarios.clients.on_gevent.line import Line, LineFailed, OutOfTime
from scenarios.clients.on_gevent.stream import EndOfStream
from scenarios.clients.on_gevent.websockets import WebsocketsWire
from scenarios.clients.wire import BROKEN, TOO_BIG, close_code, too_big, upgrade_end
from scenarios.evidence.endpoint import Nothing, Seen
from scenarios.plan import ConnectionPlan, Target
from scenarios.protocols.load import load_protocol
from scenarios.protocols.shape import TargetProtocol
from scenarios.redact import Secret
from scenarios.rfc6455 import BINARY, CLOSE, NORMAL_CLOSURE, TEXT
from scenarios.session.ledger import NOTHING, End, Ledger, Wait

# As the record names the library that carries the checks.
CLIENT: Final = "websockets-gevent"
KIND: Final = "check"


def run_check(
    check: SuiteCheck, plan: ConnectionPlan, target: Target, services: Services, *, health_path: str, budget_s: float
) -> None:
    """Run one check and write its row; it is aborted when the run stops. Never raises for what the target does.

    Args:
        check: Which.
        plan: Who, with which token, since when, and the longest waits.
        target: Where to; checks go straight there.
        services: Of the process.
        health_path: Of the health page.
        budget_s: Of the whole check.
    """
    player = _Player(check, plan, target, services, health_path=health_path, budget_s=budget_s)
    if services.stop:
        services.tally.skip()
        return
    # In a greenlet of its own, which a stop can end wherever it waits; a bug of ours is a value there.
    playing = gevent.spawn(player.run)
    services.stop.subscribe(player, lambda: playing.kill(block=False))
    try:
        playing.join()
    finally:
        services.stop.unsubscribe(player)
        playing.kill()
    error = playing.value
    if isinstance(error, Exception):
        raise error


class _Player:
    """One check from its first socket call to its row."""

    def __init__(
        self,
        check: SuiteCheck,
        plan: ConnectionPlan,
        target: Target,
        services: Services,
        *,
        health_path: str,
        budget_s: float,
    ) -> None:
        self._check = check
        self._services = services
        self._plan = plan
        self._budget_s = budget_s
        protocol = load_protocol(target.protocol, target.messages)
        self._context = Context(plan.budgets, health_path, protocol)
        issued_at = plan.token.issued_at if plan.token else None
        self._ledger = services.ledger(services.tally, token_issued_at=issued_at)
        self._ledger.secret = Secret(*plan.secrets)
        self._target = target

    def run(self) -> Exception | None:
        """Play, and write the row; returns what of ours broke."""
        scheduled = self._services.clock.monotonic(self._plan.scheduled_at)
        now = perf_counter()
        wait = self._ledger.start(
            *(KIND, self._check.name, self._budget_s, now), phase="dns", scheduled_at=min(scheduled, now)
        )
        hand = Hand(self._plan, self._target, self._services, self._context.protocol, self._ledger, wait)
        try:
            note = hand.play(self._check.play(self._context))
            self._write(wait, hand, "ok", End(detail=note) if note else NOTHING)
        except StepFailed as failure:
            self._write(wait, hand, "timeout" if failure.is_timeout else "failed", failure.end)
        except gevent.GreenletExit:
            self._write(wait, hand, "aborted", NOTHING)
        except Exception as error:
            self._write(wait, hand, "failed", End("harness", detail=type(error).__name__))
            return error
        finally:
            hand.close()
        return None

    def _write(self, wait: Wait, hand: Hand, outcome: str, end: End) -> None:
        attempt = wait.attempt
        attempt.phase = hand.phase
        self._ledger.endpoint = hand.seen
        self._ledger.finish(wait, perf_counter(), outcome, end)
        self._ledger.finished.clear()
        if end.cause == TEST_MISTAKE:
            attempt.lost_at = None  # nothing was: what the check waited for is not to come
        attempt.facts = self._services.recorder.connection(self._plan.facts())
        self._services.recorder.write(attempt)
        if self._services.on_attempt is not None:
            self._services.on_attempt(self._plan, attempt)


class Hand:
    """Does the steps of one script, on lines of its own. Made in the greenlet that plays it.

    Attributes:
        phase: Where it is.
        seen: This machine's end of the connection on which time ran out, as it was then.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        target: Target,
        services: Services,
        protocol: TargetProtocol,
        ledger: Ledger,
        wait: Wait,
    ) -> None:
        self.phase = "dns"
        self.seen: Nothing = Nothing()
        self._plan = plan
        self._target = target
        self._services = services
        self._protocol = protocol
        self._ledger = ledger
        self._wait = wait
        self._lines: dict[int, _Socket] = {}
        self._until = 0.0

    def play(self, script: Script) -> str:
        """All steps of a script; returns what it notes.

        Raises:
            StepFailed: It failed.
        """
        try:
            step = next(script)
            while True:
                try:
                    told = self._done(step)
                except StepFailed as failure:
                    step = script.throw(failure)
                else:
                    step = script.send(told)
        except StopIteration as end:
            note: str = end.value
            return note

    def close(self) -> None:
        """Free all sockets."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    def _done(self, step: Step) -> Told:
        began = perf_counter()
        whole = self._wait.started + self._wait.attempt.budget_s
        if began >= whole:
            raise StepFailed(self._blame(whole, answered=False), is_timeout=True)
        until = step.until if isinstance(step, Hear) else began + getattr(step, "within_s", whole)
        self._until = min(until, whole)
        line = None
        events = Events()
        try:
            match step:
                case Pause(seconds):
                    gevent.sleep(min(seconds, whole - began))
                case Together(scripts):
                    self._together(scripts)
                case Get():
                    line = self._dialled()
                    try:
                        status = self._get(line, step, events, whole)
                    finally:
                        line.close()
                    return Told(began, perf_counter(), status=status, events=events.count)
                case Upgrade():
                    line = self._dialled()
                    self._leave(step.line)
                    self._lines[step.line] = line
                    self._upgrade(line, has_token=step.has_token)
                case Leave():
                    self._leave(step.line)
                case Say():
                    line = self._lines[step.line]
                    line.say(TEXT, step.payload)
                    self._ledger.sent(len(step.payload))
                case Hear():
                    line = self._lines[step.line]
                    self.phase = line.phase = step.phase
                    line.deadline = self._until
                    message, close = self._hear(line)
                    return Told(began, perf_counter(), message=message, close=close)
                case Close():
                    line = self._lines[step.line]
                    self.phase = line.phase = "close"
                    line.deadline = self._until
                    line.say(CLOSE, NORMAL_CLOSURE.to_bytes(2, "big"))
                    while self._hear(line)[1] is None:
                        pass
                    self._leave(step.line)
        except OutOfTime as late:
            self.seen = Seen(late.seen)
            end = self._blame(line.deadline if line else whole, answered=late.is_answered)
            raise self._failed(line, end, is_timeout=True, events=events) from None
        except LineFailed as failure:
            raise self._failed(line, failure.end, events=events) from None
        except EndOfStream:
            raise self._failed(line, dial.LOST, events=events) from None
        except OSError as error:
            raise self._failed(line, dial.end_of_os_error(error), events=events) from None
        return Told(began, perf_counter())

    def _failed(self, line: _Socket | None, end: End, *, events: Events, is_timeout: bool = False) -> StepFailed:
        if line is not None:
            self.phase = line.phase
        heard_at = None if line is None else line.heard_at
        silent_s = None if heard_at is None else perf_counter() - heard_at
        return StepFailed(end, is_timeout=is_timeout, events=events.count, silent_s=silent_s)

    def _blame(self, deadline: float, *, answered: bool) -> End:
        """Who is to blame that a wait ran out; the row's budget is what was allowed until then."""
        wait = self._wait
        wait.deadline = deadline
        wait.attempt.budget_s = deadline - wait.started
        return wait.blame(perf_counter(), answered=answered)

    def _dialled(self) -> _Socket:
        line = _Socket(self._target, self._services, self._services.turns)
        line.number = self._plan.connection
        line.deadline = self._until
        return line

    def _get(self, line: _Socket, step: Get, events: Events, whole: float) -> int:
        line.dial()
        authority = authority_of(self._target.host, self._target.port)
        further = "".join(f"{header.name}: {header.value}\r\n" for header in self._plan.headers)
        request = f"GET {step.path} HTTP/1.1\r\nHost: {authority}\r\n{further}Connection: close\r\n\r\n"
        head, rest = line.ask(request.encode("ascii"), phase="exchange")
        self.phase = "exchange"
        status = dial.status_number(head)
        events.feed(rest)
        line.heard_at = perf_counter()
        try:
            while status == dial.OK and (step.to_end or events.count < step.events):
                # As a client that waits anew for each piece.
                line.deadline = min(line.heard_at + step.within_s, whole)
                events.feed(line.more())
        except EndOfStream:
            pass
        return status

    def _upgrade(self, line: _Socket, *, has_token: bool) -> None:
        plan = self._plan if has_token else msgspec.structs.replace(self._plan, token=None)
        line.dial()
        request = dial.upgrade_request(plan, self._target, self._protocol)
        wire = WebsocketsWire(self._target, request)
        head, rest = line.ask(wire.request(), phase="upgrade")
        self.phase = "upgrade"
        end = upgrade_end(wire, head, request, self._protocol, must_refuse=not has_token)
        if end is not None:
            raise LineFailed(end)
        line.speak(wire, rest)

    def _hear(self, line: _Socket) -> tuple[bytes | None, tuple[int | None, str] | None]:
        """The next text message, or the server's close."""
        while True:
            opcode, payload = line.next()
            if opcode == TEXT:
                self._ledger.received(len(payload))
                return payload, None
            if opcode == CLOSE:
                return None, close_code(payload)
            if opcode == BROKEN:
                raise LineFailed(End("malformed", closed_by="client", detail=payload.decode()))
            if opcode == TOO_BIG:
                raise LineFailed(too_big(self._target.max_message_bytes))
            if opcode == BINARY:
                raise LineFailed(End("malformed", closed_by="client", detail="a binary message"))

    def _leave(self, number: int) -> None:
        line = self._lines.pop(number, None)
        if line is not None:
            line.close()

    def _together(self, scripts: tuple[Script, ...]) -> None:
        """Each script by a hand of its own.

        Raises:
            StepFailed: Of the first that failed.
        """
        playing = [gevent.spawn(self._played, script) for script in scripts]
        try:
            gevent.joinall(playing)
        finally:
            gevent.killall(playing)
        for one in playing:
            played = one.value
            assert played is not None
            failure, hand = played
            self.phase = hand.phase
            if failure is not None:
                self.seen = hand.seen
                raise failure

    def _played(self, script: Script) -> tuple[Exception | None, Hand]:
        hand = Hand(self._plan, self._target, self._services, self._protocol, self._ledger, self._wait)
        try:
            hand.play(script)
        except Exception as failure:
            return failure, hand
        finally:
            hand.close()
        return None, hand


class _Socket(Line):
    """A line that may have become a WebSocket.

    Attributes:
        heard_at: When the last bytes of a page came.
    """

    heard_at: float | None = None
    _wire: WebsocketsWire | None = None

    def speak(self, wire: WebsocketsWire, rest: bytes) -> None:
        """The upgrade is done; `rest` came behind it."""
        self._wire = wire
        self._inbox: deque[tuple[int, bytes]] = deque()
        if rest:
            self._sort(rest)

    def say(self, opcode: int, payload: bytes) -> None:
        """Send a whole message or control frame."""
        assert self._wire is not None
        self._wire.send(opcode, payload)
        self.stream.send(self._wire.data_to_send())

    def next(self) -> tuple[int, bytes]:
        """The next message or control frame."""
        while not self._inbox:
            self._sort(self.more())
        # A peer that floods has always something to be read.
        if perf_counter() >= self.deadline:
            raise OutOfTime(is_answered=True, seen=self.end.snapshot())
        return self._inbox.popleft()

    def more(self) -> bytes:
        """Wait for more of what the peer sends, decrypted; may be empty."""
        while True:
            self.check_time()
            received = self.stream.read(self.deadline)
            if received is not None:
                self.end.took(len(received))
                self.heard_at = perf_counter()
                return self.stream.plain(received)

    def _sort(self, data: bytes) -> None:
        assert self._wire is not None
        self._inbox.extend(self._wire.receive(data))
        answer = self._wire.data_to_send()
        if answer:
            self.stream.send(answer)
