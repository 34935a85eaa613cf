"""From a wait to a row: what is known when it starts, what is added when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from attempts.schema import Attempt
from scenarios.clock import Clock
from scenarios.plan import LagSource, OpenConnections, Tally
from scenarios.protocols.shape import Request
from scenarios.redact import NOTHING_SECRET, Secret, redacted

# A deadline that is handled later than this was handled late: the floor of a blocked loop (attempts.md).
LATE_S: Final = 0.050


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
    """

    attempt: Attempt
    started: float
    deadline: float
    request: Request | None
    event: int = 0

    def blame(self, now: float, *, answered: bool) -> End:
        """Who is to blame that the budget ran out: this process, or nobody that is known yet.

        `answered`: what was waited for is there, only after the deadline.
        """
        return End("harness" if answered and now - self.deadline > LATE_S else "silent_peer")


class Ledger:
    """Starts and finishes the rows of one connection, and counts its frames.

    A row's counters start as debts (minus the totals so far), so that adding the totals at its end
    leaves what happened in between. Every row of a connection or a probe passes here, so this is where credentials are
    kept out of them.

    Attributes:
        finished: Complete rows that nobody has taken yet.
        secret: What must be in no row: the connection's token.
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
        return Wait(attempt, now, now + budget_s, request)

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
        elif outcome == "timeout":
            tally.timeout += 1
            # now >= started + budget holds, but now - started >= budget may fail by the last bit.
            duration_s = max(duration_s, attempt.budget_s)
        elif outcome == "failed":
            tally.failed += 1
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
