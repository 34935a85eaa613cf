"""Shared by the tests of the record: rows, facts, and strategies for all that a row may hold."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from attempts import schema
from attempts.schema import Attempt, ConnectionFacts, Health, WorkerFacts
from attempts.spool.frames import Segment, read_segment
from attempts.spool.recorder import Recorder
from attempts.spool.spool import Spool, segments

EPOCH_US = 1_764_000_000_000_000


def worker_facts(worker: str = "w0", run_id: str = "run-1") -> WorkerFacts:
    return WorkerFacts(run_id, worker, "Linux", "6.1 x86_64", "3.11.7", "host-1", None, False)


def connection_facts(connection: int = 0, **more: Any) -> ConnectionFacts:
    return ConnectionFacts(
        connection, connection, f"user-{connection}", "steady", "websocket-client", "gevent-libev", **more
    )


def exchange(facts: int, at_us: int = EPOCH_US, **more: Any) -> Attempt:
    given: dict[str, Any] = {
        "kind": "exchange",
        "operation": "ping",
        "scheduled_at": at_us,
        "started_at": at_us,
        "duration_s": 0.01,
        "budget_s": 5.0,
        "outcome": "ok",
        "phase": "exchange",
    }
    return Attempt(facts=facts, **(given | more))


def health(at_us: int = EPOCH_US) -> Health:
    return Health(at_us, 0.001, 0.0, 0.4, 50_000_000, None, 120, 3, 100)


def record(folder: Path, rows: int, *, worker: str = "w0", start_us: int = EPOCH_US, close: bool = True) -> Recorder:
    """A worker that wrote `rows` ok exchanges on one connection and, with `close`, ended properly."""
    spool = Spool(folder)
    recorder = Recorder(spool, worker_facts(worker))
    facts = recorder.connection(connection_facts())
    for n in range(rows):
        recorder.write(exchange(facts, start_us + n))
    recorder.health(health(start_us))
    if close:
        spool.close()
    else:
        spool.flush()
        crash(spool)
    return recorder


def crash(spool: Spool) -> None:
    """What the end of a process does to its spool: files are closed, nothing is written any more."""
    for chain in spool._chains:
        if chain._file is not None:
            chain._file.close()
            chain._file = None


KILLED_WRITER = """
    import sys
    from pathlib import Path
    from attempts.spool.recorder import Recorder
    from attempts.spool.spool import Spool
    from tests.attempts.recording import connection_facts, exchange, worker_facts

    spool = Spool(Path(sys.argv[1]), segment_bytes=50_000)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    while True:
        for _ in range(50):
            recorder.write(exchange(facts))
        spool.flush()
        print(recorder.rows_written, flush=True)
"""


def kill_a_writer(folder: Path) -> int:
    """Kill a process (-9) that writes and flushes as fast as it can; returns the rows it says are flushed."""
    code = textwrap.dedent(KILLED_WRITER)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(200)]
        child.kill()
        said += child.stdout.readlines()
    return int(said[-1] if said[-1].endswith("\n") else said[-2])


def read_all(folder: Path) -> list[Segment]:
    return [read_segment(path.read_bytes()) for _, path in segments(folder)]


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
seconds = st.floats(0, sys.float_info.max)
counts = st.integers(0, 2**63 - 1)
small_counts = st.integers(0, 2**31 - 1)
maybe_seconds = st.none() | seconds


def _one_of(words: frozenset[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(words))


workers = st.builds(
    WorkerFacts,
    run_id=text,
    worker=st.just("w0"),
    platform=text,
    platform_detail=text,
    python=text,
    host=text,
    site=st.none() | text,
    simulated=st.booleans(),
)
connections = st.builds(
    ConnectionFacts,
    user=counts,
    connection=counts,
    subject=text,
    scenario=text,
    client=text,
    event_loop=text,
    delay_s=seconds,
    mitigation=text,
    retry=small_counts,
    server_connection_id=st.none() | text,
    server_instance=st.none() | text,
    startup_complete=st.none() | st.booleans(),
    preface_frames=st.none() | small_counts,
    token_ttl_s=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
healths = st.builds(
    Health,
    at=counts,
    loop_lag_s=seconds,
    loop_blocked_s=seconds,
    cpu=maybe_seconds,
    rss_bytes=st.none() | counts,
    greenlets=st.none() | small_counts,
    file_descriptors=st.none() | small_counts,
    queue_depth=small_counts,
    open_connections=small_counts,
    ephemeral_ports=st.none() | small_counts,
)


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """Any row that the contract allows, but for `facts`, which the recorder gives."""
    outcome = draw(_one_of(schema.OUTCOMES))
    budget_s = draw(st.floats(0, 1e300, exclude_min=True))
    late = outcome == "timeout"
    columns: dict[str, st.SearchStrategy[Any]] = {
        "kind": _one_of(schema.KINDS),
        "operation": text,
        "scheduled_at": counts,
        "started_at": counts,
        "duration_s": st.floats(budget_s if late else 0, sys.float_info.max),
        "phase": _one_of(schema.PHASES),
        "cause": st.none() if outcome in ("ok", "aborted") else _one_of(schema.CAUSES),
        "open_connections": small_counts,
        "cpu": maybe_seconds,
        "frames_in": counts,
        "frames_out": counts,
        "bytes_in": counts,
        "bytes_out": counts,
        "errno": st.none() | st.integers(-(2**31), 2**31 - 1),
        "http_status": st.none() | small_counts,
        "close_code": st.none() | small_counts,
        "closed_by": st.none() | _one_of(schema.CLOSED_BY),
        "detail": st.none() | text,
    }
    durations = [c.name for c in schema.COLUMNS if c.level == "attempt" and c.name.endswith("_s") and c.nullable]
    columns |= dict.fromkeys(durations, maybe_seconds)
    return Attempt(outcome=outcome, budget_s=budget_s, **{name: draw(values) for name, values in columns.items()})
