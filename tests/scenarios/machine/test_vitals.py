"""Vitals: rows in virtual time, the process's own readings, and the two shells in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from scenarios.machine.vitals import ProcessProbe, ProcessReading, Vitals, time_wait_from

SOCKSTAT = """sockets: used 147
TCP: inuse 4 orphan 0 tw 28231 alloc 5 mem 1
UDP: inuse 0 mem 0
"""


def reading(cpu_s: float | None = 0.0, time_wait: int | None = None) -> ProcessReading:
    return ProcessReading(cpu_s, 50_000_000, 12, time_wait)


def vitals_with(*readings: ProcessReading) -> Vitals:
    script = iter(readings)
    return Vitals(
        unix_us=lambda now: int(now * 1e6),
        open_connections=lambda: 7,
        queue_depth=lambda: 3,
        read_process=lambda: next(script),
    )


def test_a_second_of_work_becomes_one_row() -> None:
    vitals = vitals_with(reading(1.0, 10), reading(1.5, 12))
    vitals.lag.tick(100.0)
    assert vitals.sample(100.0) is None
    vitals.lag.tick(100.5)
    vitals.lag.tick(101.0)
    row = vitals.sample(101.0)
    assert row is not None
    assert row.at == 101_000_000
    assert row.cpu == vitals.cpu == pytest.approx(0.5)
    assert (row.loop_lag_s, row.loop_blocked_s) == pytest.approx((0.49, 0.98))
    assert (row.open_connections, row.queue_depth, row.ephemeral_ports) == (7, 3, 19)
    assert (row.rss_bytes, row.file_descriptors, row.greenlets) == (50_000_000, 12, None)


def test_what_the_platform_does_not_tell_is_null() -> None:
    nothing = ProcessReading(None, None, None, None)
    vitals = vitals_with(nothing, nothing)
    vitals.lag.tick(1.0)
    vitals.sample(1.0)
    row = vitals.sample(2.0)
    assert row is not None
    assert row.cpu is row.rss_bytes is row.file_descriptors is row.ephemeral_ports is None


def test_time_wait_is_read_from_the_kernels_summary() -> None:
    assert time_wait_from(SOCKSTAT) == 28231
    assert time_wait_from("sockets: used 3\n") is None


def test_this_process_has_memory_and_used_cpu() -> None:
    now = ProcessProbe().read()
    assert now.rss_bytes is not None and now.rss_bytes > 1_000_000
    assert now.cpu_s is not None and now.cpu_s > 0.0
    # Wine tells neither handles nor descriptors; none may become a number.
    assert now.file_descriptors is None or now.file_descriptors >= 3
    assert now.file_descriptors is not None or sys.platform == "win32"


GEVENT_CHILD = """
import json, time
import gevent
from scenarios.machine.vitals import GeventWatch, Vitals
rows, failures = [], []
vitals = Vitals(unix_us=lambda now: int(now * 1e6))
watch = GeventWatch(vitals, rows.append, failed=failures.append)
start = time.perf_counter()
gevent.sleep(0.1)
time.sleep(0.4)  # this blocks the loop
with gevent.Timeout(20):
    while not rows:
        gevent.sleep(0.05)
watch.stop()
lag_s, _ = vitals.lag.lag_between(start, time.perf_counter())
print(json.dumps({"lag_s": lag_s, "row_lag_s": rows[0].loop_lag_s, "failures": len(failures)}))
"""

ASYNCIO_CHILD = """
import asyncio, json, sys, time
from scenarios.machine.vitals import Vitals, watch_on_asyncio
rows = []
async def main():
    vitals = Vitals(unix_us=lambda now: int(now * 1e6))
    watch = asyncio.create_task(watch_on_asyncio(vitals, rows.append))
    start = time.perf_counter()
    await asyncio.sleep(0.1)
    time.sleep(0.4)  # this blocks the loop
    async with asyncio.timeout(20):
        while not rows:
            await asyncio.sleep(0.05)
    watch.cancel()
    lag_s, _ = vitals.lag.lag_between(start, time.perf_counter())
    print(json.dumps({"lag_s": lag_s, "row_lag_s": rows[0].loop_lag_s,
                      "failures": int("gevent" in sys.modules or "locust" in sys.modules)}))
asyncio.run(main())
"""

BROKEN_CHILD = """
import json, gevent
from scenarios.machine.vitals import GeventWatch, Vitals
failures = []
def emit(row): raise OSError("disk full")
watch = GeventWatch(Vitals(unix_us=lambda now: 0), emit, failed=failures.append)
with gevent.Timeout(20):
    while not failures:
        gevent.sleep(0.05)
print(json.dumps({"failure": str(failures[0])}))
"""


def output_of(program: str) -> dict[str, object]:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, object] = json.loads(ran.stdout)
    return answer


@pytest.mark.parametrize("program", [GEVENT_CHILD, ASYNCIO_CHILD], ids=["gevent", "asyncio"])
def test_a_blocked_loop_is_seen_by_the_watch_on_it(program: str) -> None:
    seen = output_of(program)
    assert isinstance(seen["lag_s"], float) and seen["lag_s"] >= 0.35
    assert isinstance(seen["row_lag_s"], float) and seen["row_lag_s"] >= 0.35
    assert seen["failures"] == 0


def test_a_watch_that_cannot_deliver_says_so() -> None:
    assert output_of(BROKEN_CHILD) == {"failure": "disk full"}
