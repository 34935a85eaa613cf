"""A worker's side of the fleet: who it is, what time it is, and its rows on their way to the master.

The messages are in `fleet`.
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

from attempts.spool.shipping import Sender, read_segment_file, remove_segment_file, sealed_segments
from scenarios.control.fleet import wall_us
from scenarios.control.limits import Limits
from scenarios.load.clock_offset import ClockOffset
from scenarios.load.disk import Disk
from scenarios.load.generator import LoadGenerator
from scenarios.run_order import GeneratorReport

SHIP_EVERY_S: Final = 0.5
ASK_TIME_EVERY_S: Final = 3.0


class Courier:
    """A worker's side: greets, ships segments while the run goes on, drains at its end."""

    def __init__(self, runner: runners.WorkerRunner, limits: Limits) -> None:
        self._runner = runner
        self._limits = limits
        self._disk = Disk()
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
                self._runner.send_message("soak_time", {"sent_at": wall_us()})
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
        deadline = time.perf_counter() + self._limits.drain_s
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
        self._offset.answered(sent_at=msg.data["sent_at"], master_at=msg.data["master_at"], received_at=wall_us())

    def _on_drain(self, environment: Any, msg: Any, **_: Any) -> None:
        # Fires test_stop here, which closes the spool and calls `finish`; nothing, if that was before.
        self._runner.stop()
