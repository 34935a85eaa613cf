"""Master and workers: what they tell each other beside Locust's own messages, and how rows come home.

Locust's messages can get lost, its master forgets workers, and what is queued when a process ends is gone
(a "quit" leaves half a second). So rows travel as segments with acknowledgements (`attempts.spool.shipping`),
and the master ends a run only when each worker has said that all of its rows have arrived, or when its
patience is over; a worker that never said so is lost, and the run is void.

    worker -> master   soak_hello      who I am: its entry in run.json so far
    worker -> master   soak_time       what time is it? (again and again: the quickest answer is the best)
    master -> worker   soak_time       the master's clock
    worker -> master   soak_broken     I cannot take part, or no longer: end the run
    worker -> master   soak_segment    a chunk of rows
    master -> worker   soak_segment_reply
    master -> worker   soak_drain      stop, and ship what is left
    worker -> master   soak_drained    all has arrived (or not); the worker's report
"""

from __future__ import annotations

from locust import runners

import contextlib
import math
import time
from pathlib import Path
from typing import Any, Final

import gevent
import msgspec
from gevent.threadpool import ThreadPool

from attempts.spool.shipping import (
    Arrived,
    Receiver,
    Sender,
    keep_segment_file,
    read_segment_file,
    remove_segment_file,
    sealed_segments,
)
from scenarios.control.live_run import LiveRun
from scenarios.load.clock_offset import ClockOffset
from scenarios.load.generator import LoadGenerator
from scenarios.run_file import WorkerEntry
from scenarios.run_order import GeneratorReport

SHIP_EVERY_S: Final = 0.5
ASK_TIME_EVERY_S: Final = 3.0
# Long enough for minutes of unsent rows over a slow line; short enough that a CI job ends by itself.
DRAIN_DEADLINE_S: Final = 120.0
# A worker that Locust has not heard of for its whole heartbeat patience is not waited for as long.
MISSING_DEADLINE_S: Final = 10.0


def _wall_us() -> int:
    return time.time_ns() // 1000


class Courier:
    """A worker's side: greets, ships segments while the run goes on, drains at its end."""

    def __init__(self, runner: runners.WorkerRunner) -> None:
        self._runner = runner
        self._disk = ThreadPool(1)
        self._sender = Sender()
        self._folder = Path()
        self._offset = ClockOffset()
        self._shipping: gevent.Greenlet[..., None] | None = None
        self._draining: gevent.Greenlet[..., None] | None = None
        runner.register_message("soak_segment_reply", self._on_reply, concurrent=True)
        runner.register_message("soak_time", self._on_time)
        runner.register_message("soak_drain", self._on_drain, concurrent=True)

    def start(self, generator: LoadGenerator, folder: Path) -> None:
        """A run begins whose segments appear in `folder`."""
        self._folder = folder
        self._sender = Sender()
        self._offset = ClockOffset()
        self._runner.send_message("soak_hello", msgspec.to_builtins(generator.entry))
        self._shipping = gevent.spawn(self._ship, generator)

    def broken(self, sentence: str) -> None:
        """This worker cannot take part, or no longer: the run is void, and need not go on."""
        self._runner.send_message("soak_broken", {"sentence": sentence})

    def finish(self, report: GeneratorReport) -> None:
        """The spool is closed: ship the rest. Returns at once, since replies come through our caller."""
        if self._shipping is not None:
            self._shipping.kill()
        self._draining = gevent.spawn(self._drain, report)

    def join(self) -> None:
        """Wait until the last drain is over."""
        if self._draining is not None:
            self._draining.join()

    def _ship(self, generator: LoadGenerator) -> None:
        asked_at = -math.inf
        is_told = False
        while True:
            if generator.must_end and not is_told:
                is_told = True
                self.broken(generator.problems[-1])
            now = time.perf_counter()
            self._ship_once(now)
            if now - asked_at >= ASK_TIME_EVERY_S:
                asked_at = now
                self._runner.send_message("soak_time", {"sent_at": _wall_us()})
            gevent.sleep(SHIP_EVERY_S)

    def _ship_once(self, now: float) -> None:
        found = self._disk.apply(lambda: [name for name, _ in sealed_segments(self._folder)])
        self._sender.offer(found)
        while (name := self._sender.wanted()) is not None:
            self._sender.load(name, self._disk.apply(read_segment_file, (self._folder, name)))
        for message in self._sender.due(now):
            # Locust retries a full queue for 9 s and then raises; the segment is sent again anyway.
            with contextlib.suppress(Exception):
                self._runner.send_message("soak_segment", message)

    def _drain(self, report: GeneratorReport) -> None:
        deadline = time.perf_counter() + DRAIN_DEADLINE_S
        while True:
            now = time.perf_counter()
            self._ship_once(now)
            if self._sender.is_drained or now >= deadline:
                break
            gevent.sleep(0.05)
        problems = list(report.problems)
        if not self._sender.is_drained:
            problems.append(
                f"Worker {report.workers[0].worker} could not ship {len(self._sender.leftovers)} segments; they are on "
                f"its machine in {self._folder}: copy that folder and run python -m attempts.collect."
            )
        else:
            with contextlib.suppress(OSError):
                self._folder.rmdir()
                self._folder.parent.rmdir()
        final = msgspec.structs.replace(report, problems=problems, clock_offset_s=self._offset.value_s)
        self._runner.send_message("soak_drained", {"report": msgspec.json.encode(final)})

    def _on_reply(self, environment: Any, msg: Any, **_: Any) -> None:
        done = self._sender.receive(msg.data)
        if done is not None:
            self._disk.apply(remove_segment_file, (self._folder, done))

    def _on_time(self, environment: Any, msg: Any, **_: Any) -> None:
        self._offset.answered(sent_at=msg.data["sent_at"], master_at=msg.data["master_at"], received_at=_wall_us())

    def _on_drain(self, environment: Any, msg: Any, **_: Any) -> None:
        # Fires test_stop here, which closes the spool and calls `finish`; nothing, if that was before.
        self._runner.stop()


class Fleet:
    """The master's side: who takes part, their segments into the run's spool, and who got lost."""

    def __init__(self, runner: runners.MasterRunner) -> None:
        self._runner = runner
        self._disk = ThreadPool(1)
        self._receiver = Receiver()
        self._run: LiveRun | None = None
        self._expected: set[str] = set()  # Locust's client ids
        self._hellos: dict[str, WorkerEntry] = {}
        self._reports: dict[str, GeneratorReport] = {}
        self.is_broken = False
        runner.register_message("soak_hello", self._on_hello)
        runner.register_message("soak_time", self._on_time)
        runner.register_message("soak_segment", self._on_segment, concurrent=True)
        runner.register_message("soak_drained", self._on_drained)
        runner.register_message("soak_broken", self._on_broken)

    @property
    def expected(self) -> int:
        """How many workers are connected."""
        return int(self._runner.worker_count)

    def begin(self, run: LiveRun) -> None:
        """A run begins: nobody has said hello yet, but all that are connected are expected to."""
        self._run = run
        self._receiver = Receiver()
        self._expected = {c.id for c in self._runner.clients.ready}
        self._hellos = {}
        self._reports = {}
        self.is_broken = False

    def watch(self) -> None:
        """Notice workers that Locust has lost sight of."""
        for client_id, hello in self._hellos.items():
            if self._is_gone(client_id) and client_id not in self._reports and self._run is not None:
                self._run.problem(f"Worker {hello.worker} ({hello.platform}, host {hello.host}) was lost.")

    def collect(self) -> list[GeneratorReport]:
        """Ask all workers to stop and ship; wait for their reports, or until patience is over."""
        started = time.perf_counter()
        for client_id in self._expected | set(self._hellos):
            self._runner.send_message("soak_drain", None, client_id=client_id)
        while True:
            waited = time.perf_counter() - started
            missing = (self._expected | set(self._hellos)) - set(self._reports)
            if not missing or waited >= DRAIN_DEADLINE_S:
                break
            if waited >= MISSING_DEADLINE_S and all(self._is_gone(c) for c in missing):
                break
            gevent.sleep(0.05)
        self.watch()
        if self._run is not None:
            for _ in self._expected - set(self._hellos):
                self._run.problem("A worker that was connected at the start never took part in the run.")
        return list(self._reports.values())

    def lost_workers(self) -> list[WorkerEntry]:
        """Those that said hello and never reported."""
        return [
            msgspec.structs.replace(hello, lost=True)
            for client_id, hello in self._hellos.items()
            if client_id not in self._reports
        ]

    def _is_gone(self, client_id: str) -> bool:
        client = self._runner.clients.get(client_id)
        return client is None or client.state == runners.STATE_MISSING

    def _on_hello(self, environment: Any, msg: Any, **_: Any) -> None:
        self._hellos[msg.node_id] = msgspec.convert(msg.data, WorkerEntry)

    def _on_time(self, environment: Any, msg: Any, **_: Any) -> None:
        answer = {"sent_at": msg.data["sent_at"], "master_at": _wall_us()}
        self._runner.send_message("soak_time", answer, client_id=msg.node_id)

    def _on_segment(self, environment: Any, msg: Any, **_: Any) -> None:
        if self._run is None:
            return
        spool = self._run.folder / "spool"
        for step in self._receiver.receive(msg.data):
            if not isinstance(step, Arrived):
                reply = step
            else:
                try:
                    self._disk.apply(keep_segment_file, (spool, step.name, step.data))
                except OSError as error:
                    self._receiver.failed(step)
                    self._run.problem(f"Rows of worker {step.name.worker} cannot be kept: {error}.")
                    continue
                reply = self._receiver.kept(step)
            self._runner.send_message("soak_segment_reply", reply, client_id=msg.node_id)

    def _on_drained(self, environment: Any, msg: Any, **_: Any) -> None:
        self._reports[msg.node_id] = msgspec.json.decode(msg.data["report"], type=GeneratorReport)

    def _on_broken(self, environment: Any, msg: Any, **_: Any) -> None:
        self.is_broken = True
        if msg.node_id not in self._hellos:
            self._expected.discard(msg.node_id)  # it takes no part, and has said why
        if self._run is not None:
            self._run.problem(f"A worker has given up: {msg.data['sentence']}")
