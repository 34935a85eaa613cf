"""The analysis beside a run: `python -m bench.live [--seconds 120] [--rate 400]`.

Eight outboxes are replayed into a run's folder, row by row, as eight workers would fill it, and the store follows: once
without and once with the analysis beside the run. The process that replays them measures how late its own loop is.
Printed are how old what a page shows is, the share of a core that the analysis takes, the time from the last row to the
verdict, and the loop's lag, each with its ratio to the run without; and whether the verdict is that of
`python -m analysis`.
"""

from __future__ import annotations

import argparse
import bisect
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from attempts.schema import Attempt, ConnectionFacts, Health, WorkerFacts
from attempts.spool.recorder import Recorder
from attempts.spool.spool import FLUSH_S, Spool

OUTBOXES: Final = 8
CONNECTIONS: Final = 40
STEP_S: Final = 0.02
TIMEOUTS: Final = 0.02
_MICRO: Final = 1_000_000


@dataclass
class Measured:
    """What one replay showed, in seconds; `ages_s`, `data_ages_s` and `cpu_share` only with the analysis beside it."""

    lags_s: list[float] = field(default_factory=list)
    ages_s: list[float] = field(default_factory=list)
    data_ages_s: list[float] = field(default_factory=list)
    cpu_share: float | None = None
    peak_mb: float = 0.0
    stored_s: float = 0.0
    verdict_s: float = 0.0
    report_s: float = 0.0
    is_same: bool = False


class Outbox:
    """One worker's rows, replayed: connections through two clients with two delays, some of whose exchanges run out."""

    def __init__(self, spool: Spool, number: int) -> None:
        platform = "Windows" if number % 2 else "Linux"
        facts = WorkerFacts("bench", f"w{number}", platform, "", "3.11", f"host{number}", "lab", False)
        self.recorder = Recorder(spool, facts)
        self._random = random.Random(number)
        self._connections = [self.recorder.connection(_connection(at)) for at in range(CONNECTIONS)]

    def write(self) -> None:
        """One row of a wait that ends now."""
        is_late = self._random.random() < TIMEOUTS
        took_s = 5.0 if is_late else 0.05 + self._random.random() / 50
        began = time.time_ns() // 1000 - round(took_s * _MICRO)
        row = Attempt(
            kind="exchange",
            operation="ping",
            scheduled_at=began,
            started_at=began,
            duration_s=took_s,
            budget_s=5.0,
            outcome="timeout" if is_late else "ok",
            phase="exchange",
            cause="silent_peer" if is_late else None,
            facts=self._random.choice(self._connections),
            open_connections=CONNECTIONS,
            loop_lag_s=0.0004,
            loop_blocked_s=0.0,
            cpu=0.3,
            rtt_s=0.02,
            age_s=31.5,
            frames_in=1,
            frames_out=1,
            bytes_in=142,
            bytes_out=87,
        )
        self.recorder.write(row)


def _connection(number: int) -> ConnectionFacts:
    client = "websockets-gevent" if number % 2 else "websocket-client"
    delay_s = 0.08 if number % 4 < 2 else 0.0
    return ConnectionFacts(number, number, f"user-{number}", "steady", client, "gevent-libev", delay_s=delay_s)


def replay(folder: Path, *, seconds: float, rate: float, is_live: bool) -> Measured:
    """One run of eight outboxes, and its verdict."""
    found = Measured()
    (folder / "spool").mkdir(parents=True)
    began = datetime.now(UTC)
    manifest: dict[str, Any] = {
        "schema_version": 1,
        "run_id": "bench",
        "started_at": began.isoformat(),
        "planned_end_at": (began + timedelta(seconds=seconds)).isoformat(),
        "ended": "running",
        "settings": {},
    }
    (folder / "run.json").write_text(json.dumps(manifest))
    store = _child("attempts.store", str(folder), "--follow")
    live = _child("analysis.live", str(folder)) if is_live else None
    spool = Spool(folder / "spool")
    outboxes = [Outbox(spool, number) for number in range(OUTBOXES)]
    done = threading.Event()
    flushing = threading.Thread(target=_flush, args=(spool, done))
    flushing.start()
    written = _drive(outboxes, folder, found, live, seconds=seconds, rate=rate)
    done.set()
    flushing.join()
    last_row = time.time()
    if live is not None:
        _tell(live, "storing")
    spool.close()
    store.communicate()
    (folder / "run.json").write_text(json.dumps(manifest | {"ended": "run_time", "ended_at": _now()}))
    found.stored_s = time.time() - last_row
    if live is not None:
        found.cpu_share, found.peak_mb = _spent(live, seconds), max(found.peak_mb, _resident_mb(live))
        _tell(live, "finish")
    (live or _child("analysis", str(folder))).communicate()
    found.report_s = time.time() - last_row
    found.verdict_s = (folder / "verdict.json").stat().st_mtime - last_row
    verdict = json.loads((folder / "verdict.json").read_bytes())
    assert verdict["counts"]["all"] == written, f"{written} rows were written, {verdict['counts']['all']} are counted"
    _child("analysis", str(folder)).communicate()
    found.is_same = json.loads((folder / "verdict.json").read_bytes()) == verdict
    return found


def _drive(
    outboxes: list[Outbox],
    folder: Path,
    found: Measured,
    live: subprocess.Popen[bytes] | None,
    *,
    seconds: float,
    rate: float,
) -> int:
    """Write rows at the rate, measure each step's lateness, and look at the document each second; returns the rows."""
    started = due = time.perf_counter()
    said = started
    written, counts, times = 0, [0], [started]
    while (now := time.perf_counter()) - started < seconds:
        due += STEP_S
        time.sleep(max(0.0, due - now))
        now = time.perf_counter()
        found.lags_s.append(max(0.0, now - due))
        while written < rate * (now - started):
            outboxes[written % OUTBOXES].write()
            written += 1
        counts.append(written)
        times.append(now)
        if now - said >= 1.0:
            said = now
            for outbox in outboxes:
                outbox.recorder.health(_vitals())
            if live is not None:
                found.peak_mb = max(found.peak_mb, _resident_mb(live))
                _look(folder, found, counts, times, now=now)
        due = max(due, time.perf_counter() - STEP_S)  # what was missed is not made up in a burst
    return written


def _look(folder: Path, found: Measured, counts: list[int], times: list[float], *, now: float) -> None:
    try:
        said = json.loads((folder / "live.json").read_bytes())
    except FileNotFoundError:
        return
    shown = said["attempts"]["all"]
    if shown:
        found.ages_s.append((datetime.now(UTC) - datetime.fromisoformat(said["as_of"])).total_seconds())
        # The oldest row that is not shown yet was written then.
        found.data_ages_s.append(now - times[min(bisect.bisect_right(counts, shown), len(times) - 1)])


def _vitals() -> Health:
    return Health(
        at=time.time_ns() // 1000,
        loop_lag_s=0.001,
        loop_blocked_s=0.0,
        cpu=0.3,
        rss_bytes=60_000_000,
        greenlets=None,
        file_descriptors=None,
        queue_depth=0,
        open_connections=CONNECTIONS,
    )


def _child(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def _tell(child: subprocess.Popen[bytes], word: str) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{word}\n".encode())
    child.stdin.flush()


def _spent(child: subprocess.Popen[bytes], seconds: float) -> float:
    times = psutil.Process(child.pid).cpu_times()
    return float(times.user + times.system) / seconds


def _resident_mb(child: subprocess.Popen[bytes]) -> float:
    return float(psutil.Process(child.pid).memory_info().rss) / 2**20


def _flush(spool: Spool, done: threading.Event) -> None:
    while not done.wait(FLUSH_S):
        spool.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Replay in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of each run")
    parser.add_argument("--rate", type=float, default=400.0, help="rows a second, of all outboxes together")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as reports:
        without, beside = (
            replay(Path(reports) / name, seconds=options.seconds, rate=options.rate, is_live=name == "live")
            for name in ("plain", "live")
        )
    print(
        f"{OUTBOXES} outboxes, {options.rate:g} rows a second, {options.seconds:g} s; with the analysis beside the run:"
    )
    if beside.ages_s:
        for words, ages in (("the page", beside.ages_s), ("the oldest row that it lacks", beside.data_ages_s)):
            print(f"age of {words}: median {_quantile(ages, 0.5):.1f} s, p99 {_quantile(ages, 0.99):.1f} s")
    else:
        print("age of the page: no document with rows was seen; give more --seconds")
    print(
        f"CPU: {100 * (beside.cpu_share or 0.0):.0f} % of a core, its imports among it; at most {beside.peak_mb:.0f} MB"
    )
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        with_it, alone = _quantile(beside.lags_s, share), _quantile(without.lags_s, share)
        ratio = f"{with_it / alone:.2f}" if alone else "–"
        print(f"lag of the master's loop, {name}: {1e3 * with_it:.2f} ms against {1e3 * alone:.2f} ms (ratio {ratio})")
    for name, mine, other in (
        ("last row to all stored", beside.stored_s, without.stored_s),
        ("last row to verdict.json", beside.verdict_s, without.verdict_s),
        ("last row to the whole report", beside.report_s, without.report_s),
    ):
        print(f"{name}: {mine:.1f} s against {other:.1f} s (ratio {mine / other:.2f})")
    print(f"the verdict is that of python -m analysis, cell for cell: {'yes' if beside.is_same else 'NO'}")


if __name__ == "__main__":
    main()
