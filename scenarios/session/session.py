"""The life of one session, without I/O: phase stamps and frames in, frames and finished rows out.

Theory of operation. A driver (`scenarios.clients`) moves bytes and reads the clock; everything that is
decided is decided here, so every client means the same by `timeout`. The driver's duties, in this order,
after every call into a session:

1. send what is in `outbox`, and clear it;
2. record what is in `finished` under `facts` (which are complete by then), and clear it;
3. if `state` is CLOSED, free the socket and ask for `result`; else sleep until data comes or `deadline`;
4. at the deadline, first feed all that can be read already, then call `tick`. Where its end of the connection must ask
   somebody else first (the relay), it does so if `asks`, and feeds again what has come meanwhile.

Duty 4 keeps the generator's lateness apart from the target's. What is found waiting when a deadline is
handled late was there because *this* loop was blocked: the attempt is a timeout (its budget did run out)
with cause `harness`. If nothing waits, the peer was silent all along.

A session is a connect, then a conversation (`scenarios.session.conversation`), then a close; its states are a
table (`scenarios.session.states`). `now` is monotonic seconds everywhere. Nothing here raises for what the
target does; `SessionMisuse` means that a driver is wrong.
"""

from __future__ import annotations

import math
import random
from typing import Any, Final

from attempts.schema import Attempt, ConnectionFacts
from scenarios.plan import ConnectionPlan, ConnectionResult
from scenarios.protocols.shape import NOISE, Kind, Message, TargetProtocol, Welcome
from scenarios.redact import Secret, without_tokens
from scenarios.rfc6455 import BINARY, CLOSE, GOING_AWAY, NORMAL_CLOSURE, TEXT
from scenarios.session import refusals
from scenarios.session.conversation import Conversation, Outbox
from scenarios.session.ledger import NOTHING, End, Ledger, Wait
from scenarios.session.openings import NO_OPENINGS, Openings, openings_of
from scenarios.session.peer_check import PeerCheck
from scenarios.session.pushes import Pushes
from scenarios.session.scripts import Context, mitigated, planned_s, script_for, script_settings
from scenarios.session.states import CONNECTING, DIALLING, TRANSITIONS, Event, State

# The close that follows an error frame comes 100 ms later; ten times that.
REFUSAL_GRACE_S: Final = 1.0
# A server without a welcome lets everybody in and looks at the token then: its close comes when it has looked. Staging
# takes 0.2 s to refuse; one that asks another machine may take ten times as long. Only then a token was accepted.
ACCEPTANCE_GRACE_S: Final = 2.0
# Of names that a server gives: they are on each row of a connection, and on pages; a server may say megabytes.
MOST_NAME: Final = 128

# An enum's members are slow to reach, and these are asked for by far the most.
_REPLY: Final = Kind.REPLY
_PUSH: Final = Kind.PUSH
_CLOSED: Final = State.CLOSED
# Looking a name up is nobody's way, and a refusal whose close does not come is no silence.
_ASKS_AT_ITS_END: Final = frozenset(
    {State.TCP, State.TLS, State.UPGRADE, State.WELCOME, State.CHECKING, State.CLOSING},
)
_UNREAD: Final = {TEXT: "a text message that cannot be read", BINARY: "a binary message that cannot be read"}
_ACCEPTED: Final = End("credentials_accepted", detail="credentials that must be refused were accepted")


class SessionMisuse(RuntimeError):
    """The driver reported what cannot happen in this state: wsoak is wrong, not the target."""


class Session:
    """One connection from its first socket call to its last row; see the module's docstring.

    Attributes:
        state: Where it is.
        deadline: When `tick` is due; infinity = never.
        outbox: (opcode, payload) to send, oldest first.
        finished: Rows to record.
        facts: What is true of all its rows; None before the connect has ended.
    """

    def __init__(self, plan: ConnectionPlan, *, protocol: TargetProtocol, ledger: Ledger, now: float) -> None:
        """`now` is also when the connect starts, unless the plan names an earlier moment as scheduled.

        Raises:
            ConfigError: If the plan's scenario or settings are wrong.
        """
        self.plan = plan
        self.state = State.START
        self.deadline = math.inf
        self.outbox: Outbox = []
        self.finished: list[Attempt] = ledger.finished
        self.facts: ConnectionFacts | None = None
        self._protocol = protocol
        # What a class need not have is asked for once, and not for every frame; one that reads all needs no `read`.
        self._read: Any = getattr(protocol, "read", None)
        self._read_all = getattr(protocol, "read_all", None)
        self._read_binary = getattr(protocol, "read_binary", None)
        self._openings = NO_OPENINGS  # until the upgrade
        self._awaits_frame = protocol.welcomes_with_frame
        self._pushes = Pushes()
        self._ledger = ledger
        self._settings = script_settings(plan.settings)
        self._budgets = mitigated(plan.budgets, plan.mitigation)
        self._peer = PeerCheck(ledger, self.outbox, budget_s=self._budgets.peer_check_s)
        self._wait: Wait | None = None  # connect, then hold, then close
        self._conversation: Conversation | None = None
        self._phase_at = now
        self._rtt_s: float | None = None
        self._preface: int | None = None
        self._instance: str | None = None
        self._welcome: Welcome | None = None if protocol.welcomes_with_frame else Welcome()
        self._refusal: tuple[End, float] | None = None
        self._storm = False
        self._ready_at = now
        self._heard_at = now  # the last byte, either way
        self._silence_s = 0.0  # before that byte
        self._longest_silence_s = 0.0
        secrets = plan.secrets
        if secrets:
            ledger.secret = Secret(*secrets)
        self._result = ConnectionResult(ready=False, ended_by="stop", outcome="aborted", phase="dns")

    # -- the connect's phases, as the driver reaches them ---------------------------------------------

    def begin(self, now: float, *, scheduled_at: float) -> None:
        """The first socket call is about to be made; it was meant for `scheduled_at`."""
        self._move(Event.BEGIN)
        budget_s = self._budgets.connect_s
        self._wait = self._ledger.start("connect", "connect", budget_s, now, phase="dns", scheduled_at=scheduled_at)
        self.deadline = self._wait.deadline
        self._phase_at = now

    def resolved(self, now: float, *, measured: bool) -> None:
        """The target's addresses are known; not `measured` = they had been known before."""
        self._phase_done(Event.RESOLVED, "dns_s", now, now - self._phase_at if measured else None)

    def connected(self, now: float, *, tls: bool, handshake_s: float | None = None, tcp_s: float | None = None) -> None:
        """TCP is there.

        Args:
            now: Monotonic seconds.
            tls: Whether TLS is next.
            handshake_s: The handshake of the address that answered; None = the phase was that and nothing else.
            tcp_s: How long the phase took, where a relay answered the client's own; None = it was seen from here.
        """
        if tcp_s is None:
            tcp_s = now - self._phase_at
        self._rtt_s = self._waiting().attempt.rtt_s = tcp_s if handshake_s is None else handshake_s
        self._phase_done(Event.CONNECTED_TLS if tls else Event.CONNECTED, "tcp_s", now, tcp_s)

    def secured(self, now: float) -> None:
        """The TLS handshake is done."""
        self._phase_done(Event.SECURED, "tls_s", now, now - self._phase_at)

    def upgraded(self, now: float, *, instance: str | None) -> None:
        """The HTTP upgrade is done and was correct; `instance` as a response header names it."""
        self._instance = instance
        self._phase_done(Event.UPGRADED, "upgrade_s", now, now - self._phase_at)
        if self.state is State.WELCOME:
            self._preface = 0
            if openings := openings_of(self._protocol, self.plan):
                self._openings = Openings(openings)
                self._awaits_frame |= self._openings.await_frames
            self._say_what_is_due()
            if self._is_on_probation:
                self.deadline = min(self.deadline, now + ACCEPTANCE_GRACE_S)
            else:
                self._welcomed_if_all_is_said(now)

    # -- what the peer does -------------------------------------------------------------------------------

    def heard(self, now: float) -> None:
        """Bytes came or went on this connection, whatever they are: what they bring is fed after this.

        A timer of a proxy's begins anew with each of them. Costs next to nothing: it is called for every read.
        """
        silence_s = self._silence_s = now - self._heard_at
        self._heard_at = now
        if silence_s > self._longest_silence_s:
            self._longest_silence_s = silence_s

    def frame(self, payload: bytes, now: float) -> None:
        """A whole text message came."""
        self._ledger.received(len(payload))
        if self._read_all is not None:
            for message in self._read_all(payload) or (NOISE,):
                self._take(message, now)
            return
        message, conversation = self._read(payload), self._conversation
        if conversation is not None and message.kind is _REPLY:  # nearly always: without a further call
            conversation.received(message, now)
            self._follow(conversation, now)
        else:
            self._take(message, now)

    def binary(self, payload: bytes, now: float) -> None:
        """A whole binary message came."""
        self._ledger.received(len(payload))
        if self._read_binary is not None:
            self._take(self._read_binary(payload), now, opcode=BINARY)
            return
        end = End("malformed", closed_by="client", detail="a binary message")
        if self._conversation is not None:
            self._broke(self._conversation, end._replace(closed_by=None), now)
            self._follow(self._conversation, now)
        elif self.state is State.WELCOME:
            self._ended(Event.FAILED, end, now)

    def _take(self, message: Message, now: float, *, opcode: int = TEXT) -> None:
        """A message is read; a frame of that opcode brought it."""
        conversation = self._conversation
        if conversation is not None:
            kind = message.kind
            if kind is _REPLY:
                conversation.received(message, now)
            elif kind is _PUSH:
                self._pushes.pushed(now)
                conversation.heard(now)
            elif kind is Kind.NOISE:
                self._ledger.puzzled()
                conversation.heard(now)
            elif kind is Kind.PING:
                self._answer_ping(message, opcode)
                conversation.heard(now)
            elif kind is Kind.ERROR and message.error is not None:
                conversation.erred(message, refusals.end_of_error(message.error), now)
            elif kind is Kind.MALFORMED:
                self._broke(conversation, End("malformed", detail=_UNREAD[opcode]), now)
            else:
                conversation.heard(now)
            self._follow(conversation, now)
        elif self.state is State.WELCOME:
            self._before_ready(message, now, opcode)
        elif self.state is State.CHECKING:
            was_welcomed = self._is_welcomed
            self._hear_opening(message)
            if self._is_welcomed and not was_welcomed:
                self._peer.late(self._waiting(), now)
        elif self.state in DIALLING:
            raise SessionMisuse(f"a frame in {self.state}")

    def pong(self, payload: bytes, now: float) -> None:
        """A pong frame came; no frame column counts it."""
        is_known = self._peer.pong(payload, now)
        conversation = self._conversation
        if not is_known and not (conversation is not None and conversation.pong(payload, now)):
            self._peer.stray_pong(payload, now)
        if conversation is not None:
            self._follow(conversation, now)
        elif self.state is State.CHECKING:
            self.deadline = self._peer.deadline

    def peer_closed(self, code: int | None, reason: str, now: float) -> None:
        """The peer's close frame came; None = it named no code (RFC 6455: 1005)."""
        if self.state is State.CLOSING:
            self._ledger.finish(self._waiting(), now, "ok", End(close_code=code, closed_by="client"))
            self._over(Event.PEER_CLOSED)
        elif self.state is not State.CLOSED:
            conversation, token = self._conversation, self.plan.token
            end = refusals.end_of_close(
                code,
                reason,
                self._protocol,
                is_fresh=conversation is None or conversation.is_fresh,
                is_expired=token is not None and refusals.has_expired(token.expires_at, self._ledger.epoch_s(now)),
                must_refuse=self.plan.expect_refusal,
            )
            # The silence was before the close, which is the last that was heard.
            self._ended(Event.PEER_CLOSED, end, now, idle_s=self._silence_s)

    def failed(self, end: End, now: float) -> None:
        """The transport, TLS or the upgrade failed, or the peer broke the WebSocket protocol."""
        if self.state is not State.CLOSED:
            self._ended(Event.FAILED, end, now)

    # -- time, and the run --------------------------------------------------------------------------------

    def asks(self, now: float) -> bool:
        """Whether `tick` would end a wait in silence, or a peer check: it asks then where the wait was lost."""
        if now < self.deadline:
            return False
        if self._conversation is not None:
            return self._peer.deadline <= now or self._conversation.is_silent(now)
        return self.state in _ASKS_AT_ITS_END and not (self._is_on_probation and self.state is State.WELCOME)

    def tick(self, now: float, *, answered: bool = False, came_at: float | None = None) -> None:
        """A deadline may have come; all that could be read has been fed before.

        Args:
            now: As everywhere.
            answered: While dialling: what the phase waits for has begun to come (bytes can be read, or the socket is
                connected), so it is this loop that is late.
            came_at: When the driver came to the deadline, if it has asked somebody since: what has run out ran out
                then, and the question is in no duration. None = now.
        """
        if came_at is None:
            came_at = now
        if came_at < self.deadline:
            return
        if self._conversation is not None:
            self._peer.tick(came_at)
            self._conversation.tick(now, came_at=came_at)
            self._follow(self._conversation, now)
        elif self.state is State.CHECKING:
            self._peer.end(came_at)
            self._over(Event.CHECKED)
        elif self.state is State.REFUSED:
            self._refused_for_good(Event.EXPIRED, NOTHING)
        elif self.state is State.CLOSING:
            wait = self._waiting()
            self._ledger.finish(wait, came_at, "timeout", wait.blame(came_at, answered=False))
            self._over(Event.EXPIRED)
        elif self._is_on_probation and self.state is State.WELCOME:
            self._became_ready(now)
        elif self.state is State.WELCOME:
            self._fell_silent(now, came_at=came_at)
        else:
            self._connect_expired(came_at, answered=answered)

    def storm(self, now: float) -> None:
        """Everybody reconnects: close as planned, after the exchange that is in flight."""
        if self._conversation is not None:
            self._storm = True
            self._conversation.storm()
            self._follow(self._conversation, now)

    def stop(self, now: float) -> None:
        """The run ends: what is in flight is `aborted`, and the peer is told without waiting for it."""
        if self.state is State.CLOSED:
            return
        self._peer.end(now)
        if self.state is State.REFUSED:
            self._refused_for_good(Event.STOPPED, NOTHING)
            return
        if self._conversation is not None:
            self._conversation.end("aborted", NOTHING, now)
            self.outbox.append((CLOSE, GOING_AWAY.to_bytes(2, "big")))
            self._result = ConnectionResult(ready=True, ended_by="stop", outcome="aborted", phase="hold")
        if self.state in CONNECTING:
            self._connect_ended(now, "aborted", NOTHING)
        elif self.state is State.READY:
            self._hold_ended(now, "aborted", NOTHING, idle_s=now - self._heard_at)
        elif self._wait is not None and self.state is not State.CHECKING:
            self._ledger.finish(self._wait, now, "aborted")
        self._over(Event.STOPPED)

    @property
    def over(self) -> bool:
        """Whether it has ended: its last row is ready."""
        return self.state is _CLOSED

    def result(self) -> ConnectionResult:
        """What came of it; to be asked when `state` is CLOSED."""
        return self._result

    def in_flight(self) -> list[Wait]:
        """Attempts that have begun and not ended; their rows are incomplete."""
        exchanges = [] if self._conversation is None else self._conversation.waits
        is_over = self._wait is None or self.state is State.CHECKING
        return [*exchanges, *([] if is_over else [self._waiting()])]

    # -- the connect -------------------------------------------------------------------------------------

    def _phase_done(self, event: Event, column: str, now: float, took_s: float | None) -> None:
        if now >= self.deadline:
            self._connect_expired(now, answered=True)
            return
        self._move(event)
        attempt = self._waiting().attempt
        setattr(attempt, column, took_s)
        attempt.phase = self.state.value
        self._phase_at = now

    def _before_ready(self, message: Message, now: float, opcode: int) -> None:
        kind = message.kind
        is_known = self._hear_opening(message)
        if self._is_welcomed and (kind is Kind.WELCOME or not self._is_on_probation):
            self._welcomed_if_all_is_said(now)
        elif kind is Kind.ERROR and message.error is not None:
            # The wait is over; the close that follows is awaited for its code only.
            self._refusal = (refusals.end_of_error(message.error, must_refuse=self.plan.expect_refusal), now)
            self._move(Event.REFUSED)
            self.deadline = min(self.deadline, now + REFUSAL_GRACE_S)
        elif kind is Kind.MALFORMED and not self._is_on_probation:
            self._ended(Event.FAILED, End("malformed", closed_by="client", detail=_UNREAD[opcode]), now)
        else:
            if kind is Kind.PING:
                self._answer_ping(message, opcode)
            elif kind is Kind.NOISE and not is_known:
                self._ledger.puzzled()
            self._preface = (self._preface or 0) + 1

    def _hear_opening(self, message: Message) -> bool:
        """Keep the welcome, and send what was waiting for this message; whether an opening waits for such a one."""
        if message.kind is Kind.WELCOME and message.welcome is not None:
            self._welcome = message.welcome
        is_known = self._openings.heard(message.key)
        if self.state is State.WELCOME:
            self._say_what_is_due()
        return is_known

    def _say_what_is_due(self) -> None:
        for opening in self._openings.due():
            self.outbox.append((BINARY if opening.is_binary else TEXT, opening.payload))
            self._ledger.sent(len(opening.payload))

    @property
    def _is_welcomed(self) -> bool:
        """Whether the welcome has come, and all openings are sent and acknowledged."""
        return self._welcome is not None and self._openings.is_done

    def _welcomed_if_all_is_said(self, now: float) -> None:
        if not self._is_welcomed:
            return
        if now >= self.deadline:
            self._waiting().attempt.late_s = now - self.deadline
            self._connect_expired(now, answered=True)
            return
        if self._awaits_frame:
            self._waiting().attempt.welcome_s = now - self._phase_at
        self._became_ready(now)

    def _became_ready(self, now: float) -> None:
        self._move(Event.WELCOMED)
        self._ready_at = self._heard_at = now
        self._silence_s = self._longest_silence_s = 0.0
        if self.plan.expect_refusal:
            self._connect_ended(now, "failed", _ACCEPTED)
        else:
            self._connect_ended(now, "ok", NOTHING)
        plan = self.plan
        hold_s = planned_s(plan.scenario, self._settings, plan.seed, longest_s=self._budgets.hold_s)
        self._wait = self._ledger.start("hold", "hold", hold_s, now, phase="hold")
        protocol = self._protocol
        heartbeat = getattr(protocol, "heartbeat", None)
        context = Context(self._settings, now, now + hold_s, self.plan.seed, protocol.identified, heartbeat)
        self._conversation = Conversation(
            script_for(self.plan.scenario, self.plan.mitigation, context, self._budgets),
            protocol=self._protocol,
            budgets=self._budgets,
            ledger=self._ledger,
            outbox=self.outbox,
            peer=self._peer,
            now=now,
            rtt_s=self._rtt_s,
        )
        self._follow(self._conversation, now)

    def _connect_expired(self, now: float, *, answered: bool) -> None:
        self._connect_ended(now, "timeout", self._waiting().blame(now, answered=answered))
        self._over(Event.EXPIRED)

    def _fell_silent(self, now: float, *, came_at: float) -> None:
        """Upgraded, and no welcome: is anybody there?"""
        wait = self._waiting()
        self._connect_decided("timeout", NOTHING)
        self._ledger.complete(wait, came_at, "timeout", wait.blame(came_at, answered=False))
        self._peer.hold([wait], now)
        self.deadline = self._peer.deadline
        self._move(Event.FELL_SILENT)
        if self.deadline == math.inf:  # nobody is asked
            self._over(Event.CHECKED)

    def _refused_for_good(self, event: Event, close: End) -> None:
        """The connect failed when its error frame came, with what is known of the close by now."""
        assert self._refusal is not None
        end, refused_at = self._refusal
        end = end._replace(close_code=close.close_code, closed_by=close.closed_by)
        self._connect_failed(event, end, refused_at)

    def _connect_failed(self, event: Event, end: End, now: float) -> None:
        if self.plan.expect_refusal and refusals.is_refusal_of_credentials(end):
            self._connect_ended(now, "ok", end._replace(cause=None))
        else:
            self._connect_ended(now, "failed", end)
        self._over(event)

    def _connect_ended(self, now: float, outcome: str, end: End) -> None:
        self._connect_decided(outcome, end)
        self._ledger.finish(self._waiting(), now, outcome, end)

    def _connect_decided(self, outcome: str, end: End) -> None:
        """What came of the connect, and what is true of all rows of this connection."""
        plan, welcome, secret = self.plan, self._welcome or Welcome(), self._ledger.secret

        def named(name: str | None) -> str | None:
            return None if name is None else without_tokens(name, secret=secret)[:MOST_NAME]

        self._result = ConnectionResult(
            ready=self.state is State.READY,
            ended_by="stop" if outcome == "aborted" else "failure",
            outcome=outcome,
            phase=self._waiting().attempt.phase,
            cause=end.cause,
        )
        ends = self._ledger.endpoint.ends()
        self.facts = plan.facts(
            peer_address=ends.peer_address,
            local_port=ends.local_port,
            server_connection_id=named(welcome.server_connection_id),
            server_instance=named(self._instance or welcome.server_instance),
            startup_complete=welcome.startup_complete,
            preface_frames=self._preface,
        )

    # -- the close, and other ends ---------------------------------------------------------------------------

    def _follow(self, conversation: Conversation, now: float) -> None:
        """Take over the conversation's deadline; close when it is over and nobody is asked any more."""
        checked_by = self._peer.deadline
        self.deadline = min(checked_by, conversation.deadline)
        if not conversation.over or (checked_by < math.inf and not self._storm):
            return
        self._peer.end(now)
        conversation.end("aborted", NOTHING, now)
        self._conversation = None
        self._hold_ended(now, "ok", End(closed_by="client"), idle_s=now - self._heard_at)
        pause_s = 0.0
        if self._storm:  # another stream than the script's, or the pause would depend on how long it ran
            pause_s = random.Random(~self.plan.seed).uniform(0.0, self._settings.storm_jitter_s)
        self._result = ConnectionResult(
            ready=True,
            ended_by="script",
            outcome="ok",
            phase="hold",
            storm=self._storm,
            pause_s=pause_s,
            open_s=now - self._ready_at,
        )
        self._move(Event.CLOSE_SENT)
        self._wait = self._ledger.start("close", "close", self._budgets.close_s, now, phase="close")
        self.outbox.append((CLOSE, NORMAL_CLOSURE.to_bytes(2, "big")))
        self.deadline = self._wait.deadline

    def _ended(self, event: Event, end: End, now: float, *, idle_s: float | None = None) -> None:
        """The connection is over, and not by our plan. `idle_s` None = nothing was heard of its end."""
        self._peer.end(now)
        if self.state is State.REFUSED:
            self._refused_for_good(event, end)
            return
        if self.state is State.CHECKING:
            self._over(event)
            return
        if self.state in CONNECTING:
            self._connect_failed(event, end, now)
            return
        if self._conversation is not None:
            self._conversation.end("failed", end, now)
            ended_by = "failure" if end.cause in ("malformed", "harness") else "peer"
            self._result = ConnectionResult(
                ready=True,
                ended_by=ended_by,
                outcome="failed",
                phase="hold",
                cause=end.cause,
                open_s=now - self._ready_at,
            )
            self._hold_ended(now, "failed", end, idle_s=now - self._heard_at if idle_s is None else idle_s)
        else:
            self._ledger.finish(self._waiting(), now, "failed", end)
        self._over(event)

    def _hold_ended(self, now: float, outcome: str, end: End, *, idle_s: float) -> None:
        """The session's own row: how silent it was before its end, and at most."""
        wait, idle_s = self._waiting(), max(0.0, idle_s)
        wait.attempt.idle_s = idle_s
        wait.attempt.longest_silence_s = max(self._longest_silence_s, idle_s)
        self._pushes.tell(wait.attempt, now)
        self._ledger.finish(wait, now, outcome, end)

    def _over(self, event: Event) -> None:
        self._move(event)
        self._wait = self._conversation = None
        self.deadline = math.inf

    # -- small parts ------------------------------------------------------------------------------------------

    @property
    def _is_on_probation(self) -> bool:
        """Whether the upgrade would make this session ready, but must not: its credentials must be refused."""
        return self.plan.expect_refusal and not self._awaits_frame

    def _broke(self, conversation: Conversation, end: End, now: float) -> None:
        """A frame came that cannot be read: the oldest request's, or else one of those between requests."""
        if not conversation.waits:
            self._pushes.unread()
        conversation.broke(end, now)

    def _answer_ping(self, ping: Message, opcode: int) -> None:
        if not self._settings.answer_pings:
            return
        pong = self._protocol.pong() if ping.answer is None else ping.answer
        if pong is not None:
            self.outbox.append((opcode if ping.answer is not None else TEXT, pong))
            self._ledger.sent(len(pong))

    def _waiting(self) -> Wait:
        if self._wait is None:
            raise SessionMisuse(f"nothing is awaited in {self.state}")
        return self._wait

    def _move(self, event: Event) -> None:
        try:
            self.state = TRANSITIONS[self.state][event]
        except KeyError:
            raise SessionMisuse(f"{event} in {self.state}") from None
