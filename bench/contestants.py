"""One contestant of a bench in a process of its own: `python -m bench.contestants NAME JOB PORT SECONDS USERS`.

It runs a Locust user class on Locust's local runner. When everybody has connected it says so, waits for a
line on its standard input, and after so many seconds prints what it did as one JSON line. `naive` is the
user that anyone would write; the others are wsoak's users with a client and with or without recording.
What was done is divided by the CPU time that it took (a core's second), so that other work on the machine
does not count as slowness.
"""

from __future__ import annotations

from locust import User, constant_pacing, task
from locust.env import Environment

import json
import math
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import gevent
import psutil
import websocket
from gevent.threadpool import ThreadPool

from attempts.schema import Attempt, ConnectionFacts, WorkerFacts
from attempts.spool.recorder import Recorder
from attempts.spool.spool import FLUSH_S, Spool
from scenarios.clients import Services, own_end, prepare, run_connection
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.clock import Clock
from scenarios.evidence.kernel import LINUX, TcpKernel
from scenarios.machine.garbage import settle_collector
from scenarios.machine.vitals import GeventWatch, Vitals
from scenarios.plan import ConnectionPlan, Setting, Target
from scenarios.screens.locust_stats import Screen

# Of the exchanges since the measurement began; a day of them would not fit.
durations_s: deque[float] = deque(maxlen=200_000)

PING = '{"type":"ping"}'
WORKER = WorkerFacts("bench", "w0", "Linux", "", "3.11", "host", None, False)

NOT_RECORDED = ", not recorded"
NOT_ASKED = ", kernel not asked"
# name -> (client, what it does without)
OURS = {
    "websocket-client": ("websocket-client", ""),
    "websocket-client" + NOT_RECORDED: ("websocket-client", NOT_RECORDED),
    "websocket-client" + NOT_ASKED: ("websocket-client", NOT_ASKED),
    "websockets-gevent": ("websockets-gevent", ""),
    "websockets-gevent" + NOT_RECORDED: ("websockets-gevent", NOT_RECORDED),
    "websockets-gevent" + NOT_ASKED: ("websockets-gevent", NOT_ASKED),
    "websockets-selector": ("websockets-selector", ""),
    "websockets-uvloop": ("websockets-uvloop", ""),
}


def naive_user(job: str, port: int, counts: dict[str, int]) -> type[User]:
    """The Locust user that anyone would write."""
    url = f"ws://127.0.0.1:{port}/ws"

    class Naive(User):
        def connect(self) -> websocket.WebSocket:
            started = time.perf_counter()
            ws = websocket.create_connection(url, timeout=10)
            ws.recv()
            self.fire("WS", "connect", started)
            counts["connects"] += 1
            return ws

        def fire(self, kind: str, name: str, started: float) -> None:
            self.environment.events.request.fire(
                request_type=kind,
                name=name,
                response_time=(time.perf_counter() - started) * 1000,
                response_length=0,
                exception=None,
                context={},
            )

        def on_start(self) -> None:
            if job != "connect":
                self.ws = self.connect()

        @task
        def work(self) -> None:
            if job == "connect":
                self.connect().close()
            elif job == "hold":
                gevent.sleep(3600)
            else:
                started = time.perf_counter()
                self.ws.send(PING)
                self.ws.recv()
                self.fire("WSX", "ping", started)
                counts["exchanges"] += 1
                durations_s.append(time.perf_counter() - started)

    if job == "latency":
        Naive.wait_time = constant_pacing(1.0)
    return Naive


class Unrecorded:
    """A recorder that keeps nothing."""

    def connection(self, facts: ConnectionFacts) -> int:
        return 0

    def write(self, attempt: Attempt) -> None:
        pass


class Recording:
    """What keeps a worker's rows and vitals while it runs: its spool, its recorder, and the greenlet that flushes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.vitals = Vitals(unix_us=clock.micros, open_connections=lambda: 0, greenlets=lambda: 0)
        self.failed: list[BaseException] = []
        self._spool = Spool(folder)
        self.recorder = Recorder(self._spool, WORKER)
        self._watch = GeventWatch(self.vitals, self.recorder.health, failed=self.failed.append)
        self._disk = ThreadPool(1)

    def start(self) -> None:
        self._flusher = gevent.spawn(self._keep_flushing)

    def end(self) -> None:
        self._watch.stop()
        self._flusher.kill()
        self._disk.apply(self._spool.close)

    def _keep_flushing(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self._disk.apply(self._spool.flush)


def script_of(job: str) -> tuple[str, dict[str, Setting]]:
    """The scenario of a job, and what it reads of the options."""
    settings: dict[str, Setting] = {"operations": {"ping": 1.0}, "pace_s": 0.0, "churn_exchanges": 0}
    if job == "hold":
        settings["heartbeat_s"] = 3600.0
    if job == "latency":
        settings["pace_s"] = 1.0
    return {"exchange": "steady", "latency": "steady", "connect": "churn", "hold": "idle"}[job], settings


def our_user(
    name: str, job: str, port: int, counts: dict[str, int], folder: Path
) -> tuple[type[User], Callable[[], None]]:
    """Our user, with all that a worker has around it; and what ends it."""
    client, without = OURS[name]
    if without == NOT_ASKED:
        vars(own_end)["kernel_of"] = lambda *_, **__: TcpKernel(LINUX)  # one that answers nothing
    clock = Clock.now()
    recording = Recording(folder, clock)
    screens: list[Screen] = []

    def seen(_: ConnectionPlan, attempt: Attempt) -> None:
        counts["connects" if attempt.kind == "connect" else "exchanges"] += 1
        if attempt.kind == "exchange":
            durations_s.append(attempt.duration_s)
        screens[0].show(attempt)

    services = Services(
        recorder=Unrecorded() if without == NOT_RECORDED else recording.recorder,
        clock=clock,
        lag=recording.vitals.lag,
        cpu=lambda: recording.vitals.cpu,
        on_attempt=seen,
    )
    target = Target(scheme="ws", host="127.0.0.1", port=port)
    scenario, settings = script_of(job)
    settle_collector()
    recording.start()
    prepare(client, services)
    numbers = iter(range(1 << 60))

    class Ours(User):
        @task
        def live(self) -> None:
            if not screens:
                screens.append(Screen(self.environment))
            while not services.stop:
                number = next(numbers)
                plan = ConnectionPlan(
                    user=number,
                    connection=number,
                    scenario=scenario,
                    scheduled_at=clock.micros(time.perf_counter()),
                    subject="bench",
                    seed=number,
                    settings=settings,
                    client=client,
                    token_transport="header",
                )
                run_connection(plan, target, services)

    def end() -> None:
        services.stop.give()
        close_children(services)
        gevent.sleep(0.5)  # the users' last rows
        recording.end()
        if recording.failed or not services.tally.balanced:
            raise SystemExit(f"the bench is wrong: {recording.failed}, {services.tally}")

    return Ours, end


def processes() -> list[psutil.Process]:
    """This process and its children: the asyncio client has one."""
    this = psutil.Process()
    return [this, *this.children()]


def resident_bytes() -> int:
    return sum(int(process.memory_info().rss) for process in processes())


def cpu_s() -> float:
    """Of this process to the nanosecond, of its children to the kernel's tick."""
    return time.process_time() + sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children())


def main() -> None:
    name, job, port, seconds, users = sys.argv[1:]
    counts = {"connects": 0, "exchanges": 0}
    with tempfile.TemporaryDirectory() as folder:
        end: Callable[[], None]
        if name == "naive":
            user, end = naive_user(job, int(port), counts), lambda: None
        else:
            user, end = our_user(name, job, int(port), counts, Path(folder))
        environment = Environment(user_classes=[user])
        runner = environment.create_local_runner()
        before = resident_bytes()
        runner.start(int(users), spawn_rate=int(users))
        while counts["connects"] < int(users):
            gevent.sleep(0.05)
        gevent.sleep(0.5)
        after = resident_bytes()
        print("ready", flush=True)
        gevent.get_hub().threadpool.apply(sys.stdin.readline)
        durations_s.clear()
        seen, used_s = dict(counts), cpu_s()
        gevent.sleep(float(seconds))
        used_s = cpu_s() - used_s
        did = {f"{what}_per_core_s": (counts[what] - seen[what]) / used_s for what in counts}
        measured = sorted(durations_s) or [math.nan]
        end()
        print(
            json.dumps(
                {
                    "name": name,
                    **did,
                    "median_s": measured[len(measured) // 2],
                    "p99_s": measured[int(len(measured) * 0.99)],
                    "bytes_per_user": (after - before) / int(users),
                }
            ),
            flush=True,
        )
        # Not runner.quit(): WebSocket.close() swallows the kill of the naive user, which would go on for ever.
        os._exit(0)


if __name__ == "__main__":
    main()
