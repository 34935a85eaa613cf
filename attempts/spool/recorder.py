"""Records attempts: checked, numbered, and kept in memory until the spool takes them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attempts import schema
from attempts.schema import Attempt, ConnectionFacts, Health, SchemaError, WorkerFacts
from attempts.spool import frames
from attempts.spool.spool import Spool, SpoolError
from attempts.spool.time_line import ClockKnot

# How long after a connection's last regular row a late one (its closing handshake) may come: much longer
# than a close may usually take, short against the memory that ended connections would fill.
LATE_ROWS_S: Final = 30.0
# Rows that may wait for the disk: minutes of a stalled flush, and less than 200 MB.
MAX_WAITING_ROWS: Final = 500_000
MAX_FRAME_ROWS: Final = 10_000  # one damaged frame costs no more than these; 1 to 2 MB


class Recorder:
    """The attempts of one worker boot.

    Rows get `seq` 0, 1, 2 ... without gaps, so that a lost one shows. All methods belong to one thread
    (all greenlets of it); the spool's thread takes what they append. There are no locks: every hand-over
    is a single operation on a list, which CPython does not interrupt.

    A connection's facts are kept as long as it lives. It has ended when its `hold` row is written, or
    its `connect` row unless that is `ok`, or when newer facts of the same connection were given, or by
    `release`; `late_rows_s` later they are forgotten, and a row that comes after is refused.

    Args:
        spool: Of this process; it may serve several recorders.
        worker: What is true of every row; `worker.worker` is an id that no other boot has.
        late_rows_s: Seconds that a connection's rows may come after its end: above the budget of a close.
        clock: Seconds, monotonic.

    Attributes:
        rows_written: Rows accepted so far; also the next `seq`.
        outcomes: The same by outcome.
        kinds: The same by kind.
        tally: What the worker's last segment says of its process' attempts beside its rows (`frames.EndFrame`); to be
            given before the spool is closed.
    """

    def __init__(
        self,
        spool: Spool,
        worker: WorkerFacts,
        *,
        late_rows_s: float = LATE_ROWS_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.worker = worker
        self.rows_written = 0
        self.outcomes = dict.fromkeys(sorted(schema.OUTCOMES), 0)
        self.kinds = dict.fromkeys(sorted(schema.KINDS), 0)
        self._spool = spool
        self._late_rows_s = late_rows_s
        self._clock = clock
        self.tally: Mapping[str, int] | None = None
        self._buffer = _Buffer(schema.worker_checker.checked_bytes(worker), tally=lambda: self.tally)
        self._facts: dict[int, bytes] = {}
        self._connection_of: dict[int, int] = {}
        self._number_of: dict[int, int] = {}
        self._retired: deque[tuple[float, int]] = deque()
        self._next_number = 0
        spool.attach(worker.worker, self._buffer)

    def connection(self, facts: ConnectionFacts) -> int:
        """The number for `Attempt.facts` of the rows that these facts hold for.

        Call it again when the facts of a connection have grown (the welcome named an instance): later
        rows take the new number.

        Raises:
            SchemaError: Names the fact, the value and the rule.
        """
        encoded = schema.connection_checker.checked_bytes(facts)
        number = self._next_number
        self._next_number += 1
        self._facts[number] = frames.encoded_facts(number, encoded)
        self._connection_of[number] = facts.connection
        earlier = self._number_of.get(facts.connection)
        self._number_of[facts.connection] = number
        if earlier is not None:
            self.release(earlier)
        self._forget_retired()
        return number

    def release(self, number: int) -> None:
        """Say that a connection has ended which writes neither a `hold` row nor a failed `connect` row."""
        self._retired.append((self._clock(), number))

    def write(self, attempt: Attempt) -> None:
        """Keep one row; sets its `seq`.

        Raises:
            SchemaError: The row breaks the contract. It is not counted and takes no `seq`.
            SpoolError: Rows can no longer be kept.
        """
        if self._spool.error is not None:
            self._spool.refuse()
        facts = self._facts.get(attempt.facts)
        if facts is None:
            raise SchemaError(
                f"facts = {attempt.facts} is no number of this recorder's living connections: "
                "take it from Recorder.connection"
            )
        attempt.seq = self.rows_written
        encoded = schema.checked_bytes(attempt)
        # In this order: whoever counts the rows finds the facts of each.
        self._buffer.facts.append(facts)
        self._buffer.rows.append(encoded)
        self.rows_written += 1
        self.outcomes[attempt.outcome] += 1
        kind = attempt.kind
        self.kinds[kind] += 1
        if kind == "hold" or (kind == "connect" and attempt.outcome != "ok"):
            self.release(attempt.facts)

    def health(self, health: Health) -> None:
        """Keep one second's vitals.

        Raises:
            SchemaError: Names the value and the rule.
            SpoolError: Rows can no longer be kept, or nobody flushes the spool.
        """
        self._spool.refuse()
        if len(self._buffer.rows) > MAX_WAITING_ROWS:
            raise SpoolError(
                f"{len(self._buffer.rows)} rows wait for the spool: Spool.flush is not called, or the disk stalls"
            )
        self._buffer.health.append(schema.health_checker.checked_bytes(health))

    def clock(self, knots: Sequence[ClockKnot]) -> None:
        """Say how far this worker's clock is from the run's, in all that is known of it.

        Rows that were started before the last knot may come later, and segments stand alone: so each has them all.
        """
        self._buffer.clock = frames.clock_frame(knots)

    def _forget_retired(self) -> None:
        horizon = self._clock() - self._late_rows_s
        while self._retired and self._retired[0][0] < horizon:
            _, number = self._retired.popleft()
            self._facts.pop(number, None)
            connection = self._connection_of.pop(number, None)
            if connection is not None and self._number_of.get(connection) == number:
                del self._number_of[connection]


class _Buffer:
    """What waits for the spool: filled by the recorder's thread, taken by the spool's.

    The spool's thread reads a prefix and, once that is in the file, deletes it; meanwhile the other
    thread only appends.
    """

    def __init__(self, worker: bytes, *, tally: Callable[[], Mapping[str, int] | None]) -> None:
        self.rows: list[bytes] = []
        self.facts: list[bytes] = []
        self.health: list[bytes] = []
        self.clock = b""
        self._clock_in_segment = b""
        self._worker = worker
        self._tally = tally
        self._rows_taken = 0
        self._in_segment: set[bytes] = set()
        self._pending = (0, 0)

    def take(self, *, new_segment: bool, last: bool) -> bytes:
        rows, health = self.rows[:], self.health[:]
        clock = self.clock  # after the rows: what was known when they were written is known here
        self._pending = len(rows), len(health)
        if not (rows or health or last):
            return b""
        parts: list[bytes] = []
        if new_segment:
            self._in_segment.clear()
            self._clock_in_segment = b""
            parts += frames.file_header(), frames.worker_frame(self._worker)
        if clock != self._clock_in_segment:
            self._clock_in_segment = clock
            parts.append(clock)
        new_facts = set(self.facts[: len(rows)]) - self._in_segment
        if new_facts:
            self._in_segment |= new_facts
            parts.append(frames.frame(frames.FACTS, frames.array_payload(new_facts)))
        for start in range(0, len(rows), MAX_FRAME_ROWS):
            batch = rows[start : start + MAX_FRAME_ROWS]
            parts.append(frames.frame(frames.ATTEMPTS, frames.array_payload(batch)))
        if health:
            parts.append(frames.frame(frames.HEALTH, frames.array_payload(health)))
        if last:
            parts.append(frames.end_frame(self._rows_taken + len(rows), self._tally()))
        return b"".join(parts)

    def taken(self) -> None:
        rows, health = self._pending
        del self.rows[:rows]
        del self.facts[:rows]
        del self.health[:health]
        self._rows_taken += rows
