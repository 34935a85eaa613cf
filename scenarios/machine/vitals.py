"""The load generator's own health, each second: it may be the culprit, so its vitals are data.

`Vitals` holds what is known and makes `Health` rows of it; two shells feed it, one on gevent and one on
asyncio (which never imports gevent). `lag_between` of its meter goes into every attempt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import psutil

from attempts.schema import Health
from scenarios.machine.lag import LagMeter

if TYPE_CHECKING:
    from gevent import Greenlet

# 100 wake-ups a second cost about 0.1 % of a core and see every delay above 10 ms.
TICK_S: Final = 0.010
SAMPLE_S: Final = 1.0

_T = TypeVar("_T")

_SOCKSTAT: Final = Path("/proc/net/sockstat")


class ProcessReading(NamedTuple):
    """What the operating system says of this process at one moment; None = it does not tell.

    Attributes:
        cpu_s: User and system time since the process began, in seconds.
        rss_bytes: Resident memory.
        file_descriptors: Open descriptors; on Windows, open handles.
        time_wait: TCP sockets of this host (or network namespace) in TIME_WAIT: each holds a port.
    """

    cpu_s: float | None
    rss_bytes: int | None
    file_descriptors: int | None
    time_wait: int | None


class ProcessProbe:
    """Reads the vitals of the process that it is made in."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def read(self) -> ProcessReading:
        """One reading; costs well below a millisecond whatever the number of sockets.

        Counting ports by listing every socket would take tens of milliseconds at 10,000 of them and
        so cause the lag that it stands beside; the kernel's own summary costs nothing.
        """
        with self._process.oneshot():
            return ProcessReading(
                cpu_s=_told(lambda: sum(self._process.cpu_times()[:2])),
                rss_bytes=_told(lambda: int(self._process.memory_info().rss)),
                file_descriptors=_told(self._descriptors),
                time_wait=_told(lambda: time_wait_from(_SOCKSTAT.read_text(encoding="ascii"))),
            )

    def _descriptors(self) -> int | None:
        # psutil has each name only on the platforms that know the thing.
        count = getattr(self._process, "num_handles" if psutil.WINDOWS else "num_fds")
        # Wine answers 0, which no running process has.
        return int(count()) or None


def time_wait_from(sockstat: str) -> int | None:
    """The number of sockets in TIME_WAIT, from the text of Linux's /proc/net/sockstat (IPv4 and IPv6)."""
    for line in sockstat.splitlines():
        words = line.split()
        if words[:1] == ["TCP:"] and "tw" in words:
            return int(words[words.index("tw") + 1])
    return None


def _told(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except (OSError, ValueError, psutil.Error, NotImplementedError):
        return None


class Vitals:
    """One process's vitals: the meter of its loop, its last CPU reading, and its `Health` rows.

    Args:
        unix_us: Microseconds since the epoch, UTC, at a `perf_counter` reading (the process's anchor).
        open_connections: How many sessions are open now.
        queue_depth: How many rows or messages wait to leave this process.
        greenlets: How many greenlets (or tasks) live now; None where nobody counts them.
        read_process: The operating system's view.
    """

    def __init__(
        self,
        *,
        unix_us: Callable[[float], int],
        open_connections: Callable[[], int] = lambda: 0,
        queue_depth: Callable[[], int] = lambda: 0,
        greenlets: Callable[[], int] | None = None,
        read_process: Callable[[], ProcessReading] | None = None,
    ) -> None:
        self.lag = LagMeter(TICK_S)
        self.cpu: float | None = None
        self._unix_us = unix_us
        self._open_connections = open_connections
        self._queue_depth = queue_depth
        self._greenlets = greenlets
        self._read_process = read_process or ProcessProbe().read
        self._sampled_at: float | None = None
        self._cpu_s: float | None = None

    def sample(self, now: float) -> Health | None:
        """The second (or more, if the loop was late) that ends at `now`; None for the first call.

        Updates `cpu`: the cores that this process used since the last sample.
        """
        reading = self._read_process()
        before, self._sampled_at = self._sampled_at, now
        cpu_before, self._cpu_s = self._cpu_s, reading.cpu_s
        if before is None or now <= before:
            return None
        if reading.cpu_s is not None and cpu_before is not None:
            self.cpu = max(0.0, reading.cpu_s - cpu_before) / (now - before)
        else:
            self.cpu = None
        lag_s, blocked_s = self.lag.lag_between(before, now)
        if lag_s is None or blocked_s is None:
            return None
        connections = self._open_connections()
        return Health(
            at=self._unix_us(now),
            loop_lag_s=lag_s,
            loop_blocked_s=blocked_s,
            cpu=self.cpu,
            rss_bytes=reading.rss_bytes,
            greenlets=None if self._greenlets is None else self._greenlets(),
            file_descriptors=reading.file_descriptors,
            queue_depth=self._queue_depth(),
            open_connections=connections,
            ephemeral_ports=None if reading.time_wait is None else connections + reading.time_wait,
        )


class GeventWatch:
    """The two greenlets that feed a process's vitals; they run until `stop`.

    Args:
        vitals: What they feed.
        emit: Takes each `Health` row. An exception in it ends the watch and reaches `failed`.
        failed: Called with the exception that ended the watch (a generator without vitals is void).
    """

    def __init__(
        self, vitals: Vitals, emit: Callable[[Health], None], *, failed: Callable[[BaseException], None]
    ) -> None:
        # gevent is imported here and not above: an asyncio child uses this module without it.
        import gevent

        self._vitals = vitals
        self._emit = emit
        self._sleep: Callable[[float], None] = gevent.sleep
        self._greenlets: list[Greenlet[..., None]] = [gevent.spawn(self._tick), gevent.spawn(self._sample)]
        for greenlet in self._greenlets:
            greenlet.link_exception(lambda ended: failed(ended.exception or RuntimeError("the watch ended")))

    def stop(self) -> None:
        """End both greenlets."""
        for greenlet in self._greenlets:
            greenlet.kill()

    def _tick(self) -> None:
        while True:
            self._vitals.lag.tick(time.perf_counter())
            self._sleep(TICK_S)

    def _sample(self) -> None:
        while True:
            health = self._vitals.sample(time.perf_counter())
            if health is not None:
                self._emit(health)
            self._sleep(SAMPLE_S)


async def watch_on_asyncio(vitals: Vitals, emit: Callable[[Health], None]) -> None:
    """Feed `vitals` on the running asyncio loop until cancelled; an exception in `emit` comes out here."""
    import asyncio

    sample_at = time.perf_counter()
    while True:
        now = time.perf_counter()
        vitals.lag.tick(now)
        if now >= sample_at:
            sample_at = max(sample_at + SAMPLE_S, now)
            health = vitals.sample(now)
            if health is not None:
                emit(health)
        await asyncio.sleep(TICK_S)
