"""From a wait to a row: what is known when it starts, what is added when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from attempts.schema import Attempt
from scenarios.clock import Clock
from scenarios.evidence.endpoint import Endpoint, Mark, Nothing, Snapshot
from scenarios.evidence.ladder import Silence, bytes_in, lost_at, retransmits
from scenarios.evidence.sample import NOT_ASKED, TcpSample
from scenarios.plan import LagSource, OpenConnections, Tally
from scenarios.protocols.shape import Request
from scenarios.redact import NOTHING_SECRET, Secret, redacted

# A deadline that is handled later than this was handled late: the floor of a blocked loop (attempts.md).
LATE_S: Final = 0.050
# Whatever ends sooner had nothing sent again by TCP's timer, which waits at least this long (RFC 6298 on Linux): the
# kernel is not asked a second time.
RETRANSMITTED_AFTER_S: Final = 0.2
# What a connection's kernel has counted before it begins.
_FRESH: Final = TcpSample(retransmits=0, received_bytes=0, early_segments=0)


class End(NamedTuple):
    """Why and how a wait ended, in the record's columns; `cause` None = nothing went wrong.

    `detail` is as it came: it is redacted where it becomes a row's.
    """

    cause: str | None = None
    errno: int | None = None
    http_status: int | None = None
    close_code: int | None = None
    closed_by: str | None = None
    detail: str = ""


NOTHING: Final = End()


class Wait(msgspec.Struct, eq=False):
    """One attempt in flight.

    Attributes:
        attempt: Its row, as far as it is known.
        started, deadline: Monotonic seconds.
        request: Of an exchange.
        event: How many of the request's events have come.
        mark: The kernel when it began; None = not asked.
        at_timeout: This end of the connection when the budget ran out.
        taken_bytes: What this process had read from the kernel when it began; None = not known.
        noise: How many frames nobody could classify when it began.
        ordinary_ratio: How long such requests usually take here, in parts of the budget; None = not known.
        is_late: What was waited for came after the deadline.
    """

    attempt: Attempt
    started: float
    deadline: float
    request: Request | None
    event: int = 0
    mark: Mark | None = None
    taken_bytes: int | None = None
    at_timeout: Snapshot | None = None
    noise: int = 0
    ordinary_ratio: float | None = None
    is_late: bool = False

    def blame(self, now: float, *, answered: bool) -> End:
        """Who is to blame that the budget ran out: this process, or nobody that is known yet.

        `answered`: what was waited for is there, only after the deadline.
        """
        self.is_late = answered
        return End("harness" if answered and now - self.deadline > LATE_S else "silent_peer")


class Ledger:
    """Starts and finishes the rows of one connection, and counts its frames.

    A row's counters start as debts (minus the totals so far), so that adding the totals at its end
    leaves what happened in between. Every row of a connection or a probe passes here, so this is where credentials are
    kept out of them.

    Attributes:
        finished: Complete rows that nobody has taken yet.
        secret: What must be in no row: the connection's token.
        endpoint: Whom to ask about this end of the connection.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        lag: LagSource,
        cpu: Callable[[], float | None],
        tally: Tally,
        open_connections: OpenConnections,
        token_issued_at: float | None,
    ) -> None:
        self.finished: list[Attempt] = []
        self.secret: Secret = NOTHING_SECRET
        self.endpoint: Endpoint = Nothing()
        self._noise = 0
        self._is_noisy = False
        self._clock = clock
        self._lag_between = lag.lag_between
        self._cpu = cpu
        self._tally = tally
        self._open = open_connections
        # The monotonic moment of the token's issue: its age is one subtraction then.
        self._token_born = None if token_issued_at is None else clock.monotonic(round(token_issued_at * 1e6))
        self._frames_in = self._frames_out = self._bytes_in = self._bytes_out = 0

    def epoch_s(self, now: float) -> float:
        """A monotonic moment on the wall clock, seconds since the epoch."""
        return self._clock.micros(now) / 1e6

    def received(self, size: int) -> None:
        """A message of so many bytes came."""
        self._frames_in += 1
        self._bytes_in += size

    def sent(self, size: int) -> None:
        """A message of so many bytes goes out."""
        self._frames_out += 1
        self._bytes_out += size

    def puzzled(self) -> None:
        """A whole frame came that the protocol class cannot classify."""
        self._noise += 1

    def start(
        self,
        kind: str,
        operation: str,
        budget_s: float,
        now: float,
        *,
        phase: str,
        scheduled_at: float | None = None,
        skipped: int = 0,
        request: Request | None = None,
    ) -> Wait:
        """Begin a row; `scheduled_at` None = it was meant for now."""
        tally = self._tally
        tally.planned += 1 + skipped
        tally.skipped += skipped
        tally.started += 1
        started_at = self._clock.micros(now)
        born = self._token_born
        attempt = Attempt(
            kind=kind,
            operation=operation,
            scheduled_at=started_at if scheduled_at is None else self._clock.micros(scheduled_at),
            started_at=started_at,
            duration_s=0.0,
            budget_s=budget_s,
            outcome="",
            phase=phase,
            open_connections=self._open.count,
            token_age_s=None if born is None or born > now else now - born,
            frames_in=-self._frames_in,
            frames_out=-self._frames_out,
            bytes_in=-self._bytes_in,
            bytes_out=-self._bytes_out,
        )
        # A connect's own socket is yet to come.
        mark = None if kind == "connect" else self.endpoint.mark()
        if mark is not None:
            attempt.tcp_rtt_s = mark.min_rtt_s
        wait = Wait(attempt, now, now + budget_s, request, mark=mark, noise=self._noise)
        wait.taken_bytes = self.endpoint.taken_bytes
        return wait

    def finish(self, wait: Wait, now: float, outcome: str, end: End = NOTHING) -> None:
        """Complete a row and put it out."""
        self.complete(wait, now, outcome, end)
        self.finished.append(wait.attempt)

    def complete(self, wait: Wait, now: float, outcome: str, end: End = NOTHING) -> None:
        """Complete a row; whoever holds it back puts it into `finished` later."""
        attempt = wait.attempt
        duration_s = now - wait.started
        tally = self._tally
        if outcome == "ok":
            tally.ok += 1
            self._is_noisy |= self._noise > wait.noise
            if duration_s >= RETRANSMITTED_AFTER_S or attempt.kind == "connect":
                self._ask(wait)
        elif outcome == "timeout":
            tally.timeout += 1
            # now >= started + budget holds, but now - started >= budget may fail by the last bit.
            duration_s = max(duration_s, attempt.budget_s)
            self._ask(wait, is_timeout=True)
            self._lost(wait, end)
        elif outcome == "failed":
            tally.failed += 1
            self._ask(wait)
        else:
            tally.aborted += 1
        attempt.duration_s = duration_s
        attempt.outcome = outcome
        attempt.loop_lag_s, attempt.loop_blocked_s = self._lag_between(wait.started, now)
        attempt.cpu = self._cpu()
        attempt.frames_in += self._frames_in
        attempt.frames_out += self._frames_out
        attempt.bytes_in += self._bytes_in
        attempt.bytes_out += self._bytes_out
        if end is not NOTHING:
            attempt.cause = end.cause
            attempt.errno = end.errno
            attempt.http_status = end.http_status
            attempt.close_code = end.close_code
            attempt.closed_by = end.closed_by
            attempt.detail = redacted(end.detail, secret=self.secret) or None

    def checked(self, wait: Wait, *, has_pong: bool) -> None:
        """The peer check of a wait has ended: what is known now of where it was lost."""
        self._lost(wait, NOTHING, at_end=self.endpoint.snapshot(), has_pong=has_pong)

    def _ask(self, wait: Wait, *, is_timeout: bool = False) -> None:
        """What the kernel counted during a wait."""
        attempt, before = wait.attempt, self._before(wait)
        after = wait.at_timeout = self.endpoint.snapshot()
        repeated = retransmits(before, after.tcp)
        # What was sent again since somebody else's mark may have been before this wait.
        attempt.tcp_retransmits = repeated if not repeated or wait.mark is None or wait.mark.is_own else None
        attempt.tcp_bytes_in = bytes_in(before, after.tcp)
        if is_timeout and after.tcp.unacknowledged == 0:
            attempt.tcp_acknowledged_s = after.tcp.acknowledged_ago_s
        if wait.mark is None:
            attempt.tcp_rtt_s = after.tcp.min_rtt_s

    def _lost(self, wait: Wait, end: End, *, at_end: Snapshot | None = None, has_pong: bool = False) -> None:
        attempt = wait.attempt
        silence = Silence(
            is_generator=(end.cause or attempt.cause) == "harness",
            before=self._before(wait),
            at_timeout=wait.at_timeout or Snapshot(),
            at_end=at_end,
            unmatched=0 if self._is_noisy else self._noise - wait.noise,
            is_late=wait.is_late or attempt.late_s is not None,
            has_pong=has_pong,
            ordinary_ratio=wait.ordinary_ratio,
            budget_s=attempt.budget_s,
        )
        attempt.lost_at = lost_at(silence)

    def _before(self, wait: Wait) -> TcpSample:
        if wait.mark is not None:
            before = self.endpoint.marked(wait.mark)
            if wait.mark.is_own:
                return before
            return before._replace(received_bytes=wait.taken_bytes, early_segments=None)
        return _FRESH if wait.attempt.kind in ("connect", "probe", "check") else NOT_ASKED
