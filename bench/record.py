"""What a row costs: `python -m bench.record [rows]` prints rows a second through the
Recorder, and what asking the kernel costs.

Each row is created, checked, numbered, encoded and buffered as a user does it after an `ok` exchange;
the spool is flushed as often as a busy worker's would be, in a thread beside it and, for comparison, in
the same thread. Each figure is the best of several rounds: what the machine did beside it only adds.
What the kernel is asked for each exchange is measured where it is paid: a user of each kind, one asking and one not,
share a core for the same seconds.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from attempts.schema import Attempt, ConnectionFacts, WorkerFacts
from attempts.spool.recorder import Recorder
from attempts.spool.spool import FLUSH_S, Spool
from bench.exchange import NOT_ASKED, costs

ROUNDS = 5
PAIRS, PAIR_S, USERS = 8, 6.0, 200
CONNECTIONS = 300
WORKER = WorkerFacts("bench", "w0", "Linux", "", "3.11", "host", None, False)


def exchange(facts: int) -> Attempt:
    return Attempt(
        kind="exchange",
        operation="ping",
        scheduled_at=1_764_000_000_000_000,
        started_at=1_764_000_000_000_123,
        duration_s=0.0123,
        budget_s=5.0,
        outcome="ok",
        phase="exchange",
        facts=facts,
        open_connections=300,
        loop_lag_s=0.0004,
        loop_blocked_s=0.0,
        cpu=0.61,
        rtt_s=0.0021,
        age_s=31.5,
        idle_s=1.0,
        token_age_s=32.0,
        frames_in=1,
        frames_out=1,
        bytes_in=142,
        bytes_out=87,
    )


def write_rows(recorder: Recorder, facts: list[int], rows: int) -> None:
    for n in range(rows):
        recorder.write(exchange(facts[n % CONNECTIONS]))


def seconds(rows: int, *, beside: bool) -> tuple[float, int]:
    """Wall-clock seconds for `rows` rows until all are flushed, and the bytes on disk."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        recorder = Recorder(spool, WORKER)
        facts = [
            recorder.connection(ConnectionFacts(n, n, f"user-{n}", "steady", "websocket-client", "gevent-libev"))
            for n in range(CONNECTIONS)
        ]
        done = threading.Event()

        def flush_beside() -> None:
            while not done.wait(FLUSH_S):
                spool.flush()

        thread = threading.Thread(target=flush_beside)
        started = time.perf_counter()
        if beside:
            thread.start()
            write_rows(recorder, facts, rows)
            done.set()
            thread.join()
        else:
            for _ in range(0, rows, 5000):
                write_rows(recorder, facts, 5000)
                spool.flush()
        spool.close()
        elapsed = time.perf_counter() - started
        return elapsed, sum(path.stat().st_size for path in Path(folder).iterdir())


def best_us(rows: int, round_: Callable[[int], float]) -> float:
    return min(round_(rows) for _ in range(ROUNDS)) / rows * 1e6


def create_only(rows: int) -> float:
    started = time.perf_counter()
    for n in range(rows):
        exchange(n)
    return time.perf_counter() - started


def main(argv: list[str]) -> int:
    rows = int(argv[0]) if argv else 200_000
    created = best_us(rows, create_only)
    size = seconds(rows, beside=False)[1] / rows
    print(f"creating the row alone    {created:6.2f} us")
    for name, beside in (("flushed in a thread", True), ("flushed in between", False)):
        cost = best_us(rows, lambda n, beside=beside: seconds(n, beside=beside)[0])  # type: ignore[misc]
        print(f"recorded, {name:<19} {cost:6.2f} us a row, {1e6 / cost:9,.0f} rows/s, {size:.0f} bytes a row")
    costs("websocket-client", NOT_ASKED, seconds=PAIR_S, rounds=PAIRS, users=USERS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
