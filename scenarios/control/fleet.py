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

import time
from typing import Any

import gevent
import msgspec

from attempts.spool.shipping import Arrived, Receiver, keep_segment_file
from scenarios.control.fleet_versions import versions_apart
from scenarios.control.limits import Limits
from scenarios.control.live_run import LiveRun
from scenarios.load.disk import Disk
from scenarios.run_file import WorkerEntry
from scenarios.run_order import GeneratorReport


def wall_us() -> int:
    """This machine's clock, microseconds since the epoch."""
    return time.time_ns() // 1000


class Fleet:
    """The master's side: who takes part, their segments into the run's spool, and who got lost."""

    def __init__(self, runner: runners.MasterRunner, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        self._disk = Disk()
        self._receiver = Receiver()
        self._run: LiveRun | None = None
        self._expected: set[str] = set()  # Locust's client ids
        self._hellos: dict[str, WorkerEntry] = {}
        self._reports: dict[str, GeneratorReport] = {}
        self.is_broken = False
        self._is_disk_closed = False
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
        self.is_broken = self._is_disk_closed = False

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
            if not missing or waited >= (self._limits.missing_s if self._is_disk_closed else self._limits.drain_s):
                break
            if waited >= self._limits.missing_s and all(self._is_gone(c) for c in missing):
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
        hello = self._hellos[msg.node_id] = msgspec.convert(msg.data, WorkerEntry)
        if self._run is not None and (sentence := versions_apart(hello.versions, self._run.file.versions)):
            self._run.note(sentence)

    def _on_time(self, environment: Any, msg: Any, **_: Any) -> None:
        answer = {"sent_at": msg.data["sent_at"], "master_at": wall_us()}
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
                    self.is_broken = self._is_disk_closed = True
                    self._run.problem(
                        f"The workers' rows cannot be kept in {spool} ({error.strerror}), so the run ends; what is not "
                        "there yet is on their disks: python -m attempts.collect brings it."
                    )
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
